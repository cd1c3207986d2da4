/* Tokenizer throughput. Usage: bench_tokenizer <model folder> [text file]
 *
 * Takes each line of the file as a text (or the built-in paragraph) and prints the time to load the model, and MB/s and
 * tokens/s on one thread: lines uncut, lines cut at 256 tokens, and the whole file as one text. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_NS NS_PER_S

static const char paragraph[] = "The harbour master keeps two ledgers: one for the ships that arrive on "
                                "time, and a thicker one for the rest.\n"
                                "In 1987 the observatory's 2.4-metre telescope was refitted; its mirror, "
                                "recoated in aluminium, gained 0.3 magnitudes.\n"
                                "\"You can't tokenize a language you've never heard,\" she said, untangling "
                                "the microphone cable for the third time.\n"
                                "Photosynthesis, thermodynamics, bioinformatics: the reading list grew by "
                                "polysyllables until the term was over.\n";

typedef struct sample {
    const tokenizer *tok;
    tokenizer_scratch *scratch;
    const aki_text *texts;
    size_t count, bytes;
} sample;

static void measure(const char *name, const sample *s, size_t max_tokens)
{
    size_t tokens = 0, rounds = 0;
    int64_t start = clock_monotonic_ns(), spent;
    do {
        for (size_t i = 0; i < s->count; i++) {
            token_span span;
            aki_error error;
            if (tokenizer_encode(s->tok, s->scratch, s->texts[i], max_tokens, &span, &error) != AKI_OK) {
                fprintf(stderr, "line %zu: %s\n", i + 1, error.message);
                exit(1);
            }
            tokens += span.count;
        }
        rounds++;
        spent = clock_monotonic_ns() - start;
    } while (spent < LEAST_NS);
    double seconds = (double)spent / 1e9;
    printf("%-24s %8.1f MB/s %8.2f M tokens/s\n", name, (double)(s->bytes * rounds) / 1e6 / seconds,
           (double)tokens / 1e6 / seconds);
}

int main(int argc, char **argv)
{
    buf file;
    buf_init(&file, (size_t)1 << 30);
    aki_error error;
    tokenizer *tok = NULL;
    int64_t start = clock_monotonic_ns();
    if (argc < 2 || argc > 3 || tokenizer_open(&tok, argv[1], SIZE_MAX, &error) != AKI_OK) {
        fprintf(stderr, "%s\n",
                argc < 2 || argc > 3 ? "usage: bench_tokenizer <model folder> [text file]" : error.message);
        return 1;
    }
    int64_t load = clock_monotonic_ns() - start;
    for (int again = 0; again < 9; again++) {
        tokenizer_close(tok);
        start = clock_monotonic_ns();
        if (tokenizer_open(&tok, argv[1], SIZE_MAX, &error) != AKI_OK)
            return 1;
        int64_t spent = clock_monotonic_ns() - start;
        load = spent < load ? spent : load;
    }
    printf("%-24s %8.1f ms\n", "load, best of 10", (double)load / 1e6);
    if (argc == 3 && file_read(argv[2], &file, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const char *text = argc == 3 ? file.data : paragraph;
    size_t length = argc == 3 ? file.length : sizeof paragraph - 1, lines = 0;
    aki_text *texts = malloc((length + 1) * sizeof *texts);
    sample s = {.tok = tok, .scratch = tokenizer_scratch_open(), .texts = texts};
    for (size_t at = 0; at < length && texts != NULL;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t bytes = end != NULL ? (size_t)(end - text) - at : length - at;
        if (bytes > 0) {
            texts[lines++] = (aki_text){text + at, bytes};
            s.bytes += bytes;
        }
        at += bytes + 1;
    }
    if (lines == 0 || s.scratch == NULL) {
        fprintf(stderr, "nothing to measure\n");
        return 1;
    }
    s.count = lines;
    measure("lines", &s, 0);
    measure("lines, 256 tokens", &s, 256);
    aki_text whole = {text, length};
    s = (sample){.tok = tok, .scratch = s.scratch, .texts = &whole, .count = 1, .bytes = length};
    measure("as one text", &s, 0);
    tokenizer_scratch_close(s.scratch);
    tokenizer_close(tok);
    free(texts);
    buf_free(&file);
    return 0;
}
