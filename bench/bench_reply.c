/* What it costs to write vectors into a reply. Usage: bench_reply <model folder> [text file]
 *
 * Embeds the lines of the file (or a few built-in sentences), then writes their vectors again and again, as numbers and as
 * base64, and prints the time per vector, of the values alone and of a whole reply body of 1 and of all texts. */
#include "akidb/embed.h"
#include "api/embed_reply.h"
#include "api/float_text.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "measure.h"

#include <stdio.h>
#include <string.h>

#define MOST_TEXTS 512
#define SAMPLES 21
#define SAMPLE_NS 20000000

static const char sentences[] =
    "The harbour master keeps two ledgers.\nHow do I reset the password of my account?\n"
    "Vectors of real texts have values of every size.\nThe mirror was recoated.";

typedef struct vectors {
    const float *values; /* [count][dimension] */
    const aki_text_info *info;
    size_t count, dimension;
} vectors;

static void write_numbers(const vectors *v, buf *out)
{
    for (size_t i = 0; i < v->count; i++) {
        buf_clear(out);
        char *at = buf_reserve(out, v->dimension * (FLOAT_TEXT_MAX + 1));
        if (at == NULL)
            exit(1);
        buf_commit(out, float_text_write_list(v->values + i * v->dimension, v->dimension, at));
    }
}

static void write_base64(const vectors *v, buf *out)
{
    for (size_t i = 0; i < v->count; i++) {
        buf_clear(out);
        if (!base64_append(out, v->values + i * v->dimension, v->dimension * sizeof *v->values))
            exit(1);
    }
}

static void write_reply(const vectors *v, buf *out, bool base64)
{
    embed_reply reply = {.vectors = v->values,
                         .info = v->info,
                         .count = v->count,
                         .dimension = v->dimension,
                         .model_name = "sentence-transformers/all-MiniLM-L6-v2",
                         .base64 = base64};
    aki_error error;
    if (embed_reply_write(&reply, out, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
}

static void reply_numbers(const vectors *v, buf *out)
{
    write_reply(v, out, false);
}

static void reply_base64(const vectors *v, buf *out)
{
    write_reply(v, out, true);
}

/* per_buffer: vectors that `write` leaves in the buffer. */
static void measure(const char *name, const vectors *v, void (*write)(const vectors *, buf *), buf *out,
                    size_t per_buffer)
{
    double samples[SAMPLES];
    size_t bytes = 0;
    for (size_t s = 0; s < SAMPLES; s++) {
        int64_t start = measure_thread_ns(), spent;
        size_t rounds = 0;
        do {
            buf_clear(out);
            write(v, out);
            bytes = out->length;
            rounds++;
            spent = measure_thread_ns() - start;
        } while (spent < SAMPLE_NS);
        samples[s] = (double)spent / 1e3 / (double)(rounds * v->count);
    }
    double median = measure_median(samples, SAMPLES);
    printf("%-28s %8.3f us a vector of %zu (best %.3f), %zu bytes\n", name, median, v->dimension, samples[0],
           bytes / per_buffer);
}

static size_t split_lines(const char *text, size_t length, aki_text *texts)
{
    size_t count = 0;
    for (size_t at = 0; at < length && count < MOST_TEXTS;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t bytes = end != NULL ? (size_t)(end - text) - at : length - at;
        if (bytes > 0)
            texts[count++] = (aki_text){text + at, bytes};
        at += bytes + 1;
    }
    return count;
}

int main(int argc, char **argv)
{
    static aki_text texts[MOST_TEXTS];
    static aki_text_info info[MOST_TEXTS];
    aki_error error;
    aki_model *model = NULL;
    buf file, out;
    buf_init(&file, (size_t)1 << 30);
    buf_init(&out, (size_t)1 << 30);
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bench_reply <model folder> [text file]\n");
        return 2;
    }
    if (aki_open(&model, argv[1], NULL, &error) != AKI_OK ||
        (argc == 3 && file_read(argv[2], &file, &error) != AKI_OK)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    size_t count = argc == 3 ? split_lines(file.data, file.length, texts)
                             : split_lines(sentences, sizeof sentences - 1, texts);
    vectors v = {.info = info, .count = count, .dimension = aki_dimension(model)};
    float *values = calloc(count * v.dimension, sizeof *values);
    v.values = values;
    if (values == NULL || aki_embed(model, texts, count, NULL, values, info, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", values == NULL ? "no memory" : error.message);
        return 1;
    }
    aki_close(&model);
    measure("numbers", &v, write_numbers, &out, 1);
    measure("base64", &v, write_base64, &out, 1);
    measure("whole reply, numbers", &v, reply_numbers, &out, v.count);
    measure("whole reply, base64", &v, reply_base64, &out, v.count);
    v.count = 1;
    measure("reply of one, numbers", &v, reply_numbers, &out, v.count);
    measure("reply of one, base64", &v, reply_base64, &out, v.count);
    free(values);
    buf_free(&out);
    buf_free(&file);
    return 0;
}
