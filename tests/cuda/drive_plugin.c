/* Drives a device plugin without a server: what a text's vector depends on, under compute-sanitizer too, and how fast passes are.
 *
 *     drive_plugin check|once|speed MODEL PLUGIN PRECISION
 *
 * check: vectors of random texts are the same bit for bit alone, in passes of any composition and order, in states of any size,
 * and in eight threads at once. once: one small pass. speed: tokens per second and microseconds per pass, as lines of JSON. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/device/plugin.h"
#include "model/model.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASS_TOKENS 4096
#define TEXTS 96
#define THREADS 8
#define ROUNDS 40

typedef struct rig {
    model *files;
    void *device;
    const device_api *api;
    size_t hidden, vocabulary;
} rig;

typedef struct corpus {
    int32_t *ids;
    uint32_t offsets[TEXTS + 1];
    aki_pooling pooling[TEXTS];
    float *vectors; /* [TEXTS][hidden], each computed alone */
} corpus;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "drive_plugin: %s: %s\n", what, why);
    exit(1);
}

/* xorshift64: the same numbers in every run. */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void print_log(void *cookie, aki_log_level level, const char *target, const char *message)
{
    (void)cookie;
    (void)level;
    fprintf(stderr, "%s: %s\n", target, message);
}

static void *open_state(const rig *r, size_t tokens)
{
    char message[DEVICE_MESSAGE_BYTES] = "";
    void *state;
    if (r->api->state_open(&state, r->device, tokens, message) != DEVICE_OK)
        fail("state_open", message);
    return state;
}

static const float *run(const rig *r, void *state, const device_batch *batch, device_times *times)
{
    char message[DEVICE_MESSAGE_BYTES] = "";
    const float *vectors;
    if (r->api->forward(r->device, state, batch, &vectors, times, message) != DEVICE_OK)
        fail("forward", message);
    return vectors;
}

/* Lengths of 1 to 256 tokens, many of them at the edges of tiles. */
static size_t draw_length(uint64_t *state, size_t most)
{
    static const size_t edges[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256};
    const size_t length =
        draw(state) % 2 == 0 ? edges[draw(state) % (sizeof edges / sizeof *edges)] : 1 + draw(state) % 256;
    return length < most ? length : most;
}

static void make_texts(const rig *r, corpus *t)
{
    static const aki_pooling ways[] = {AKI_POOLING_MEAN, AKI_POOLING_CLS, AKI_POOLING_MAX};
    const size_t most = model_configuration(r->files)->max_positions;
    uint64_t seed = 88172645463325252u;
    t->ids = calloc(TEXTS * 256, sizeof *t->ids);
    t->vectors = calloc(TEXTS * r->hidden, sizeof *t->vectors);
    if (t->ids == NULL || t->vectors == NULL)
        fail("texts", "no memory");
    for (size_t i = 0; i < TEXTS; i++) {
        t->offsets[i + 1] = t->offsets[i] + (uint32_t)draw_length(&seed, most);
        t->pooling[i] = ways[i % 3];
    }
    for (size_t i = 0; i < t->offsets[TEXTS]; i++)
        t->ids[i] = (int32_t)(draw(&seed) % r->vocabulary);
    void *state = open_state(r, 256);
    for (size_t i = 0; i < TEXTS; i++) {
        const uint32_t offsets[] = {0, t->offsets[i + 1] - t->offsets[i]};
        device_times times;
        const device_batch batch = {
            .token_ids = t->ids + t->offsets[i], .offsets = offsets, .texts = 1, .pooling = &t->pooling[i]};
        memcpy(t->vectors + i * r->hidden, run(r, state, &batch, &times), r->hidden * sizeof(float));
    }
    r->api->state_close(state);
}

/* Fills the batch with random texts, repeated or not, up to the limits. chosen: [TEXTS]. */
static void compose(const corpus *t, uint64_t *seed, size_t tokens, int32_t *ids, uint32_t *offsets,
                    aki_pooling *pooling, size_t *chosen, device_batch *batch)
{
    const size_t most = 1 + draw(seed) % TEXTS;
    size_t count = 0;
    offsets[0] = 0;
    while (count < most) {
        const size_t i = draw(seed) % TEXTS, length = t->offsets[i + 1] - t->offsets[i];
        if (offsets[count] + length > tokens)
            break;
        memcpy(ids + offsets[count], t->ids + t->offsets[i], length * sizeof *ids);
        pooling[count] = t->pooling[i];
        chosen[count] = i;
        offsets[count + 1] = offsets[count] + (uint32_t)length;
        count++;
    }
    *batch = (device_batch){.token_ids = ids, .offsets = offsets, .texts = count, .pooling = pooling};
}

typedef struct job {
    const rig *r;
    const corpus *t;
    uint64_t seed;
    size_t compared, different;
} job;

static void *check(void *argument)
{
    job *j = argument;
    static const size_t sizes[] = {256, 700, PASS_TOKENS};
    int32_t *ids = calloc(PASS_TOKENS, sizeof *ids);
    if (ids == NULL)
        fail("check", "no memory");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        void *state = open_state(j->r, sizes[s]);
        for (size_t round = 0; round < ROUNDS; round++) {
            uint32_t offsets[TEXTS + 1];
            aki_pooling pooling[TEXTS];
            size_t chosen[TEXTS];
            device_batch batch;
            device_times times;
            compose(j->t, &j->seed, sizes[s], ids, offsets, pooling, chosen, &batch);
            if (batch.texts == 0)
                continue;
            const float *vectors = run(j->r, state, &batch, &times);
            for (size_t i = 0; i < batch.texts; i++) {
                j->compared++;
                j->different += memcmp(vectors + i * j->r->hidden, j->t->vectors + chosen[i] * j->r->hidden,
                                       j->r->hidden * sizeof *vectors) != 0;
            }
        }
        j->r->api->state_close(state);
    }
    free(ids);
    return NULL;
}

static int check_all(const rig *r)
{
    static corpus t;
    pthread_t threads[THREADS];
    job jobs[THREADS];
    size_t compared = 0, different = 0;
    make_texts(r, &t);
    for (size_t i = 0; i < THREADS; i++) {
        jobs[i] = (job){.r = r, .t = &t, .seed = 0x9e3779b97f4a7c15u * (i + 1)};
        if (pthread_create(&threads[i], NULL, check, &jobs[i]) != 0)
            fail("check", "no thread");
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        compared += jobs[i].compared;
        different += jobs[i].different;
    }
    printf("{\"compared\": %zu, \"different\": %zu}\n", compared, different);
    free(t.ids);
    free(t.vectors);
    return compared > 0 && different == 0 ? 0 : 1;
}

static int run_once(const rig *r)
{
    static const uint32_t lengths[] = {1, 70, 17, 130};
    int32_t ids[256];
    uint32_t offsets[5] = {0};
    const aki_pooling pooling[] = {AKI_POOLING_MEAN, AKI_POOLING_MAX, AKI_POOLING_CLS, AKI_POOLING_MEAN};
    uint64_t seed = 1;
    device_times times;
    for (size_t i = 0; i < 4; i++)
        offsets[i + 1] = offsets[i] + lengths[i];
    for (size_t i = 0; i < offsets[4]; i++)
        ids[i] = (int32_t)(draw(&seed) % r->vocabulary);
    void *state = open_state(r, 256);
    run(r, state, &(device_batch){.token_ids = ids, .offsets = offsets, .texts = 4, .pooling = pooling},
        &times);
    r->api->state_close(state);
    return 0;
}

typedef struct load {
    const rig *r;
    size_t texts, length, passes;
    int64_t median_ns;
    device_times times; /* of the last pass */
} load;

static int compare_ns(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void *run_load(void *argument)
{
    load *l = argument;
    int32_t *ids = calloc(PASS_TOKENS, sizeof *ids);
    uint32_t *offsets = calloc(PASS_TOKENS + 1, sizeof *offsets);
    aki_pooling *pooling = calloc(PASS_TOKENS, sizeof *pooling);
    int64_t *took_ns = calloc(l->passes, sizeof *took_ns);
    uint64_t seed = 7;
    if (ids == NULL || offsets == NULL || pooling == NULL || took_ns == NULL)
        fail("speed", "no memory");
    for (size_t i = 0; i < l->texts; i++) {
        offsets[i + 1] = offsets[i] + (uint32_t)l->length;
        pooling[i] = AKI_POOLING_MEAN;
    }
    for (size_t i = 0; i < offsets[l->texts]; i++)
        ids[i] = (int32_t)(draw(&seed) % l->r->vocabulary);
    const device_batch batch = {.token_ids = ids, .offsets = offsets, .texts = l->texts, .pooling = pooling};
    void *state = open_state(l->r, PASS_TOKENS);
    for (size_t i = 0; i < l->passes; i++) {
        const int64_t begin_ns = clock_monotonic_ns();
        run(l->r, state, &batch, &l->times);
        took_ns[i] = clock_monotonic_ns() - begin_ns;
    }
    qsort(took_ns, l->passes, sizeof *took_ns, compare_ns);
    l->median_ns = took_ns[l->passes / 2];
    l->r->api->state_close(state);
    free(ids);
    free(offsets);
    free(pooling);
    free(took_ns);
    return NULL;
}

static void measure(const rig *r, size_t threads, size_t texts, size_t length, size_t passes)
{
    pthread_t thread[THREADS];
    load loads[THREADS];
    const int64_t begin_ns = clock_monotonic_ns();
    for (size_t i = 0; i < threads; i++) {
        loads[i] = (load){.r = r, .texts = texts, .length = length, .passes = passes};
        if (pthread_create(&thread[i], NULL, run_load, &loads[i]) != 0)
            fail("speed", "no thread");
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    const double seconds = (double)(clock_monotonic_ns() - begin_ns) / NS_PER_S;
    printf(
        "{\"threads\": %zu, \"texts\": %zu, \"tokens_per_text\": %zu, \"tokens_per_second\": %.0f, "
        "\"median_us\": %.1f, \"transfer_in_us\": %.1f, \"forward_us\": %.1f, \"transfer_out_us\": %.1f}\n",
        threads, texts, length, (double)(threads * texts * length * passes) / seconds,
        (double)loads[0].median_ns / 1000, (double)loads[0].times.transfer_in_ns / 1000,
        (double)loads[0].times.forward_ns / 1000, (double)loads[0].times.transfer_out_ns / 1000);
    fflush(stdout);
}

static int measure_all(const rig *r)
{
    static const size_t lengths[] = {16, 128, 256};
    for (size_t i = 0; i < 3; i++) {
        measure(r, 1, 1, lengths[i], 1000);
        for (size_t tokens = 512; tokens <= PASS_TOKENS; tokens *= 2)
            for (size_t threads = 1; threads <= THREADS; threads *= THREADS)
                measure(r, threads, tokens / lengths[i], lengths[i], 600);
    }
    return 0;
}

int main(int argc, char **argv)
{
    aki_error error;
    if (argc != 5)
        fail("usage", "drive_plugin check|once|speed MODEL PLUGIN auto|fp32");
    rig r = {0};
    device_plugin plugin;
    const log_sink log = {.write = print_log};
    if (model_open(&r.files, argv[2], &error) != AKI_OK ||
        device_plugin_load(&plugin, argv[3], &error) != AKI_OK)
        fail("loading", error.message);
    const device_model m = {.config = model_configuration(r.files),
                            .weights = model_weights_of(r.files),
                            .precision =
                                strcmp(argv[4], "fp32") == 0 ? AKI_PRECISION_FP32 : AKI_PRECISION_AUTO};
    char message[DEVICE_MESSAGE_BYTES] = "";
    const device_host host = {.log = log, .read_tensor = tensor_read_f32};
    r.api = plugin.api;
    if (r.api->score(&m, message) <= 0 || r.api->open(&r.device, &m, &host, message) != DEVICE_OK)
        fail("opening", message);
    r.hidden = m.config->hidden_size;
    r.vocabulary = m.config->vocabulary_size;
    const int result = strcmp(argv[1], "check") == 0  ? check_all(&r)
                       : strcmp(argv[1], "once") == 0 ? run_once(&r)
                                                      : measure_all(&r);
    r.api->close(r.device);
    device_plugin_unload(&plugin);
    model_close(r.files);
    return result;
}
