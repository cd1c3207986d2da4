/* Tokenizer throughput. Usage: bench_tokenizer <model folder> [text file]
 *
 * Takes each line of the file as a text (or the built-in paragraph) and prints the time to load the model, and MB/s and
 * tokens/s of a thread's CPU time, which other work on the machine affects less than the time of day: lines uncut, lines cut at 256 tokens, and the whole file as one text. Then the same of texts of
 * 2 MB made to be slow, each with its time per byte in times of the lines'. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROSE_NS NS_PER_S
#define HOSTILE_NS (NS_PER_S / 5)
/* No further load is begun after this long: a large vocabulary takes seconds. */
#define LOAD_NS (2 * NS_PER_S)
#define HOSTILE_BYTES ((size_t)2000000)

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

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Returns the nanoseconds per byte. */
static double measure(const char *name, const sample *s, size_t max_tokens, int64_t least_ns)
{
    size_t tokens = 0, rounds = 0;
    int64_t start = cpu_ns(), spent;
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
        spent = cpu_ns() - start;
    } while (spent < least_ns);
    double seconds = (double)spent / 1e9;
    printf("%-24s %8.1f MB/s %8.2f M tokens/s", name, (double)(s->bytes * rounds) / 1e6 / seconds,
           (double)tokens / 1e6 / seconds);
    return (double)spent / (double)(s->bytes * rounds);
}

typedef struct hostile_text {
    const char *name;
    const char *unit;     /* repeated, or NULL: words of random letters */
    size_t word, letters; /* of a word, and how many there are to choose from, from b on if one */
} hostile_text;

static const hostile_text hostile_texts[] = {
    {"a", "a", 0, 0},
    {"white space", " ", 0, 0},
    {"line feeds", "\n", 0, 0},
    {"control characters", "\x01", 0, 0},
    {"full stops", ".", 0, 0},
    {"[", "[", 0, 0},
    {"[MASK]", "[MASK]", 0, 0},
    {"[MASK[MASK", "[MASK", 0, 0},
    {"\xE4\xB8\xAD", "\xE4\xB8\xAD", 0, 0},
    {"\xEA\xB0\x81", "\xEA\xB0\x81", 0, 0},
    {"\xC3\xA9", "\xC3\xA9", 0, 0},
    {"U+0301", "\xCC\x81", 0, 0},
    {"U+08D4", "\xE0\xA3\x94", 0, 0},
    {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80", 0, 0},
    {"a .b ,", "a .b ,", 0, 0},
    {"100 times b, a space", NULL, 100, 1},
    {"random words of 100", NULL, 100, 26},
    {"random words of 6", NULL, 6, 26},
    {"one random word", NULL, HOSTILE_BYTES, 26},
    {"ab", "ab", 0, 0},
};

static void fill(const hostile_text *kind, char *text)
{
    uint64_t random = UINT64_C(88172645463325252);
    for (size_t i = 0; i < HOSTILE_BYTES; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if (kind->unit != NULL)
            text[i] = kind->unit[i % strlen(kind->unit)];
        else
            text[i] = (char)(i % (kind->word + 1) == kind->word
                                 ? ' '
                                 : 'a' + (kind->letters == 1 ? 1 : random % kind->letters));
    }
}

static void measure_hostile(const sample *prose, double prose_ns)
{
    char *bytes = malloc(HOSTILE_BYTES);
    for (size_t k = 0; bytes != NULL && k < sizeof hostile_texts / sizeof hostile_texts[0]; k++) {
        const hostile_text *kind = &hostile_texts[k];
        fill(kind, bytes);
        size_t length = HOSTILE_BYTES - (kind->unit != NULL ? HOSTILE_BYTES % strlen(kind->unit) : 0);
        aki_text text = {bytes, length};
        sample s = {prose->tok, prose->scratch, &text, 1, length};
        double ns = measure(kind->name, &s, 0, HOSTILE_NS);
        printf(" %6.2f times prose\n", ns / prose_ns);
    }
    free(bytes);
}

int main(int argc, char **argv)
{
    buf file;
    buf_init(&file, (size_t)1 << 30);
    aki_error error;
    tokenizer *tok = NULL;
    int64_t start = cpu_ns();
    if (argc < 2 || argc > 3 || tokenizer_open(&tok, argv[1], SIZE_MAX, &error) != AKI_OK) {
        fprintf(stderr, "%s\n",
                argc < 2 || argc > 3 ? "usage: bench_tokenizer <model folder> [text file]" : error.message);
        return 1;
    }
    int64_t load = cpu_ns() - start;
    int64_t total = load;
    for (int again = 0; again < 9 && total < LOAD_NS; again++) {
        tokenizer_close(tok);
        start = cpu_ns();
        if (tokenizer_open(&tok, argv[1], SIZE_MAX, &error) != AKI_OK)
            return 1;
        int64_t spent = cpu_ns() - start;
        load = spent < load ? spent : load;
        total += spent;
    }
    printf("%-24s %8.1f ms\n", "load, best of up to 10", (double)load / 1e6);
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
    double prose_ns = measure("lines", &s, 0, PROSE_NS);
    puts("");
    measure("lines, 256 tokens", &s, 256, PROSE_NS);
    puts("");
    aki_text whole = {text, length};
    s = (sample){.tok = tok, .scratch = s.scratch, .texts = &whole, .count = 1, .bytes = length};
    measure("as one text", &s, 0, PROSE_NS);
    puts("");
    measure_hostile(&s, prose_ns);
    tokenizer_scratch_close(s.scratch);
    tokenizer_close(tok);
    free(texts);
    buf_free(&file);
    return 0;
}
