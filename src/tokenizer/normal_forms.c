/* The normalizers NFC, NFD, NFKC and NFKD, the forms of Unicode: characters are decomposed, marks put in canonical order,
 * and for the two composed forms what can be is composed again.
 *
 * Most characters are inert: they stay, and nothing before them affects them. Only stretches from before a character that is
 * not inert to before the next inert one are worked on. Time is linear in the text. */
#include "tokenizer/normal_stages.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tokenizer/char_table.h"
#include "tokenizer/normalizer_action.h"

#include <stdlib.h>
#include <string.h>

/* A character's entry in the table: the rank of its combining class in the low byte, these, and a row from ROW_SHIFT on. */
#define CANONICAL 0x100U  /* decomposes as unicode_decompositions[row] */
#define COMPATIBLE 0x200U /* decomposes as unicode_compatibles[row] */
#define SYLLABLE 0x400U   /* of Hangul: decomposes by arithmetic */
#define INERT 0x800U
#define ROW_SHIFT 12

#define SYLLABLE_FIRST ((uint32_t)0xAC00)
#define SYLLABLE_COUNT ((uint32_t)11172)
#define LEADING_FIRST ((uint32_t)0x1100)
#define LEADING_COUNT ((uint32_t)19)
#define VOWEL_FIRST ((uint32_t)0x1161)
#define VOWEL_COUNT ((uint32_t)21)
#define TRAILING_NONE ((uint32_t)0x11A7)
#define TRAILING_COUNT ((uint32_t)28)

typedef struct form {
    char_table characters;
    bool composes;
} form;

/* ---- Building ----------------------------------------------------------------------------------------- */

static void lay_decompositions(uint32_t *values, bool compatible)
{
    for (uint32_t i = 0; i < unicode_decompositions_count; i++)
        values[unicode_decompositions[i].from] |= CANONICAL | i << ROW_SHIFT;
    for (uint32_t i = 0; i < unicode_compatibles_count && compatible; i++) {
        uint32_t *value = &values[unicode_compatibles[i].from];
        *value = (*value & 0xFF) | COMPATIBLE | i << ROW_SHIFT;
    }
    for (uint32_t i = 0; i < SYLLABLE_COUNT; i++)
        values[SYLLABLE_FIRST + i] |= SYLLABLE;
}

static void lay_inert(uint32_t *values, bool composes)
{
    for (size_t i = 0; i < UNICODE_LIMIT; i++)
        if ((values[i] & (0xFF | CANONICAL | COMPATIBLE | SYLLABLE)) == 0)
            values[i] |= INERT;
    if (!composes)
        return;
    for (uint32_t i = 0; i < SYLLABLE_COUNT; i++)
        values[SYLLABLE_FIRST + i] |= INERT;
    for (size_t i = 0; i < unicode_compositions_count; i++)
        if ((values[unicode_compositions[i].result] & (0xFF | COMPATIBLE)) == 0)
            values[unicode_compositions[i].result] |= INERT;
    for (size_t i = 0; i < unicode_compositions_count; i++)
        values[unicode_compositions[i].second] &= ~INERT;
    for (uint32_t i = 0; i < VOWEL_COUNT; i++)
        values[VOWEL_FIRST + i] &= ~INERT;
    for (uint32_t i = 1; i < TRAILING_COUNT; i++)
        values[TRAILING_NONE + i] &= ~INERT;
}

static void free_form(void *data)
{
    form *f = data;
    char_table_free(&f->characters);
    mem_free(f);
}

static aki_status read_form(void **data, const char *path, bool compatible, bool composes, aki_error *error)
{
    form *f = mem_zalloc(1, sizeof *f);
    uint32_t *values = mem_zalloc(UNICODE_LIMIT, sizeof *values);
    bool done = f != NULL && values != NULL;
    if (done) {
        f->composes = composes;
        for (size_t i = 0; i < unicode_combining_count; i++)
            for (uint32_t c = unicode_combining[i].first; c <= unicode_combining[i].last; c++)
                values[c] = unicode_combining[i].rank;
        lay_decompositions(values, compatible);
        lay_inert(values, composes);
        done = char_table_build(&f->characters, values);
    }
    mem_free(values);
    if (!done) {
        mem_free(f);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a normalizer of '%s'", path);
    }
    *data = f;
    return AKI_OK;
}

/* ---- Running ------------------------------------------------------------------------------------------ */

/* Elements (normalizer_action.h) of a stretch, and room to put marks in order. */
typedef struct stretch {
    uint32_t *elements, *sorted; /* [capacity] */
    size_t count, capacity;
} stretch;

static bool push(const form *f, stretch *s, uint32_t code_point)
{
    if (s->count == s->capacity) {
        const size_t capacity = 2 * s->capacity + 64;
        uint32_t *elements = mem_realloc(s->elements, capacity, sizeof *elements);
        if (elements == NULL)
            return false;
        s->elements = elements;
        uint32_t *sorted = mem_realloc(s->sorted, capacity, sizeof *sorted);
        if (sorted == NULL)
            return false;
        s->sorted = sorted;
        s->capacity = capacity;
    }
    s->elements[s->count++] = ELEMENT(char_table_get(&f->characters, code_point) & 0xFF, code_point);
    return true;
}

static bool decompose(const form *f, stretch *s, uint32_t code_point)
{
    const uint32_t value = char_table_get(&f->characters, code_point), row = value >> ROW_SHIFT;
    bool done = true;
    if ((value & SYLLABLE) != 0) {
        const uint32_t index = code_point - SYLLABLE_FIRST, trailing = index % TRAILING_COUNT;
        return push(f, s, LEADING_FIRST + index / (VOWEL_COUNT * TRAILING_COUNT)) &&
               push(f, s, VOWEL_FIRST + index / TRAILING_COUNT % VOWEL_COUNT) &&
               (trailing == 0 || push(f, s, TRAILING_NONE + trailing));
    }
    if ((value & COMPATIBLE) != 0) {
        const unicode_compatible *found = &unicode_compatibles[row];
        for (size_t i = 0; i < found->count && done; i++)
            done = push(f, s, unicode_compatible_texts[found->start + i]);
        return done;
    }
    if ((value & CANONICAL) == 0)
        return push(f, s, code_point);
    const uint32_t *to = unicode_decompositions[row].to;
    for (size_t i = 0; i < UNICODE_SEQUENCE_MAX && to[i] != 0 && done; i++)
        done = push(f, s, to[i]);
    return done;
}

static void order_marks(stretch *s)
{
    for (size_t at = 0, end; at < s->count; at = end) {
        for (end = at; end < s->count && ELEMENT_RANK(s->elements[end]) != 0; end++)
            ;
        if (end - at > 1) {
            mark_order(s->elements + at, end - at, s->sorted);
            memcpy(s->elements + at, s->sorted, (end - at) * sizeof *s->sorted);
        }
        end += end == at;
    }
}

static int by_pair(const void *a, const void *b)
{
    const unicode_composition *left = a, *right = b;
    if (left->first != right->first)
        return left->first < right->first ? -1 : 1;
    return left->second < right->second ? -1 : left->second > right->second;
}

/* The character that two compose to, or 0. */
static uint32_t composed(uint32_t first, uint32_t second)
{
    if (first - LEADING_FIRST < LEADING_COUNT && second - VOWEL_FIRST < VOWEL_COUNT)
        return SYLLABLE_FIRST +
               ((first - LEADING_FIRST) * VOWEL_COUNT + second - VOWEL_FIRST) * TRAILING_COUNT;
    if (first - SYLLABLE_FIRST < SYLLABLE_COUNT && (first - SYLLABLE_FIRST) % TRAILING_COUNT == 0 &&
        second - TRAILING_NONE - 1 < TRAILING_COUNT - 1)
        return first + second - TRAILING_NONE;
    const unicode_composition key = {first, second, 0};
    const unicode_composition *found =
        bsearch(&key, unicode_compositions, unicode_compositions_count, sizeof key, by_pair);
    return found != NULL ? found->result : 0;
}

/* A mark composes with the character that it belongs to unless one of its own or a higher class stands between them. */
static void compose(stretch *s)
{
    size_t written = 0, base = SIZE_MAX;
    uint32_t between = 0; /* rank of the last mark behind the base */
    for (size_t i = 0; i < s->count; i++) {
        const uint32_t element = s->elements[i], rank = ELEMENT_RANK(element);
        if (base != SIZE_MAX && (between == 0 || between < rank)) {
            const uint32_t result =
                composed(ELEMENT_CODE_POINT(s->elements[base]), ELEMENT_CODE_POINT(element));
            if (result != 0) {
                s->elements[base] = ELEMENT(0, result);
                continue;
            }
        }
        if (rank == 0)
            base = written;
        between = rank;
        s->elements[written++] = element;
    }
    s->count = written;
}

static bool write_stretch(const form *f, stretch *s, const char *text, size_t length, buf *out)
{
    s->count = 0;
    for (size_t at = 0; at < length;) {
        uint32_t code_point;
        at += utf8_decode(text + at, &code_point);
        if (!decompose(f, s, code_point))
            return false;
    }
    order_marks(s);
    if (f->composes)
        compose(s);
    for (size_t i = 0; i < s->count; i++) {
        char *to = buf_reserve(out, 4);
        if (to == NULL)
            return false;
        buf_commit(out, utf8_encode(ELEMENT_CODE_POINT(s->elements[i]), to));
    }
    return true;
}

/* End of the ASCII characters from `at` on; all of them are inert. */
static size_t skip_ascii(const char *text, size_t length, size_t at)
{
    for (uint64_t word; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (at < length && (unsigned char)text[at] < 0x80)
        at++;
    return at;
}

/* Finds the next character that is not inert, at or behind `from`; length = there is none. *inert: the last one before it,
 * at or behind `from`, or it itself. */
static size_t find_active(const form *f, const char *text, size_t length, size_t from, size_t *inert)
{
    bool any = false;
    for (size_t at = from, bytes; at < length; at += bytes) {
        const size_t behind = skip_ascii(text, length, at);
        uint32_t code_point;
        if (behind > at) {
            *inert = behind - 1;
            any = true;
            at = behind;
            if (at == length)
                break;
        }
        bytes = utf8_decode(text + at, &code_point);
        if ((char_table_get(&f->characters, code_point) & INERT) == 0) {
            if (!any)
                *inert = at;
            return at;
        }
        *inert = at;
        any = true;
    }
    return length;
}

static size_t find_inert(const form *f, const char *text, size_t length, size_t at)
{
    uint32_t code_point;
    for (size_t bytes; at < length; at += bytes) {
        bytes = utf8_decode(text + at, &code_point);
        if ((char_table_get(&f->characters, code_point) & INERT) != 0)
            break;
    }
    return at;
}

static bool run_form(const void *data, const char *text, size_t length, buf *out)
{
    const form *f = data;
    stretch s = {0};
    bool done = true;
    for (size_t at = 0, start = 0, end; done && at < length; at = end) {
        const size_t active = find_active(f, text, length, at, &start);
        if (active == length || !f->composes)
            start = active;
        end = find_inert(f, text, length, active);
        done = buf_append(out, text + at, start - at) &&
               (start == end || write_stretch(f, &s, text + start, end - start, out));
    }
    mem_free(s.elements);
    mem_free(s.sorted);
    return done;
}

static bool cuts_at_space(const void *data)
{
    (void)data;
    return true;
}

#define FORM(name, type, compatible, composes)                                                               \
    static aki_status read_##name(void **data, const json_t *part, const char *path, aki_error *error)       \
    {                                                                                                        \
        (void)part;                                                                                          \
        return read_form(data, path, compatible, composes, error);                                           \
    }                                                                                                        \
    const normal_kind normal_##name = {type, read_##name, free_form, run_form, cuts_at_space}

FORM(nfc, "NFC", false, true);
FORM(nfd, "NFD", false, false);
FORM(nfkc, "NFKC", true, true);
FORM(nfkd, "NFKD", true, false);

void mark_order(const uint32_t *marks, size_t count, uint32_t *sorted)
{
    size_t start[257] = {0};
    for (size_t i = 0; i < count; i++)
        start[ELEMENT_RANK(marks[i]) + 1]++;
    for (size_t rank = 0; rank < 256; rank++)
        start[rank + 1] += start[rank];
    for (size_t i = 0; i < count; i++)
        sorted[start[ELEMENT_RANK(marks[i])]++] = marks[i];
}
