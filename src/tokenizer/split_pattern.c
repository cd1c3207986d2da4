#include "tokenizer/split_pattern.h"

#include "tokenizer/byte_block.h"
#include "tokenizer/split_stages.h"

#include <string.h>

static const split_pattern patterns[] = {
    {SPLIT_PATTERN_GPT2, false, 0, CLASS_LETTER},
    {SPLIT_PATTERN_QWEN2, true, 1, CLASS_LETTER},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| "
     "?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|"
     "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     true, 1, CLASS_LETTER | CLASS_MARK},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
     "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     true, 3, CLASS_LETTER},
};

const split_pattern *split_pattern_find(const char *text)
{
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        if (strcmp(patterns[i].text, text) == 0)
            return &patterns[i];
    return NULL;
}

typedef struct matcher {
    const split_pattern *pattern;
    const word_classes *classes;
    const char *text;
    size_t length;
} matcher;

/* Class of the character at `at`, 0 at the end. */
static inline uint32_t class_at(const matcher *m, size_t at, size_t *bytes)
{
    *bytes = 0;
    return at < m->length ? word_classes_at(m->classes, m->text + at, bytes) : 0;
}

/* End of the run from `at` on of characters that have one of the classes `with` and none of `without`. */
static inline size_t run_of(const matcher *m, size_t at, uint32_t with, uint32_t without)
{
    size_t bytes;
    for (uint32_t class; at < m->length; at += bytes) {
        class = class_at(m, at, &bytes);
        if ((class & without) != 0 || (with != 0 && (class & with) == 0))
            break;
    }
    return at;
}

/* Length of 's, 't, 're, 've, 'm, 'll or 'd, or 0. U+017F is an s in either case. */
static size_t suffix(const matcher *m)
{
    const char *text = m->text;
    const int fold = m->pattern->newer ? 0x20 : 0;
    if (m->length < 2)
        return 0;
    const int first = text[1] | fold, second = m->length > 2 ? text[2] | fold : 0;
    if (first == 's' || first == 't' || first == 'm' || first == 'd')
        return 2;
    if ((second == 'e' && (first == 'r' || first == 'v')) || (first == 'l' && second == 'l'))
        return 3;
    return m->pattern->newer && m->length > 2 && text[1] == '\xC5' && text[2] == '\xBF' ? 3 : 0;
}

/* White space: as far as its last line end; else all of it at the text's end or of one character, else all but the last
 * character. */
static size_t spaces(const matcher *m)
{
    size_t end = 0, last = 0, line = 0, bytes;
    for (uint32_t class; end < m->length; end += bytes) {
        class = class_at(m, end, &bytes);
        if ((class & CLASS_SPACE) == 0)
            break;
        last = end;
        if ((class & CLASS_NEWLINE) != 0)
            line = end + 1;
    }
    if (m->pattern->newer && line > 0)
        return line;
    return end == m->length || last == 0 ? end : last;
}

static size_t numbers(const matcher *m)
{
    size_t end = 0, bytes;
    for (unsigned i = 0; i < m->pattern->numbers; i++, end += bytes)
        if ((class_at(m, end, &bytes) & CLASS_NUMBER) == 0)
            break;
    return end;
}

size_t split_pattern_piece(const split_pattern *pattern, const word_classes *classes, const char *text,
                           size_t length)
{
    const matcher m = {pattern, classes, text, length};
    const uint32_t no_sign = CLASS_SPACE | CLASS_NUMBER | pattern->letters;
    size_t bytes, next_bytes;
    if (text[0] == '\'') {
        const size_t end = suffix(&m);
        if (end > 0)
            return end;
    }
    const uint32_t class = class_at(&m, 0, &bytes);
    if ((class & pattern->letters) != 0)
        return run_of(&m, bytes, pattern->letters, 0);
    const uint32_t next = class_at(&m, bytes, &next_bytes);
    const bool space = text[0] == ' ';
    if ((next & pattern->letters) != 0 &&
        (pattern->newer ? (class & (CLASS_NEWLINE | CLASS_NUMBER)) == 0 : space))
        return run_of(&m, bytes + next_bytes, pattern->letters, 0);
    if (pattern->numbers != 0 && (class & CLASS_NUMBER) != 0)
        return numbers(&m);
    if (pattern->numbers == 0 && ((class | (space ? next : 0)) & CLASS_NUMBER) != 0)
        return run_of(&m, bytes, CLASS_NUMBER, 0);
    if ((class & CLASS_SPACE) == 0 || (space && next_bytes > 0 && (next & no_sign) == 0)) {
        const size_t end = run_of(&m, bytes, 0, no_sign);
        return pattern->newer ? run_of(&m, end, CLASS_NEWLINE, 0) : end;
    }
    return spaces(&m);
}

/* Length of a word of ASCII letters, with or without a space before it, that ends before another ASCII character and within
 * a vector; 0 where the text begins with none, or its end is near. */
static inline size_t ascii_word(const char *text, size_t length)
{
    const size_t space = text[0] == ' ';
    if (length <= space + BYTE_VECTOR_BYTES)
        return 0;
    const byte_vector zero = {0}, v = byte_vector_load(text + space);
    const uint64_t letters = byte_vector_bits(byte_vector_within(v | (zero + 0x20), 'a', 'z'));
    const size_t word = (size_t)__builtin_ctzll(~letters);
    return word > 0 && word < BYTE_VECTOR_BYTES && (unsigned char)text[space + word] < 0x80 ? space + word
                                                                                            : 0;
}

bool split_run_pattern(const split_pattern *pattern, split_run *run, size_t stage, split_piece piece)
{
    for (size_t at = 0, bytes; at < piece.length && !split_run_stopped(run); at += bytes) {
        bytes = ascii_word(piece.text + at, piece.length - at);
        if (bytes == 0)
            bytes = split_pattern_piece(pattern, run->classes, piece.text + at, piece.length - at);
        if (!split_run_piece(run, stage + 1, split_piece_part(piece, at, at + bytes)))
            return false;
    }
    return true;
}
