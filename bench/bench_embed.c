/* bench_embed.c - how fast the engine turns real text into vectors, by length of the text.
 *
 *     bench_embed <model folder> [--threads N] [--cpu-tier TIER] [--seconds S] [--texts FILE]
 *
 * Uses the public API only, as a program that links the library would: tokenizing is in the time, the start is not. Texts
 * are cut from consecutive paragraphs of FILE (one a line; default bench/data/texts.txt) so that each has the asked number
 * of tokens; "mixed" are the paragraphs as they stand. A rate is the median over rounds of one call with many texts. The
 * latency is that of calls with one text. GFLOP/s counts the model's arithmetic (matrix products and attention), not more.
 */
#include <akidb/embed.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH_TOKENS = 8192, ROUNDS_MAX = 1000, TEXTS_MAX = 1024, MIXED = 0 };

typedef struct bench {
    aki_model *model;
    char *file; /* the paragraphs, each ended by NUL instead of a newline */
    size_t file_bytes;
    aki_text texts[TEXTS_MAX];
    aki_text_info infos[TEXTS_MAX];
    float *vectors; /* [TEXTS_MAX][dimension] */
    size_t count;
    double seconds;
} bench;

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
}

static int fail(const aki_error *error)
{
    fprintf(stderr, "bench_embed: %s\nhint: %s\n", error->message, error->hint);
    return 1;
}

/* The whole file in b->file, paragraphs still ended by newlines. */
static int read_file(bench *b, const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size > 0 && fseek(file, 0, SEEK_SET) == 0 && (b->file = malloc((size_t)size + 1)) != NULL) {
        b->file_bytes = fread(b->file, 1, (size_t)size, file);
        b->file[b->file_bytes] = '\0';
    }
    if (file != NULL)
        fclose(file);
    if (b->file_bytes > 0)
        return 0;
    fprintf(stderr, "bench_embed: cannot read %s: %s\n", path, strerror(errno));
    return 1;
}

/* Tokens of a text, special tokens included; 0 after an error. */
static size_t token_count(const bench *b, const char *data, size_t length)
{
    aki_tokens tokens;
    aki_error error;
    if (aki_tokenize(b->model, (aki_text){data, length}, 0, &tokens, &error) != AKI_OK) {
        fail(&error);
        return 0;
    }
    const size_t count = tokens.count;
    aki_tokens_free(&tokens);
    return count;
}

/* Bytes of the run of words at `start` that has `tokens` tokens, or the most below it; 0 when the file ends first. */
static size_t words_of_length(const bench *b, const char *start, size_t tokens)
{
    size_t best = 0;
    for (const char *end = start; *end != '\0';) {
        end += strspn(end, " \n");
        end += strcspn(end, " \n");
        const size_t length = (size_t)(end - start), count = token_count(b, start, length);
        if (count > tokens || count == 0)
            return best;
        best = length;
    }
    return 0;
}

/* Fills b->texts with texts of `tokens` tokens, or with whole paragraphs for MIXED, up to BATCH_TOKENS in all. */
static void choose_texts(bench *b, size_t tokens)
{
    const char *start = b->file;
    b->count = 0;
    for (size_t total = 0; total < BATCH_TOKENS && b->count < TEXTS_MAX && *start != '\0';) {
        const size_t length = tokens == MIXED ? strcspn(start, "\n") : words_of_length(b, start, tokens);
        if (length == 0)
            break;
        b->texts[b->count++] = (aki_text){start, length};
        total += tokens == MIXED ? token_count(b, start, length) : tokens;
        start += length;
        start += strspn(start, " \n");
    }
}

/* Median seconds of a call with texts[first .. first + count), over at least three rounds; negative after an error. Walks
 * through the texts when one call does not take them all. */
static double time_calls(bench *b, size_t per_call)
{
    static double times[ROUNDS_MAX];
    size_t rounds = 0;
    aki_error error;
    const double begin = now_s();
    for (size_t first = 0; rounds < ROUNDS_MAX && (rounds < 3 || now_s() - begin < b->seconds);) {
        const double before = now_s();
        if (aki_embed(b->model, b->texts + first, per_call, NULL, b->vectors, b->infos + first, &error) !=
            AKI_OK) {
            fail(&error);
            return -1;
        }
        times[rounds++] = now_s() - before;
        first = first + 2 * per_call <= b->count ? first + per_call : 0;
    }
    return median(times, rounds);
}

static int measure(bench *b, size_t tokens, const aki_model_info *info)
{
    choose_texts(b, tokens);
    if (b->count == 0) {
        fprintf(stderr, "bench_embed: the file has no text of %zu tokens\n", tokens);
        return 1;
    }
    if (time_calls(b, b->count) < 0) /* warms up, and fills infos */
        return 1;
    double total_tokens = 0, flop = 0;
    const double hidden = (double)info->hidden_size, ffn = (double)info->intermediate_size;
    for (size_t i = 0; i < b->count; i++) {
        const double n = b->infos[i].tokens;
        total_tokens += n;
        flop += (double)info->layers * n * (8 * hidden * hidden + 4 * hidden * ffn + 4 * n * hidden);
    }
    const double all = time_calls(b, b->count), one = time_calls(b, 1);
    if (all < 0 || one < 0)
        return 1;
    char name[32] = "mixed";
    if (tokens != MIXED)
        snprintf(name, sizeof name, "%zu", tokens);
    printf("| %6s | %5zu | %11.1f | %9.0f | %9.0f | %7.1f | %10.3f |\n", name, b->count,
           total_tokens / (double)b->count, (double)b->count / all, total_tokens / all, flop / all * 1e-9,
           one * 1e3);
    return 0;
}

int main(int argc, char **argv)
{
    static bench b;
    static const size_t lengths[] = {8, 16, 32, 64, 128, 256, MIXED};
    const char *path = BENCH_TEXTS;
    aki_settings settings;
    aki_settings_init(&settings);
    b.seconds = 1;
    bool usage = argc < 2 || argc % 2 != 0;
    for (int i = 2; !usage && i < argc; i += 2) {
        if (strcmp(argv[i], "--threads") == 0)
            settings.threads = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--cpu-tier") == 0)
            settings.cpu_tier = argv[i + 1];
        else if (strcmp(argv[i], "--seconds") == 0)
            b.seconds = strtod(argv[i + 1], NULL);
        else if (strcmp(argv[i], "--texts") == 0)
            path = argv[i + 1];
        else
            usage = true;
    }
    if (usage) {
        fprintf(stderr, "usage: bench_embed <model folder> [--threads N] [--cpu-tier TIER] [--seconds S] "
                        "[--texts FILE]\n");
        return 2;
    }

    int result = 1;
    aki_error error;
    aki_model_info info;
    if (read_file(&b, path) != 0)
        goto cleanup;
    if (aki_open(&b.model, argv[1], &settings, &error) != AKI_OK) {
        fail(&error);
        goto cleanup;
    }
    if ((b.vectors = calloc(TEXTS_MAX * aki_dimension(b.model), sizeof *b.vectors)) == NULL)
        goto cleanup;
    aki_model_describe(b.model, &info);
    printf("engine: CPU tier %s, precision %s, %u threads, passes of at most %zu tokens\n\n", info.cpu_tier,
           info.precision == AKI_PRECISION_FP32 ? "fp32" : "other", info.threads, info.max_pass_tokens);
    printf("| tokens | texts | mean tokens |   texts/s |  tokens/s | GFLOP/s | one, p50 ms "
           "|\n|---|---|---|---|---|---|---|\n");
    result = 0;
    for (size_t i = 0; result == 0 && i < sizeof lengths / sizeof *lengths; i++)
        result = measure(&b, lengths[i], &info);

cleanup:
    aki_close(&b.model);
    free(b.vectors);
    free(b.file);
    return result;
}
