/* Calls that their caller gives up: they fail with AKI_CANCELLED, and those behind them are computed. */
#include "unit.h"

#include "engine/worker_pool.h"
#include "model/tiny_model.h"

#define DIMENSION 4
#define TEXTS 100

static char folder[200];
static const int32_t ids[3] = {2, 4, 3};

static void fill(encoder_sequence *sequences, float *vectors)
{
    for (size_t i = 0; i < TEXTS; i++)
        sequences[i] = (encoder_sequence){.ids = ids, .count = 3, .vector = vectors + i * DIMENSION};
}

static void a_pool_begins_no_pass_of_a_cancelled_job(void **state)
{
    (void)state;
    aki_error error;
    encoder *enc;
    worker_pool *pool;
    const aki_settings settings = {.struct_size = sizeof settings, .threads = 2};
    assert_int_equal(encoder_open(&enc, folder, &settings, &error), AKI_OK);
    assert_int_equal(worker_pool_open(&pool, enc, 2, &error), AKI_OK);
    encoder_sequence sequences[TEXTS];
    float vectors[TEXTS * DIMENSION] = {0};
    volatile int cancel = 1;
    fill(sequences, vectors);
    assert_int_equal(worker_pool_run(pool, sequences, TEXTS, &cancel, &error), AKI_CANCELLED);
    assert_string_equal(error.message, "cancelled after 0 of 100 texts");
    for (size_t i = 0; i < TEXTS * DIMENSION; i++)
        assert_true(vectors[i] == 0);
    cancel = 0;
    assert_int_equal(worker_pool_run(pool, sequences, TEXTS, &cancel, &error), AKI_OK);
    assert_int_equal(worker_pool_run(pool, sequences, TEXTS, NULL, &error), AKI_OK);
    worker_pool_close(pool);
    encoder_close(enc);
}

static void a_cancelled_call_fails_and_the_next_one_does_not(void **state)
{
    (void)state;
    aki_error error;
    aki_model *handle = NULL;
    assert_int_equal(aki_open(&handle, folder, NULL, &error), AKI_OK);
    const aki_text texts[2] = {{"word", 4}, {"word word", 9}};
    float vectors[2 * DIMENSION];
    int cancel = 1;
    const aki_embed_options options = {.cancel = &cancel};
    assert_int_equal(aki_embed(handle, texts, 2, &options, vectors, NULL, &error), AKI_CANCELLED);
    assert_int_equal(error.text_index, AKI_NO_INDEX);
    cancel = 0;
    assert_int_equal(aki_embed(handle, texts, 2, &options, vectors, NULL, &error), AKI_OK);
    aki_close(&handle);
}

static int set_up(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    tiny_put_configuration(folder);
    tiny_put_weights(folder, "", 0);
    tiny_put(folder, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_begins_no_pass_of_a_cancelled_job),
        cmocka_unit_test(a_cancelled_call_fails_and_the_next_one_does_not),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
