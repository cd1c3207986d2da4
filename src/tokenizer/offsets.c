#include "tokenizer/offsets.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer_parts.h"

#include <string.h>

typedef enum outcome { DONE, NO_PLACES, NO_MEMORY } outcome;

/* How far it has come. */
typedef struct walk {
    const tokenizer *tok;
    const token_span *span;
    token_place *places;
    size_t token;       /* the next one */
    uint32_t character; /* of the text, at its place `byte` */
    size_t byte;
    buf normal;  /* what the stretch becomes */
    buf origins; /* uint32_t for each byte of `normal`: the character it comes from */
} walk;

static uint32_t origin_at(const walk *w, size_t at)
{
    uint32_t character;
    memcpy(&character, w->origins.data + at * sizeof character, sizeof character);
    return character;
}

/* The next token is the bytes from `start` to `end` of `normal`. */
static outcome place_token(walk *w, size_t start, size_t end)
{
    if (w->token >= w->span->count)
        return NO_PLACES;
    w->places[w->token++] = (token_place){origin_at(w, start), origin_at(w, end - 1) + 1};
    return DONE;
}

/* The text's place moves to `byte`. */
static void advance(walk *w, aki_text text, size_t byte)
{
    for (; w->byte < byte; w->byte++)
        w->character += ((unsigned char)text.data[w->byte] & 0xC0) != 0x80;
}

/* Fills `normal` and `origins` with what text[from..to) becomes. */
static bool normalize(walk *w, aki_text text, size_t to)
{
    normalizer_state state = {0};
    bool done = true;
    buf_clear(&w->normal);
    buf_clear(&w->origins);
    while (w->byte < to && done) {
        uint32_t code_point;
        const size_t length = utf8_decode(text.data + w->byte, &code_point), before = w->normal.length;
        done = normalizer_run(&w->tok->norm, &state, text.data + w->byte, length, &w->normal) &&
               normalizer_finish(&state, &w->normal);
        for (size_t i = before; i < w->normal.length && done; i++)
            done = buf_append(&w->origins, &w->character, sizeof w->character);
        w->byte += length;
        w->character++;
    }
    normalizer_state_free(&state);
    return done;
}

/* The tokens of the word from `start` to `end` of `normal`. */
static outcome place_word(walk *w, size_t start, size_t end)
{
    if (w->token < w->span->count && w->span->ids[w->token] == w->tok->model.unknown)
        return place_token(w, start, end);
    for (size_t at = start; at < end;) {
        const char *text =
            w->token < w->span->count ? tokenizer_token_text(w->tok, w->span->ids[w->token]) : NULL;
        const size_t prefix = at > start ? w->tok->prefix_length : 0, whole = text != NULL ? strlen(text) : 0;
        if (whole <= prefix || whole - prefix > end - at ||
            memcmp(w->normal.data + at, text + prefix, whole - prefix) != 0)
            return NO_PLACES;
        place_token(w, at, at + whole - prefix);
        at += whole - prefix;
    }
    return DONE;
}

static outcome place_words(walk *w, size_t start, size_t end)
{
    size_t word = start;
    outcome done = DONE;
    for (size_t at = start; at < end && done == DONE;) {
        uint32_t code_point;
        const size_t length = utf8_decode(w->normal.data + at, &code_point);
        const uint32_t class = char_table_get(&w->tok->classes.table, code_point);
        if ((class & (CLASS_SPACE | CLASS_PUNCTUATION)) != 0) {
            if (word < at)
                done = place_word(w, word, at);
            if ((class & CLASS_PUNCTUATION) != 0 && done == DONE)
                done = place_word(w, at, at + length);
            word = at + length;
        }
        at += length;
    }
    return done == DONE && word < end ? place_word(w, word, end) : done;
}

/* Places the tokens of the text before the next added token of the raw text, up to the byte `to`. */
static outcome place_stretch(walk *w, aki_text text, size_t to)
{
    if (!normalize(w, text, to))
        return NO_MEMORY;
    const char *normal = w->normal.data != NULL ? w->normal.data : "";
    added_tokens_cursor cursor =
        added_tokens_search(&w->tok->normalized, &w->tok->classes, normal, w->normal.length);
    added_tokens_piece piece;
    size_t ended = 0;
    outcome done = DONE;
    while (done == DONE && added_tokens_next(&cursor, &piece)) {
        const bool is_text = piece.id == ADDED_TOKENS_TEXT;
        const size_t end = is_text ? piece.end : cursor.text_at;
        done = is_text ? place_words(w, piece.start, end) : place_token(w, ended, end);
        ended = end;
    }
    return done;
}

static outcome place_all(walk *w, aki_text text)
{
    added_tokens_cursor cursor = added_tokens_search(&w->tok->raw, &w->tok->classes, text.data, text.length);
    added_tokens_piece piece;
    outcome done = DONE;
    while (done == DONE && added_tokens_next(&cursor, &piece)) {
        if (piece.id == ADDED_TOKENS_TEXT) {
            done = place_stretch(w, text, piece.end);
            continue;
        }
        const uint32_t start = w->character;
        advance(w, text, cursor.text_at);
        if (w->token >= w->span->count)
            return NO_PLACES;
        w->places[w->token++] = (token_place){start, w->character};
    }
    return done == DONE && w->token + w->tok->after.count != w->span->count ? NO_PLACES : done;
}

static void place_none(token_place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        places[i] = (token_place){TOKEN_PLACE_NONE, TOKEN_PLACE_NONE};
}

bool token_offsets(const tokenizer *tok, aki_text text, const token_span *span, token_place *places)
{
    place_none(places, span->count);
    if (tok->kind != MODEL_WORDPIECE || span->truncated || text.length >= TOKEN_PLACE_NONE)
        return true;
    walk w = {.tok = tok, .span = span, .places = places, .token = tok->before.count};
    buf_init(&w.normal, SIZE_MAX / 2);
    buf_init(&w.origins, SIZE_MAX / 2);
    const outcome done = place_all(&w, text);
    buf_free(&w.normal);
    buf_free(&w.origins);
    if (done == NO_PLACES)
        place_none(places, span->count);
    return done != NO_MEMORY;
}
