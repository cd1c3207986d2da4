/* Weights of token ids, and vectors of tokens, behind a pipe, for tests that compare them with others. Usage: sparse_stdin <model
 * folder> <precision> <tier> <threads>
 *
 * Reads requests from stdin until it ends: uint32 kind (0: weights, 1: vectors of tokens, 2: vectors), uint32 count, then for each text
 * uint32 length and that many bytes. Writes an answer to each: int32 status (aki_status), and where that is not 0 uint32 length of the
 * message with its hint, and these; else for weights of each text uint32 count, int32 ids[count], f32 weights[count]; for vectors of
 * tokens of each text uint32 count, uint32 width, f32 [count][width]; for vectors uint32 dimension, f32 [texts][dimension]. All numbers
 * little-endian. Exits with 1 and a message where the model cannot be loaded. */
#include "akidb/embed.h"
#include "kernels/precision.h"
#include "pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 4096u
enum { KIND_WEIGHTS, KIND_TOKENS, KIND_VECTORS };

static bool put_status(aki_status status, const aki_error *error)
{
    char text[1024];
    const int32_t code = (int32_t)status;
    const uint32_t length =
        status == AKI_OK ? 0 : (uint32_t)snprintf(text, sizeof text, "%s %s", error->message, error->hint);
    return put(&code, sizeof code) &&
           (status == AKI_OK || (put(&length, sizeof length) && put(text, length)));
}

static bool answer_weights(aki_model *m, const aki_text *texts, uint32_t count)
{
    aki_error error;
    aki_sparse_vector *found = calloc(count, sizeof *found);
    const aki_status status = aki_embed_sparse(m, texts, count, NULL, found, &error);
    bool good = put_status(status, &error);
    for (uint32_t i = 0; i < count && good && status == AKI_OK; i++) {
        const uint32_t entries = (uint32_t)found[i].count;
        good = put(&entries, sizeof entries) && put(found[i].ids, entries * sizeof *found[i].ids) &&
               put(found[i].weights, entries * sizeof *found[i].weights);
    }
    aki_sparse_vectors_free(found, count);
    free(found);
    return good;
}

static bool answer_tokens(aki_model *m, const aki_text *texts, uint32_t count)
{
    aki_error error;
    aki_model_info info;
    aki_model_describe(m, &info);
    aki_token_vectors *found = calloc(count, sizeof *found);
    const aki_status status = aki_embed_tokens(m, texts, count, NULL, found, &error);
    bool good = put_status(status, &error);
    for (uint32_t i = 0; i < count && good && status == AKI_OK; i++) {
        const uint32_t head[] = {(uint32_t)found[i].count, (uint32_t)info.token_dimension};
        good = put(head, sizeof head) &&
               put(found[i].vectors, (size_t)head[0] * head[1] * sizeof *found[i].vectors);
    }
    aki_token_vectors_free(found, count);
    free(found);
    return good;
}

static bool answer_vectors(aki_model *m, const aki_text *texts, uint32_t count)
{
    aki_error error;
    const uint32_t dimension = (uint32_t)aki_dimension(m);
    float *vectors = malloc((size_t)count * dimension * sizeof *vectors);
    const aki_status status = aki_embed(m, texts, count, NULL, vectors, NULL, &error);
    const bool good = put_status(status, &error) &&
                      (status != AKI_OK || (put(&dimension, sizeof dimension) &&
                                            put(vectors, (size_t)count * dimension * sizeof *vectors)));
    free(vectors);
    return good;
}

static bool serve(aki_model *m)
{
    uint32_t head[2];
    bool good = true;
    while (good && read_exactly(head, sizeof head)) {
        good = head[1] > 0 && head[1] <= COUNT_MAX;
        const uint32_t count = good ? head[1] : 1;
        aki_text *texts = calloc(count, sizeof *texts);
        for (uint32_t i = 0; i < count && good; i++)
            good = read_text(&texts[i]);
        good = good && (head[0] == KIND_WEIGHTS  ? answer_weights(m, texts, count)
                        : head[0] == KIND_TOKENS ? answer_tokens(m, texts, count)
                                                 : answer_vectors(m, texts, count));
        for (uint32_t i = 0; i < count; i++)
            free((char *)texts[i].data);
        free(texts);
    }
    return good && fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    aki_model *m = NULL;
    aki_error error = {.message = "usage: sparse_stdin <model folder> <precision> <tier> <threads>"};
    aki_settings settings;
    aki_settings_init(&settings);
    if (argc == 5) {
        for (aki_precision p = AKI_PRECISION_FP32; p <= AKI_PRECISION_INT4; p++)
            if (strcmp(kernel_precision_name(p), argv[2]) == 0)
                settings.precision = p;
        settings.cpu_tier = strcmp(argv[3], "auto") == 0 ? NULL : argv[3];
        settings.threads = (unsigned)strtoul(argv[4], NULL, 10);
    }
    if (argc != 5 || aki_open(&m, argv[1], &settings, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const bool good = serve(m);
    aki_close(&m);
    return good ? 0 : 1;
}
