#include "tokenizer/word_splitter.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/byte_block.h"

#include <string.h>

#define CLASS_ENDS_WORD (CLASS_SPACE | CLASS_PUNCTUATION)

static void add_class(uint32_t *values, const unicode_range *ranges, size_t count, uint32_t class)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t c = ranges[i].first; c <= ranges[i].last; c++)
            values[c] |= class;
}

bool word_classes_build(word_classes *classes)
{
    *classes = (word_classes){0};
    uint32_t *values = mem_zalloc(UNICODE_LIMIT, sizeof *values);
    if (values == NULL)
        return false;
    add_class(values, unicode_spaces, unicode_spaces_count, CLASS_SPACE);
    add_class(values, unicode_punctuation, unicode_punctuation_count, CLASS_PUNCTUATION);
    add_class(values, unicode_word, unicode_word_count, CLASS_WORD);
    add_class(values, unicode_letters, unicode_letters_count, CLASS_LETTER);
    add_class(values, unicode_numbers, unicode_numbers_count, CLASS_NUMBER);
    add_class(values, unicode_marks, unicode_marks_count, CLASS_MARK);
    add_class(values, unicode_digits, unicode_digits_count, CLASS_DIGIT);
    values['\r'] |= CLASS_NEWLINE;
    values['\n'] |= CLASS_NEWLINE;
    for (size_t c = 0; c < 128; c++) {
        classes->ascii[c] = (uint8_t)(values[c] & CLASS_ENDS_WORD);
        classes->ascii_all[c] = (uint8_t)values[c];
    }
    bool done = char_table_build(&classes->table, values);
    mem_free(values);
    return done;
}

void word_classes_free(word_classes *classes)
{
    char_table_free(&classes->table);
}

bool id_list_grow(id_list *list, size_t more)
{
    size_t wanted;
    if (!size_add(list->count, more, &wanted))
        return false;
    size_t capacity = wanted > 2 * list->capacity ? wanted : 2 * list->capacity;
    int32_t *ids = mem_realloc(list->ids, capacity, sizeof *ids);
    if (ids == NULL)
        return false;
    list->ids = ids;
    list->capacity = capacity;
    return true;
}

void id_list_free(id_list *list)
{
    mem_free(list->ids);
    *list = (id_list){0};
}

/* Room for what an open word of `chars` characters and `more` bytes behind it can become. */
static bool reserve_ids(word_splitter *splitter, size_t chars, size_t more)
{
    size_t most = chars < splitter->model->max_chars ? chars : splitter->model->max_chars;
    return id_list_reserve(splitter->out, most + more + 1);
}

/* The bits of the last block, whose bytes are fewer. */
static uint64_t ends_of_tail(const char *text, size_t length)
{
    char block[BYTE_BLOCK_BYTES] = {0}; /* zeros end no word */
    memcpy(block, text, length);
    return byte_block_ends(block);
}

bool word_splitter_run(word_splitter *splitter, const char *text, size_t from, size_t length)
{
    const word_classes *classes = splitter->classes;
    const wordpiece *model = splitter->model;
    id_list *out = splitter->out;
    /* The open word: where it begins, its characters before `counted_from`, and the bytes from there on that are no
     * character of their own. */
    size_t start = splitter->chars > 0 ? splitter->word_start : from, counted_from = from;
    size_t chars_before = splitter->chars, extra = 0;
    for (size_t block = from; block < length; block += BYTE_BLOCK_BYTES) {
        size_t left = length - block;
        if (!reserve_ids(splitter, chars_before + block - counted_from, BYTE_BLOCK_BYTES))
            return false;
        uint64_t ends =
            left >= BYTE_BLOCK_BYTES ? byte_block_ends(text + block) : ends_of_tail(text + block, left);
        for (; ends != 0; ends &= ends - 1) {
            size_t at = block + (size_t)__builtin_ctzll(ends), bytes = 1;
            unsigned char byte = (unsigned char)text[at];
            uint32_t class;
            if (byte < 0x80) {
                class = classes->ascii[byte];
            } else {
                uint32_t code_point;
                bytes = utf8_decode(text + at, &code_point);
                class = char_table_get(&classes->table, code_point) & CLASS_ENDS_WORD;
                if (class == 0) {
                    extra += bytes - 1;
                    continue;
                }
            }
            size_t chars = chars_before + at - counted_from - extra;
            if (chars > 0 && !word_splitter_stopped(splitter))
                out->count += wordpiece_encode(model, text + start, at - start, length - start, chars,
                                               out->ids + out->count);
            if (word_splitter_stopped(splitter)) {
                splitter->chars = 0;
                return true;
            }
            if (class == CLASS_PUNCTUATION) {
                if (byte < 0x80)
                    out->ids[out->count++] = model->ascii[byte];
                else
                    out->count +=
                        wordpiece_encode(model, text + at, bytes, length - at, 1, out->ids + out->count);
            }
            start = counted_from = at + bytes;
            chars_before = extra = 0;
        }
    }
    splitter->word_start = start;
    splitter->chars = chars_before + length - counted_from - extra;
    return true;
}

bool word_splitter_finish(word_splitter *splitter, const char *text, size_t end)
{
    size_t chars = splitter->chars, start = splitter->word_start;
    splitter->chars = 0;
    if (chars == 0 || word_splitter_stopped(splitter))
        return true;
    if (!reserve_ids(splitter, chars, 0))
        return false;
    id_list *out = splitter->out;
    out->count += wordpiece_encode(splitter->model, text + start, end - start, end - start, chars,
                                   out->ids + out->count);
    return true;
}
