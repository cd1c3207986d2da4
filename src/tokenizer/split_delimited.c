/* The pre-tokenizers that cut at delimiters: Split (a string, or one of the patterns of split_pattern.h), Digits and
 * Punctuation. A delimiter becomes a piece of its own (Isolated), goes (Removed), goes with its neighbour
 * (MergedWithPrevious, MergedWithNext), or with other delimiters (Contiguous). */
#include "tokenizer/split_stages.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"

#include <string.h>

typedef enum behavior { ISOLATED, REMOVED, MERGED_PREVIOUS, MERGED_NEXT, CONTIGUOUS } behavior;

typedef struct delimited {
    const split_pattern *pattern; /* the pieces are those of a pattern, or NULL */
    char *find;                   /* the delimiter is a string, or NULL: */
    size_t find_length;
    uint32_t class; /* characters of a class */
    behavior behavior;
    bool invert; /* what is between delimiters is one */
} delimited;

static void free_delimited(void *data)
{
    delimited *d = data;
    mem_free(d->find);
    mem_free(d);
}

static aki_status no_memory(const char *path, aki_error *error)
{
    return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a pre-tokenizer of '%s'", path);
}

static aki_status keep(void **data, const delimited *found, const char *path, aki_error *error)
{
    delimited *d = mem_alloc(1, sizeof *d);
    if (d == NULL)
        return no_memory(path, error);
    *d = *found;
    *data = d;
    return AKI_OK;
}

static aki_status read_behavior(const json_t *part, const char *path, behavior *found, aki_error *error)
{
    static const char *const names[] = {[ISOLATED] = "Isolated",
                                        [REMOVED] = "Removed",
                                        [MERGED_PREVIOUS] = "MergedWithPrevious",
                                        [MERGED_NEXT] = "MergedWithNext",
                                        [CONTIGUOUS] = "Contiguous"};
    const char *name = "";
    aki_status status = json_field_string(part, path, "behavior", &name, error);
    if (status != AKI_OK)
        return status;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) {
            *found = (behavior)i;
            return AKI_OK;
        }
    return error_set(error, AKI_MODEL_INVALID,
                     "'%s': a pre-tokenizer has the \"behavior\" '%.100s'; there are Isolated, Removed, "
                     "MergedWithPrevious, MergedWithNext and Contiguous",
                     path, name);
}

static aki_status read_pattern(delimited *d, const char *regex, const char *path, aki_error *error)
{
    d->pattern = split_pattern_find(regex);
    if (d->pattern == NULL)
        return error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "'%s': a Split pre-tokenizer has the \"Regex\" '%.400s'; this program knows those of GPT-2, "
            "Qwen2, Qwen3.5 and Llama 3",
            path, regex);
    /* They match everywhere: nothing is between the matches. */
    if ((d->behavior == ISOLATED) || (d->behavior == REMOVED && d->invert))
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': a Split pre-tokenizer by a \"Regex\" has another \"behavior\" than Isolated, or "
                     "Removed with \"invert\"",
                     path);
}

static aki_status read_split(void **data, const json_t *part, const char *path, aki_error *error)
{
    delimited d = {0};
    const json_t *pattern = json_object_get(part, "pattern"), *find = json_object_get(pattern, "String");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    aki_status status = read_behavior(part, path, &d.behavior, error);
    if (status == AKI_OK)
        status = json_field_bool(part, path, "invert", &d.invert, error);
    if (status != AKI_OK)
        return status;
    if (json_object_size(pattern) != 1 || (regex == NULL && json_string_length(find) == 0))
        return error_set(
            error, AKI_MODEL_INVALID,
            "'%s': a Split pre-tokenizer needs \"pattern\", an object with \"Regex\" or \"String\", "
            "which is not empty",
            path);
    if (regex != NULL) {
        status = read_pattern(&d, regex, path, error);
        return status == AKI_OK ? keep(data, &d, path, error) : status;
    }
    d.find_length = json_string_length(find);
    d.find = mem_copy_text(json_string_value(find), d.find_length);
    if (d.find == NULL)
        return no_memory(path, error);
    status = keep(data, &d, path, error);
    if (status != AKI_OK)
        mem_free(d.find);
    return status;
}

static aki_status read_digits(void **data, const json_t *part, const char *path, aki_error *error)
{
    bool individual = false;
    aki_status status = json_field_bool(part, path, "individual_digits", &individual, error);
    const delimited d = {.class = CLASS_DIGIT, .behavior = individual ? ISOLATED : CONTIGUOUS};
    return status == AKI_OK ? keep(data, &d, path, error) : status;
}

static aki_status read_punctuation(void **data, const json_t *part, const char *path, aki_error *error)
{
    delimited d = {.class = CLASS_PUNCTUATION, .behavior = ISOLATED};
    if (json_object_get(part, "behavior") != NULL) {
        aki_status status = read_behavior(part, path, &d.behavior, error);
        if (status != AKI_OK)
            return status;
    }
    return keep(data, &d, path, error);
}

/* The next delimiter at or behind `from`; false = there is none. */
static bool next_match(const delimited *d, const word_classes *classes, split_piece piece, size_t from,
                       size_t *start, size_t *end)
{
    if (d->find != NULL) {
        const char *found = memmem(piece.text + from, piece.length - from, d->find, d->find_length);
        if (found == NULL)
            return false;
        *start = (size_t)(found - piece.text);
        *end = *start + d->find_length;
        return true;
    }
    for (size_t at = from, bytes; at < piece.length; at += bytes)
        if ((word_classes_at(classes, piece.text + at, &bytes) & d->class) != 0) {
            *start = at;
            *end = at + bytes;
            return true;
        }
    return false;
}

/* Pieces in the making. */
typedef struct cutter {
    const delimited *d;
    split_run *run;
    size_t stage;
    split_piece whole;
    size_t from, to; /* what is to be handed out, empty at first */
    bool delimiter;  /* the last part of it is one */
} cutter;

static bool hand_out(cutter *c)
{
    return c->from == c->to ||
           split_run_piece(c->run, c->stage + 1, split_piece_part(c->whole, c->from, c->to));
}

/* The next part of the text, up to `to`. */
static bool add(cutter *c, size_t to, bool delimiter)
{
    const bool first = c->from == c->to;
    bool joined = false;
    switch (c->d->behavior) {
    case MERGED_PREVIOUS:
        joined = delimiter && !c->delimiter;
        break;
    case MERGED_NEXT:
        joined = !delimiter && c->delimiter;
        break;
    case CONTIGUOUS:
        joined = delimiter == c->delimiter;
        break;
    case ISOLATED:
    case REMOVED:
        break;
    }
    if (!first && !joined) {
        if (!hand_out(c))
            return false;
        c->from = c->to;
    }
    c->to = to;
    c->delimiter = delimiter;
    if (delimiter && c->d->behavior == REMOVED)
        c->from = to;
    return true;
}

static bool run_delimited(const void *data, split_run *run, size_t stage, split_piece piece)
{
    const delimited *d = data;
    if (d->pattern != NULL)
        return split_run_pattern(d->pattern, run, stage, piece);
    cutter c = {.d = d, .run = run, .stage = stage, .whole = piece};
    size_t at = 0, start, end;
    while (at < piece.length && !split_run_stopped(run) &&
           next_match(d, run->classes, piece, at, &start, &end)) {
        if ((start > at && !add(&c, start, d->invert)) || !add(&c, end, !d->invert))
            return false;
        at = end;
    }
    if (split_run_stopped(run))
        return true;
    return (at == piece.length || add(&c, piece.length, d->invert)) && hand_out(&c);
}

static bool cuts_at_space(const void *data)
{
    const delimited *d = data;
    return d->pattern != NULL;
}

const split_kind split_split = {"Split", read_split, free_delimited, run_delimited, cuts_at_space, NULL};
const split_kind split_digits = {"Digits", read_digits, free_delimited, run_delimited, NULL, NULL};
const split_kind split_punctuation = {"Punctuation", read_punctuation, free_delimited, run_delimited, NULL,
                                      NULL};
