#include "tokenizer/word_splitter.h"

#include "base/memory.h"
#include "base/utf8.h"

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
    for (size_t c = 0; c < 128; c++)
        classes->ascii[c] = (uint8_t)(values[c] & CLASS_ENDS_WORD);
    bool done = char_table_build(&classes->table, values);
    mem_free(values);
    return done;
}

void word_classes_free(word_classes *classes)
{
    char_table_free(&classes->table);
}

bool id_list_reserve(id_list *list, size_t more)
{
    size_t wanted;
    if (!size_add(list->count, more, &wanted))
        return false;
    if (wanted <= list->capacity)
        return true;
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

static bool end_word(word_splitter *splitter, const char *text, size_t end)
{
    const wordpiece *model = splitter->model;
    id_list *out = splitter->out;
    size_t chars = splitter->chars, most = chars < model->max_chars ? chars : model->max_chars;
    if (!id_list_reserve(out, most + 1))
        return false;
    out->count += wordpiece_encode(model, text + splitter->word_start, end - splitter->word_start, chars,
                                   out->ids + out->count);
    splitter->chars = 0;
    return true;
}

/* Length of the run of characters at text[from] that do not end a word; adds their number to *chars and leaves the
 * class of what follows in *class (0 = the end of the text). */
static inline size_t skip_word(const word_classes *classes, const char *text, size_t from, size_t length,
                               size_t *chars, uint32_t *class, size_t *class_bytes)
{
    size_t i = from, found = 0;
    *class = 0;
    while (i < length) {
        unsigned char byte = (unsigned char)text[i];
        size_t bytes = 1;
        uint32_t ends;
        if (byte < 0x80) {
            ends = classes->ascii[byte];
        } else {
            uint32_t code_point;
            bytes = utf8_decode(text + i, &code_point);
            ends = char_table_get(&classes->table, code_point) & CLASS_ENDS_WORD;
        }
        if (ends != 0) {
            *class = ends;
            *class_bytes = bytes;
            break;
        }
        i += bytes;
        found++;
    }
    *chars += found;
    return i - from;
}

bool word_splitter_run(word_splitter *splitter, const char *text, size_t from, size_t length)
{
    size_t i = from;
    while (i < length) {
        uint32_t class;
        size_t class_bytes = 0;
        if (splitter->chars == 0)
            splitter->word_start = i;
        i += skip_word(splitter->classes, text, i, length, &splitter->chars, &class, &class_bytes);
        if (class == 0)
            return true;
        if (!word_splitter_finish(splitter, text, i))
            return false;
        if (class == CLASS_PUNCTUATION) {
            splitter->word_start = i;
            splitter->chars = 1;
            if (!word_splitter_finish(splitter, text, i + class_bytes))
                return false;
        }
        if (word_splitter_stopped(splitter))
            return true;
        i += class_bytes;
    }
    return true;
}

bool word_splitter_finish(word_splitter *splitter, const char *text, size_t end)
{
    if (splitter->chars == 0)
        return true;
    if (word_splitter_stopped(splitter)) {
        splitter->chars = 0;
        return true;
    }
    return end_word(splitter, text, end);
}
