/* embed_example.c - a complete program on the public API: how alike are these texts?
 *
 *     embed_example <model folder> <text> [<text> ...]
 *     cc embed_example.c $(pkg-config --cflags --libs akidb-embed) -o embed_example
 *
 * Opens the model with settings and a log callback, embeds all texts in one call, prints what each cost in tokens and the
 * cosine of every pair. Shows what to do with an error: print what happened and the hint, name the text at fault.
 */
#include <akidb/embed.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Log lines of the library go to stderr; cookie is the lowest level to print. */
static void print_log(void *cookie, aki_log_level level, const char *target, const char *message)
{
    static const char *const names[] = {"trace", "debug", "info", "warn", "error"};
    const aki_log_level *lowest = cookie;
    if (level >= *lowest)
        fprintf(stderr, "[%s] %s: %s\n", names[level], target, message);
}

static int print_error(const aki_error *error, char *const *texts)
{
    fprintf(stderr, "error (%s): %s\n", aki_status_name(error->status), error->message);
    if (error->text_index != AKI_NO_INDEX)
        fprintf(stderr, "text %zu: \"%s\"\n", error->text_index + 1, texts[error->text_index]);
    fprintf(stderr, "hint: %s\n", error->hint);
    return 1;
}

/* Vectors are of unit length (see AKI_ON below), so that the cosine of two is their dot product. a, b: [dimension] f32 */
static double cosine(const float *a, const float *b, size_t dimension)
{
    double sum = 0;
    for (size_t i = 0; i < dimension; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void print_table(const float *vectors, const aki_text_info *infos, char *const *texts, size_t count,
                        size_t dimension)
{
    for (size_t i = 0; i < count; i++)
        printf("text %zu: %u tokens%s: %s\n", i + 1, (unsigned)infos[i].tokens,
               infos[i].truncated ? " (cut)" : "", texts[i]);
    printf("\ncosine");
    for (size_t i = 0; i < count; i++)
        printf(" %8zu", i + 1);
    printf("\n");
    for (size_t i = 0; i < count; i++) {
        printf("%6zu", i + 1);
        for (size_t j = 0; j < count; j++)
            printf(" %8.4f", cosine(vectors + i * dimension, vectors + j * dimension, dimension));
        printf("\n");
    }
}

static int compare_texts(aki_model *model, char *const *words, size_t count)
{
    const size_t dimension = aki_dimension(model);
    aki_text *texts = calloc(count, sizeof *texts);
    aki_text_info *infos = calloc(count, sizeof *infos);
    float *vectors = calloc(count * dimension, sizeof *vectors); /* [count][dimension] */
    const aki_embed_options options = {.pooling = AKI_POOLING_MODEL, .normalize = AKI_ON};
    aki_error error;
    int result = 1;

    if (texts == NULL || infos == NULL || vectors == NULL) {
        fprintf(stderr, "error: memory ran out\n");
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        texts[i].data = words[i];
        texts[i].length = strlen(words[i]);
    }
    if (aki_embed(model, texts, count, &options, vectors, infos, &error) != AKI_OK) {
        print_error(&error, words);
        goto cleanup;
    }
    print_table(vectors, infos, words, count, dimension);
    result = 0;

cleanup:
    free(texts);
    free(infos);
    free(vectors);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s <model folder> <text> [<text> ...]\n", argv[0]);
        return 2;
    }

    aki_log_level lowest = AKI_LOG_WARN;
    aki_settings settings;
    aki_settings_init(&settings);
    settings.precision = AKI_PRECISION_FP32;
    settings.threads = 1; /* a few short texts do not fill more */
    settings.log = print_log;
    settings.log_cookie = &lowest;

    aki_model *model = NULL;
    aki_error error;
    if (aki_open(&model, argv[1], &settings, &error) != AKI_OK)
        return print_error(&error, argv + 2);

    aki_model_info info;
    aki_model_describe(model, &info);
    printf("akidb-embed %s: %s, %zu layers, dimension %zu, at most %zu tokens a text, CPU tier %s\n\n",
           aki_version(), info.architecture, info.layers, aki_dimension(model), aki_max_tokens(model),
           info.cpu_tier);

    const int result = compare_texts(model, argv + 2, (size_t)(argc - 2));
    aki_close(&model);
    return result;
}
