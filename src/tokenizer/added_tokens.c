#include "tokenizer/added_tokens.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <string.h>

bool added_tokens_init(added_tokens *set, size_t capacity)
{
    *set = (added_tokens){.only_begin = -1};
    set->tokens = mem_alloc(capacity, sizeof *set->tokens);
    if (set->tokens == NULL || !token_index_init(&set->index, capacity)) {
        added_tokens_free(set);
        return false;
    }
    return true;
}

void added_tokens_free(added_tokens *set)
{
    token_index_free(&set->index);
    mem_free(set->tokens);
    *set = (added_tokens){0};
}

bool added_tokens_put(added_tokens *set, const char *text, size_t length, added_token token)
{
    if (!token_index_add(&set->index, text, length, (int32_t)set->count))
        return false;
    unsigned char first = (unsigned char)text[0];
    if (!set->begins[first])
        set->only_begin = set->count == 0 ? first : -1;
    set->begins[first] = true;
    if (length == 1)
        memset(set->pairs + first * 32, 0xFF, 32);
    else
        set->pairs[first * 32 + (unsigned char)text[1] / 8] |= (uint8_t)(1U << (unsigned char)text[1] % 8);
    set->tokens[set->count++] = token;
    return true;
}

added_tokens_cursor added_tokens_search(const added_tokens *set, const word_classes *classes,
                                        const char *text, size_t length)
{
    return (added_tokens_cursor){
        .set = set, .classes = classes, .text = text, .length = length, .pending_id = ADDED_TOKENS_TEXT};
}

static size_t find_byte(const added_tokens_cursor *cursor, size_t at)
{
    const added_tokens *set = cursor->set;
    if (set->only_begin >= 0) {
        if (at < cursor->length && (unsigned char)cursor->text[at] == set->only_begin)
            return at; /* one after another: no time for a call */
        const char *found = memchr(cursor->text + at, set->only_begin, cursor->length - at);
        return found != NULL ? (size_t)(found - cursor->text) : cursor->length;
    }
    while (at < cursor->length && !set->begins[(unsigned char)cursor->text[at]])
        at++;
    return at;
}

/* The first place from `at` on where a token may begin, or length. */
static size_t find_begin(const added_tokens_cursor *cursor, size_t at)
{
    const uint8_t *pairs = cursor->set->pairs;
    if (cursor->set->count == 0)
        return cursor->length;
    while ((at = find_byte(cursor, at)) < cursor->length) {
        unsigned first = (unsigned char)cursor->text[at];
        /* At the text's end only a token of one byte fits, and for those every second byte will do. */
        unsigned second = at + 1 < cursor->length ? (unsigned char)cursor->text[at + 1] : 0;
        if ((pairs[first * 32 + second / 8] >> second % 8 & 1) != 0)
            break;
        at++;
    }
    return at;
}

static uint32_t class_at(const added_tokens_cursor *cursor, size_t at)
{
    uint32_t code_point;
    utf8_decode(cursor->text + at, &code_point);
    return char_table_get(&cursor->classes->table, code_point);
}

static size_t previous_character(const added_tokens_cursor *cursor, size_t at)
{
    do
        at--;
    while (((unsigned char)cursor->text[at] & 0xC0) == 0x80);
    return at;
}

static bool stands_alone(const added_tokens_cursor *cursor, size_t start, size_t end)
{
    if (start > 0 && (class_at(cursor, previous_character(cursor, start)) & CLASS_WORD) != 0)
        return false;
    return end == cursor->length || (class_at(cursor, end) & CLASS_WORD) == 0;
}

/* Start of the white space before `at`, no further back than `least`. */
static size_t skip_space_left(const added_tokens_cursor *cursor, size_t at, size_t least)
{
    while (at > least) {
        size_t before = previous_character(cursor, at);
        if ((class_at(cursor, before) & CLASS_SPACE) == 0)
            break;
        at = before;
    }
    return at;
}

static size_t skip_space_right(const added_tokens_cursor *cursor, size_t at)
{
    while (at < cursor->length && (class_at(cursor, at) & CLASS_SPACE) != 0) {
        uint32_t code_point;
        at += utf8_decode(cursor->text + at, &code_point);
    }
    return at;
}

bool added_tokens_next(added_tokens_cursor *cursor, added_tokens_piece *piece)
{
    if (cursor->pending_id != ADDED_TOKENS_TEXT) {
        *piece = (added_tokens_piece){.id = cursor->pending_id};
        cursor->pending_id = ADDED_TOKENS_TEXT;
        return true;
    }
    const added_tokens *set = cursor->set;
    size_t start;
    while ((start = find_begin(cursor, cursor->search_at)) < cursor->length) {
        size_t matched = 0;
        int32_t value =
            token_index_longest(&set->index, cursor->text + start, cursor->length - start, &matched);
        cursor->search_at = start + (value != TOKEN_INDEX_NONE ? matched : 1);
        if (value == TOKEN_INDEX_NONE)
            continue;
        const added_token *token = &set->tokens[value];
        size_t end = start + matched;
        if (token->single_word && !stands_alone(cursor, start, end))
            continue;
        if (token->strip_left)
            start = skip_space_left(cursor, start, cursor->text_at < start ? cursor->text_at : start);
        if (token->strip_right)
            end = skip_space_right(cursor, end);
        size_t text_at = cursor->text_at;
        cursor->text_at = end;
        *piece = (added_tokens_piece){.id = token->id};
        if (text_at < start) {
            *piece = (added_tokens_piece){.id = ADDED_TOKENS_TEXT, .start = text_at, .end = start};
            cursor->pending_id = token->id;
        }
        return true;
    }
    cursor->search_at = cursor->length;
    if (cursor->text_at >= cursor->length)
        return false;
    *piece = (added_tokens_piece){ADDED_TOKENS_TEXT, cursor->text_at, cursor->length};
    cursor->text_at = cursor->length;
    return true;
}
