#include "tokenizer/normalizer.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/byte_block.h"
#include "tokenizer/normalizer_action.h"

#include <string.h>

/* A character of two bytes or more becomes at most SEQUENCE_ELEMENTS_MAX characters of four. */
#define BYTES_OUT_PER_BYTE (4 * SEQUENCE_ELEMENTS_MAX / 2)
/* Text per reservation of output. */
#define CHUNK_BYTES ((size_t)1024)

static bool hold_back(normalizer_state *state, uint32_t element)
{
    if (state->count == state->capacity) {
        size_t capacity = state->capacity > 0 ? 2 * state->capacity : 64;
        uint32_t *marks = mem_realloc(state->marks, capacity, sizeof *marks);
        if (marks == NULL)
            return false;
        state->marks = marks;
        uint32_t *sorted = mem_realloc(state->sorted, capacity, sizeof *sorted);
        if (sorted == NULL)
            return false;
        state->sorted = sorted;
        state->capacity = capacity;
    }
    state->marks[state->count++] = element;
    return true;
}

static char *write_marks(normalizer_state *state, char *at)
{
    const uint32_t *marks = state->marks;
    if (state->count > 1) {
        mark_order(state->marks, state->count, state->sorted);
        marks = state->sorted;
    }
    for (size_t i = 0; i < state->count; i++)
        at += utf8_encode(ELEMENT_CODE_POINT(marks[i]), at);
    state->count = 0;
    return at;
}

/* c: U+1000 to U+1FFF */
static inline char *write_jamo(uint32_t c, char *at)
{
    at[0] = (char)0xE1;
    at[1] = (char)(0x80 | (c >> 6 & 0x3F));
    at[2] = (char)(0x80 | (c & 0x3F));
    return at + 3;
}

static char *write_hangul(uint32_t syllable, char *at)
{
    uint32_t index = syllable - HANGUL_FIRST, last = index % 28;
    at = write_jamo(0x1100 + index / 588, at);
    at = write_jamo(0x1161 + index % 588 / 28, at);
    return last != 0 ? write_jamo(0x11A7 + last, at) : at;
}

/* NULL = out of memory. */
static char *write_sequence(const uint32_t *sequence, normalizer_state *state, char *at)
{
    for (uint32_t i = 1; i <= sequence[0]; i++) {
        uint32_t element = sequence[i];
        if (ELEMENT_RANK(element) != 0 && element != ELEMENT_BARRIER) {
            if (!hold_back(state, element))
                return NULL;
            continue;
        }
        if (state->count > 0)
            at = write_marks(state, at);
        if (element != ELEMENT_BARRIER)
            at += utf8_encode(ELEMENT_CODE_POINT(element), at);
    }
    return at;
}

/* One character of two bytes or more. NULL = out of memory. */
static char *write_character(const normalizer *norm, normalizer_state *state, const char *from, size_t bytes,
                             uint32_t code_point, char *at)
{
    uint32_t action = char_table_get(&norm->actions, code_point);
    normalizer_kind kind = ACTION_KIND(action);
    if (kind == ACTION_DROP)
        return at;
    if (kind == ACTION_MARK)
        return hold_back(state, ELEMENT(ACTION_OPERAND(action), code_point)) ? at : NULL;
    if (kind == ACTION_SEQUENCE)
        return write_sequence(norm->sequences + ACTION_OPERAND(action), state, at);
    if (state->count > 0)
        at = write_marks(state, at);
    switch (kind) {
    case ACTION_MAP:
        return at + utf8_encode(ACTION_OPERAND(action), at);
    case ACTION_ISOLATE:
        *at++ = ' ';
        memcpy(at, from, bytes);
        at += bytes;
        *at++ = ' ';
        return at;
    case ACTION_HANGUL:
        return write_hangul(code_point, at);
    case ACTION_COPY:
        memcpy(at, from, bytes);
        return at + bytes;
    default: /* ACTION_BARRIER */
        return at;
    }
}

/* The run of printable ASCII at text[0..length), a vector at a time, becomes as many characters. Writes up to a vector
 * beyond the end that it returns. */
static char *write_printable(const normalizer *norm, const char *text, size_t length, char *at, size_t *run)
{
    size_t i = 0, taken;
    do {
        byte_vector v = length - i >= BYTE_VECTOR_BYTES ? byte_vector_load(text + i)
                                                        : byte_vector_load_part(text + i, length - i);
        uint64_t other = byte_vector_unprintable(v);
        taken = other != 0 ? (size_t)__builtin_ctzll(other) : BYTE_VECTOR_BYTES;
        if (norm->lowercase)
            v = byte_vector_lower(v);
        memcpy(at, &v, sizeof v);
        i += taken;
        at += taken;
    } while (taken == BYTE_VECTOR_BYTES);
    *run = i;
    return at;
}

static bool run_chunk(const normalizer *norm, normalizer_state *state, const char *text, size_t length,
                      buf *out)
{
    size_t most = length * BYTES_OUT_PER_BYTE + 4 * state->count + BYTE_VECTOR_BYTES;
    char *start = buf_reserve(out, most), *at = start;
    if (at == NULL)
        return false;
    size_t i = 0;
    while (i < length) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x80) {
            uint8_t becomes = norm->ascii[byte];
            if (becomes < 0x80) { /* a character that is dropped does not end a run of marks */
                if (state->count > 0)
                    at = write_marks(state, at);
                *at++ = (char)becomes;
            }
            i++;
            if (state->count == 0 && i < length && text[i] >= ' ') { /* control characters come in rows */
                size_t run;
                at = write_printable(norm, text + i, length - i, at, &run);
                i += run;
            }
            continue;
        }
        uint32_t code_point;
        size_t bytes = utf8_decode(text + i, &code_point);
        at = write_character(norm, state, text + i, bytes, code_point, at);
        if (at == NULL)
            return false;
        i += bytes;
    }
    buf_commit(out, (size_t)(at - start));
    return true;
}

bool normalizer_run(const normalizer *norm, normalizer_state *state, const char *text, size_t length,
                    buf *out)
{
    while (length > 0) {
        size_t chunk = length;
        if (chunk > CHUNK_BYTES) {
            chunk = CHUNK_BYTES;
            while (((unsigned char)text[chunk] & 0xC0) == 0x80)
                chunk--;
        }
        if (!run_chunk(norm, state, text, chunk, out))
            return false;
        text += chunk;
        length -= chunk;
    }
    return true;
}

bool normalizer_finish(normalizer_state *state, buf *out)
{
    char *start = buf_reserve(out, 4 * state->count);
    if (start == NULL)
        return false;
    buf_commit(out, (size_t)(write_marks(state, start) - start));
    return true;
}

void normalizer_state_free(normalizer_state *state)
{
    mem_free(state->marks);
    mem_free(state->sorted);
    *state = (normalizer_state){0};
}
