#include "unit.h"

#include "base/memory.h"
#include "engine/head_chain.h"

#include <math.h>

#define HIDDEN 20
#define WIDE (2 * HIDDEN)
#define NARROW 13
#define TEXTS 70 /* more than two blocks of rows */

static float states[4 * TEXTS][HIDDEN], weight[NARROW * WIDE], bias[NARROW], scale[NARROW], shift[NARROW];
static uint32_t offsets[TEXTS + 1];
static float vectors[TEXTS][WIDE];
static encoder_sequence sequences[TEXTS];

/* Pooling by first token and mean, Dense with tanh, LayerNorm, Normalize. */
static model_heads chain_of(size_t count, size_t dimension)
{
    return (model_heads){.steps = {{.kind = MODEL_HEAD_POOLING,
                                    .inputs = HIDDEN,
                                    .outputs = WIDE,
                                    .poolings = {AKI_POOLING_CLS, AKI_POOLING_MEAN},
                                    .poolings_count = 2},
                                   {.kind = MODEL_HEAD_DENSE,
                                    .inputs = WIDE,
                                    .outputs = NARROW,
                                    .activation = MODEL_HEAD_TANH,
                                    .weight = weight,
                                    .bias = bias},
                                   {.kind = MODEL_HEAD_LAYER_NORM,
                                    .inputs = NARROW,
                                    .outputs = NARROW,
                                    .weight = scale,
                                    .bias = shift},
                                   {.kind = MODEL_HEAD_NORMALIZE, .inputs = NARROW, .outputs = NARROW}},
                         .count = count,
                         .dimension = dimension};
}

static void fill(void)
{
    uint32_t random = 1;
    float *const all[] = {&states[0][0], weight, bias, scale, shift};
    const size_t counts[] = {4 * TEXTS * HIDDEN, NARROW * WIDE, NARROW, NARROW, NARROW};
    for (size_t a = 0; a < 5; a++)
        for (size_t i = 0; i < counts[a]; i++) {
            random = random * 1664525u + 1013904223u;
            all[a][i] = (float)(random >> 8) / (float)(1 << 23) - 1.0F;
        }
    for (size_t i = 0; i < TEXTS; i++) {
        offsets[i + 1] = offsets[i] + 1 + (uint32_t)i % 4;
        sequences[i] = (encoder_sequence){
            .count = offsets[i + 1] - offsets[i], .vector = vectors[i], .status = AKI_INTERNAL};
    }
}

static void run(const model_heads *heads, const kernel_table *tier, encoder_sequence *first, size_t count,
                const float *from, const uint32_t *at)
{
    head_chain *chain;
    aki_error error;
    assert_int_equal(head_chain_open(&chain, heads, tier, &error), AKI_OK);
    float *scratch = mem_alloc_aligned(head_chain_scratch(chain), sizeof *scratch);
    assert_non_null(scratch);
    head_chain_run(chain, scratch, first, count, from, at);
    head_chain_conclude(chain, first, count);
    mem_free(scratch);
    head_chain_close(chain);
}

/* Computes the steps in double precision, without the last normalisation. */
static void expect(size_t text, double out[NARROW])
{
    double pooled[WIDE] = {0}, mean = 0, variance = 0;
    const size_t tokens = sequences[text].count;
    for (size_t d = 0; d < HIDDEN; d++) {
        pooled[d] = states[offsets[text]][d];
        for (size_t t = 0; t < tokens; t++)
            pooled[HIDDEN + d] += (double)states[offsets[text] + t][d] / (double)tokens;
    }
    for (size_t o = 0; o < NARROW; o++) {
        out[o] = bias[o];
        for (size_t i = 0; i < WIDE; i++)
            out[o] += pooled[i] * weight[o * WIDE + i];
        out[o] = tanh(out[o]);
        mean += out[o] / NARROW;
    }
    for (size_t o = 0; o < NARROW; o++)
        variance += (out[o] - mean) * (out[o] - mean) / NARROW;
    for (size_t o = 0; o < NARROW; o++)
        out[o] = (out[o] - mean) / sqrt(variance + 1e-5) * scale[o] + shift[o];
}

static void every_tier_computes_the_steps(void **state)
{
    (void)state;
    const model_heads heads = chain_of(4, NARROW);
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++) {
        fill();
        for (size_t i = 0; i < TEXTS; i++)
            sequences[i].normalize = AKI_OFF;
        run(&heads, *tier, sequences, TEXTS, &states[0][0], offsets);
        for (size_t i = 0; i < TEXTS; i++) {
            double expected[NARROW];
            expect(i, expected);
            assert_int_equal(sequences[i].status, AKI_OK);
            for (size_t d = 0; d < NARROW; d++)
                assert_true(fabs(vectors[i][d] - expected[d]) < 2e-5);
        }
    }
}

static void a_vector_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    const model_heads heads = chain_of(4, NARROW);
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++) {
        fill();
        run(&heads, *tier, sequences, TEXTS, &states[0][0], offsets);
        for (size_t i = 0; i < TEXTS; i += 3) {
            float alone[NARROW];
            encoder_sequence one = sequences[i];
            one.vector = alone;
            run(&heads, *tier, &one, 1, &states[0][0], offsets + i);
            assert_memory_equal(alone, vectors[i], sizeof alone);
        }
    }
}

/* From what a device pooled: rows in place of tokens. */
static void goes_on_from_pooled_vectors(void **state)
{
    (void)state;
    model_heads heads = {.steps = {{.kind = MODEL_HEAD_POOLING,
                                    .inputs = HIDDEN,
                                    .outputs = HIDDEN,
                                    .poolings = {AKI_POOLING_CLS},
                                    .poolings_count = 1},
                                   {.kind = MODEL_HEAD_NORMALIZE, .inputs = HIDDEN, .outputs = HIDDEN}},
                         .count = 2,
                         .dimension = HIDDEN};
    float pooled[TEXTS][HIDDEN], expected[TEXTS][WIDE];
    fill();
    run(&heads, kernels_find(NULL), sequences, TEXTS, &states[0][0], offsets);
    memcpy(expected, vectors, sizeof expected);
    for (size_t i = 0; i < TEXTS; i++)
        memcpy(pooled[i], states[offsets[i]], sizeof pooled[i]);
    memset(vectors, 0, sizeof vectors);
    run(&heads, kernels_find(NULL), sequences, TEXTS, &pooled[0][0], NULL);
    for (size_t i = 0; i < TEXTS; i++)
        assert_memory_equal(vectors[i], expected[i], HIDDEN * sizeof(float));
}

static double length_of(const float *vector, size_t count)
{
    double square = 0;
    for (size_t d = 0; d < count; d++)
        square += (double)vector[d] * vector[d];
    return sqrt(square);
}

/* truncate_dim cuts behind the model's Normalize; a request's dimensions are followed by another. */
static void cuts_before_or_after_the_normalisation(void **state)
{
    (void)state;
    const model_heads whole = chain_of(4, NARROW), cut = chain_of(4, 5), raw = chain_of(3, NARROW);
    float full[NARROW];
    fill();
    run(&whole, kernels_find(NULL), sequences, 1, &states[0][0], offsets);
    memcpy(full, vectors[0], sizeof full);
    run(&cut, kernels_find(NULL), sequences, 1, &states[0][0], offsets);
    assert_memory_equal(vectors[0], full, 5 * sizeof(float));
    assert_true(length_of(vectors[0], 5) < 0.99);
    sequences[0].normalize = AKI_ON;
    run(&cut, kernels_find(NULL), sequences, 1, &states[0][0], offsets);
    assert_true(fabs(length_of(vectors[0], 5) - 1) < 1e-6);
    sequences[0].normalize = AKI_MODEL_DEFAULT;
    sequences[0].dimensions = 7;
    run(&whole, kernels_find(NULL), sequences, 1, &states[0][0], offsets);
    assert_true(fabs(length_of(vectors[0], 7) - 1) < 1e-6);
    for (size_t d = 0; d < 7; d++)
        assert_true(fabs(vectors[0][d] - full[d] / length_of(full, 7)) < 1e-6);
    run(&raw, kernels_find(NULL), sequences, 1, &states[0][0], offsets);
    assert_true(fabs(length_of(vectors[0], 7) - 1) > 1e-3); /* a model without Normalize */
    sequences[0].dimensions = 0;
}

/* tanh makes a number of an infinity, which must not hide it. */
static void an_infinity_before_a_dense_is_seen(void **state)
{
    (void)state;
    const model_heads heads = chain_of(4, NARROW);
    fill();
    states[offsets[3] + 1][0] = INFINITY; /* in the mean alone, so that no output is infinity less infinity */
    states[offsets[9]][4] = NAN;
    run(&heads, kernels_find(NULL), sequences, TEXTS, &states[0][0], offsets);
    for (size_t i = 0; i < TEXTS; i++)
        assert_int_equal(sequences[i].status, i == 3 || i == 9 ? AKI_NOT_FINITE : AKI_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tier_computes_the_steps),
        cmocka_unit_test(a_vector_does_not_depend_on_its_neighbours),
        cmocka_unit_test(goes_on_from_pooled_vectors),
        cmocka_unit_test(cuts_before_or_after_the_normalisation),
        cmocka_unit_test(an_infinity_before_a_dense_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
