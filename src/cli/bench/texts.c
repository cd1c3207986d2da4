#include "cli/bench/texts.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define FIRST_CAPACITY 64

size_t bench_cut(buf *out, const bench_word *words, size_t count, size_t *next, size_t wanted)
{
    size_t tokens = 0, first = *next, passed_over = 0;
    for (size_t i = first; tokens < wanted && passed_over < count; i = (i + 1) % count) {
        if (words[i].tokens == 0 || words[i].tokens > wanted - tokens) {
            passed_over++;
            continue;
        }
        if (tokens > 0)
            buf_append_char(out, ' ');
        buf_append(out, words[i].data, words[i].length);
        tokens += words[i].tokens;
        passed_over = 0;
        *next = (i + 1) % count;
    }
    return tokens;
}

static aki_status no_memory(aki_error *error)
{
    return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the benchmark's texts");
}

/* Takes the bytes from `start` on as the next text. Texts are found by their lengths until settle(). */
static aki_status add(bench_texts *out, size_t start, size_t tokens, aki_error *error)
{
    if (out->bytes.failed)
        return no_memory(error);
    if (out->count == out->capacity) {
        size_t capacity = out->capacity > 0 ? 2 * out->capacity : FIRST_CAPACITY;
        aki_text *texts = mem_realloc(out->texts, capacity, sizeof *texts);
        if (texts == NULL)
            return no_memory(error);
        out->texts = texts;
        uint32_t *counts = mem_realloc(out->tokens, capacity, sizeof *counts);
        if (counts == NULL)
            return no_memory(error);
        out->tokens = counts;
        out->capacity = capacity;
    }
    out->texts[out->count] = (aki_text){.length = out->bytes.length - start};
    out->tokens[out->count++] = (uint32_t)tokens;
    out->total_tokens += tokens;
    return AKI_OK;
}

/* The bytes move while they grow; now they stay. */
static void settle(bench_texts *out)
{
    const char *data = out->bytes.data;
    for (size_t i = 0; i < out->count; i++) {
        out->texts[i].data = data;
        data += out->texts[i].length;
    }
}

static aki_status count_tokens(const aki_model *model, aki_text text, size_t most, size_t *count,
                               aki_error *error)
{
    aki_tokens tokens;
    aki_status status = aki_tokenize(model, text, most, &tokens, error);
    if (status != AKI_OK)
        return status;
    *count = tokens.count;
    aki_tokens_free(&tokens);
    return AKI_OK;
}

/* Of a blank there are none where the model adds none of its own, of a word none that a static model knows. */
static aki_status count_any(const aki_model *model, const char *data, size_t length, size_t *count,
                            aki_error *error)
{
    aki_status status = count_tokens(model, (aki_text){data, length}, 0, count, error);
    if (status != AKI_NO_TOKENS)
        return status;
    *count = 0;
    return AKI_OK;
}

/* The words of the prose with their tokens; free *words with mem_free. */
static aki_status read_prose(const aki_model *model, size_t special, bench_word **words, size_t *count,
                             aki_error *error)
{
    size_t room = 0;
    for (size_t s = 0; bench_prose[s] != NULL; s++)
        room += strlen(bench_prose[s]) / 2 + 1;
    *count = 0;
    *words = mem_alloc(room, sizeof **words);
    if (*words == NULL)
        return no_memory(error);
    for (size_t s = 0; bench_prose[s] != NULL; s++) {
        const char *word = bench_prose[s];
        while (*word != '\0') {
            size_t length = strcspn(word, " "), tokens;
            aki_status status = count_any(model, word, length, &tokens, error);
            if (status != AKI_OK)
                return status;
            (*words)[(*count)++] = (bench_word){word, length, tokens - special};
            word += length;
            word += strspn(word, " ");
        }
    }
    return AKI_OK;
}

aki_status bench_texts_cut(bench_texts *out, const aki_model *model, const size_t *lengths,
                           size_t length_count, size_t total_tokens, aki_error *error)
{
    bench_word *words = NULL;
    size_t count, special, next = 0;
    buf_init(&out->bytes, SIZE_MAX / 2);
    out->turn = length_count;
    aki_status status = count_any(model, " ", 1, &special, error);
    if (status == AKI_OK)
        status = read_prose(model, special, &words, &count, error);
    while (status == AKI_OK && out->total_tokens < total_tokens) {
        for (size_t i = 0; i < length_count && status == AKI_OK; i++) {
            size_t start = out->bytes.length;
            size_t wanted = lengths[i] > special ? lengths[i] - special : 0;
            size_t found = bench_cut(&out->bytes, words, count, &next, wanted);
            status = found > 0 ? add(out, start, found + special, error)
                               : error_set(error, AKI_INVALID_ARGUMENT,
                                           "no text has %zu tokens: the model adds %zu to each", lengths[i],
                                           special);
        }
    }
    settle(out);
    mem_free(words);
    return status;
}

/* One line of the file. The error says which. */
static aki_status add_line(bench_texts *out, const aki_model *model, const line_source *source,
                           const input_line *line, aki_error *error)
{
    size_t tokens, start = out->bytes.length;
    aki_error reason;
    aki_status status =
        count_tokens(model, (aki_text){line->data, line->length}, aki_max_tokens(model), &tokens, &reason);
    if (status != AKI_OK)
        return error_set(error, status, "'%s' line %llu: %s", line_source_name(source),
                         (unsigned long long)line->number, reason.message);
    buf_append(&out->bytes, line->data, line->length);
    return add(out, start, tokens, error);
}

aki_status bench_texts_read(bench_texts *out, const aki_model *model, line_source *source, aki_error *error)
{
    aki_status status = AKI_OK;
    bool more = true;
    buf_init(&out->bytes, SIZE_MAX / 2);
    out->turn = 1;
    while (status == AKI_OK && more && out->count < BENCH_CORPUS_MAX_TEXTS) {
        input_line line;
        switch (line_source_next(source, &line, error)) {
        case LINE_READ:
            more = line.length <= BENCH_CORPUS_MAX_BYTES - out->bytes.length;
            if (more && line.length > 0)
                status = add_line(out, model, source, &line, error);
            break;
        case LINE_TOO_LONG:
            status = error_set(error, AKI_INVALID_ARGUMENT, "'%s' line %llu: longer than %zu bytes",
                               line_source_name(source), (unsigned long long)line.number,
                               line_source_max_line_bytes(source));
            break;
        case LINE_END:
            more = false;
            break;
        case LINE_STOPPED:
            status = error_set(error, AKI_CANCELLED, "stopped by a signal");
            break;
        case LINE_FAILED:
            status = error != NULL ? error->status : AKI_IO_ERROR;
            break;
        }
    }
    settle(out);
    if (status == AKI_OK && out->count == 0) {
        error_set(error, AKI_INVALID_ARGUMENT, "'%s' holds no text", line_source_name(source));
        error_hint(error, "Give a file with one text per line.");
        return AKI_INVALID_ARGUMENT;
    }
    return status;
}

void bench_texts_free(bench_texts *texts)
{
    buf_free(&texts->bytes);
    mem_free(texts->texts);
    mem_free(texts->tokens);
    *texts = (bench_texts){0};
}
