#include "synthetic.h"

#include "kernels/kernels.h"

static void opens_every_tier_by_its_name(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    for (const char *const *name = aki_cpu_tiers(); *name != NULL; name++) {
        cpu_device *device = NULL;
        aki_error error;
        assert_int_equal(
            cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_AUTO, *name, NULL, &error),
            AKI_OK);
        assert_string_equal(cpu_device_tier(device), *name);
        const bool bf16 = kernels_find(*name)->bf16_is_faster;
        assert_int_equal(cpu_device_precision(device), bf16 ? AKI_PRECISION_BF16 : AKI_PRECISION_FP32);
        /* At least the weights of two layers, at most a few times that. */
        size_t least = 2 * (4 * 32 * 32 + 2 * 32 * 64) * (bf16 ? sizeof(uint16_t) : sizeof(float));
        assert_in_range(cpu_device_packed_bytes(device), least, (bf16 ? 6 : 4) * least);
        cpu_device_close(device);
    }
    synthetic_close(&s);
}

static void takes_the_best_tier_when_none_is_named(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    cpu_device *device = NULL;
    assert_int_equal(
        cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_FP32, NULL, NULL, NULL),
        AKI_OK);
    assert_string_equal(cpu_device_tier(device), aki_cpu_tiers()[0]);
    cpu_device_close(device);
    synthetic_close(&s);
}

static void an_unknown_tier_is_an_error_that_lists_those_available(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    cpu_device *device = (cpu_device *)&s;
    aki_error error;
    assert_int_equal(
        cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_AUTO, "avx9", NULL, &error),
        AKI_CPU_UNSUPPORTED);
    assert_null(device);
    assert_int_equal(error.status, AKI_CPU_UNSUPPORTED);
    assert_non_null(strstr(error.message, "\"avx9\""));
    for (const char *const *name = aki_cpu_tiers(); *name != NULL; name++)
        assert_non_null(strstr(error.message, *name));
    synthetic_close(&s);
}

static void bf16_is_there_by_name_or_the_error_says_where(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++) {
        cpu_device *device = NULL;
        aki_error error;
        aki_status status = cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_BF16,
                                                    (*tier)->name, NULL, &error);
        if ((*tier)->bf16 != NULL) {
            assert_int_equal(status, AKI_OK);
            assert_int_equal(cpu_device_precision(device), AKI_PRECISION_BF16);
            assert_string_equal(cpu_device_tier(device), (*tier)->name);
        } else {
            assert_int_equal(status, AKI_CPU_UNSUPPORTED);
            assert_non_null(strstr(error.message, "reference (fp32, bf16, int8, int4)"));
        }
        cpu_device_close(device);
    }
    synthetic_close(&s);
}

/* A tier that was not named must be fast in it: plain C would be a trap. */
static void bf16_without_a_tier_takes_instructions_for_it(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    cpu_device *device = NULL;
    aki_error error;
    aki_status status =
        cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_BF16, NULL, NULL, &error);
    const kernel_table *const *fast = kernels_available();
    while (*fast != NULL && !(*fast)->bf16_is_faster)
        fast++;
    if (*fast != NULL) {
        assert_int_equal(status, AKI_OK);
        assert_string_equal(cpu_device_tier(device), (*fast)->name);
    } else {
        assert_int_equal(status, AKI_CPU_UNSUPPORTED);
        assert_non_null(strstr(error.message, "no instructions for precision bf16"));
    }
    cpu_device_close(device);
    synthetic_close(&s);
}

static cpu_device *open_int8(const synthetic *s, const char *tier)
{
    cpu_device *device = NULL;
    aki_error error;
    if (cpu_device_open_weights(&device, &s->config, &s->weights, AKI_PRECISION_INT8, tier, NULL, &error) !=
        AKI_OK)
        fail_msg("%s", error.message);
    return device;
}

static void int8_is_there_by_name_and_smaller(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 64, 2, 256, MODEL_GELU_ERF);
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++) {
        if ((*tier)->int8 == NULL)
            continue;
        cpu_device *device = open_int8(&s, (*tier)->name), *wide = NULL;
        assert_int_equal(cpu_device_precision(device), AKI_PRECISION_INT8);
        assert_string_equal(cpu_device_tier(device), (*tier)->name);
        assert_int_equal(cpu_device_kept_from_int8(device), 0);
        assert_int_equal(cpu_device_open_weights(&wide, &s.config, &s.weights, AKI_PRECISION_FP32,
                                                 (*tier)->name, NULL, NULL),
                         AKI_OK);
        assert_true(cpu_device_packed_bytes(device) < cpu_device_packed_bytes(wide));
        cpu_device_close(wide);
        cpu_device_close(device);
    }
    synthetic_close(&s);
}

/* Columns of the output projection that dwarf the others, fed by values that are as much smaller: a row's scale, or a weight's,
 * serves one of them only. */
static void matrices_that_lose_too_much_stay_out_of_int8(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 64, 2, 256, MODEL_GELU_ERF);
    float *values = (float *)(uintptr_t)s.weights.layers[1].value.weight.data;
    float *bias = (float *)(uintptr_t)s.weights.layers[1].value.bias.data;
    float *projection = (float *)(uintptr_t)s.weights.layers[1].attention_output.weight.data;
    for (size_t o = 0; o < 64; o += 2) {
        for (size_t i = 0; i < 64; i++) {
            values[o * 64 + i] *= 1e-4f;
            projection[i * 64 + o] *= 1e4f;
        }
        bias[o] *= 1e-4f;
    }
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++) {
        if ((*tier)->int8 == NULL)
            continue;
        cpu_device *device = open_int8(&s, (*tier)->name);
        assert_int_equal(cpu_device_kept_from_int8(device), 1);
        cpu_device_close(device);
    }
    synthetic_close(&s);
}

static void heads_of_odd_size_stay_in_fp32(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 30, 2, 64, MODEL_GELU_ERF);
    cpu_device *device = NULL;
    aki_error error;
    assert_int_equal(
        cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_AUTO, NULL, NULL, &error),
        AKI_OK);
    assert_int_equal(cpu_device_precision(device), AKI_PRECISION_FP32);
    cpu_device_close(device);
    assert_int_equal(cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_BF16, "reference",
                                             NULL, &error),
                     AKI_MODEL_UNSUPPORTED);
    assert_null(device);
    synthetic_close(&s);
}

/* As wide a feed-forward net by the shapes of its tensors, which nothing reads. */
static void widen(synthetic *s, size_t intermediate)
{
    s->config.intermediate_size = intermediate;
    for (size_t l = 0; l < s->config.layers; l++) {
        s->weights.layers[l].intermediate.weight.rows = intermediate;
        s->weights.layers[l].output.weight.columns = intermediate;
    }
}

static void a_model_too_large_for_the_machine_is_an_error(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    cpu_device *device = NULL;
    aki_error error;
    widen(&s, SIZE_MAX / 4);
    assert_int_equal(
        cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_AUTO, NULL, NULL, &error),
        AKI_MODEL_UNSUPPORTED);
    assert_null(device);
    widen(&s, (size_t)1 << 45);
    assert_int_equal(
        cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_AUTO, NULL, NULL, &error),
        AKI_OUT_OF_MEMORY);
    assert_null(device);
    synthetic_close(&s);
}

static void a_state_of_impossible_size_is_an_error(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 32, 2, 64, MODEL_GELU_ERF);
    cpu_device *device = NULL;
    cpu_state *run = NULL;
    aki_error error;
    assert_int_equal(
        cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_AUTO, NULL, NULL, &error),
        AKI_OK);
    assert_int_equal(cpu_state_open(&run, device, 0, &error), AKI_INVALID_ARGUMENT);
    assert_null(run);
    assert_int_equal(cpu_state_open(&run, device, SIZE_MAX / 8, &error), AKI_INVALID_ARGUMENT);
    assert_null(run);
    assert_int_equal(cpu_state_open(&run, device, (size_t)1 << 45, &error), AKI_OUT_OF_MEMORY);
    assert_null(run);
    cpu_state_close(NULL);
    cpu_device_close(device);
    cpu_device_close(NULL);
    synthetic_close(&s);
}

/* After a long pass the pages go back, and come as zeros; the next pass computes the same bits. */
static void a_long_pass_leaves_no_memory_behind(void **state)
{
    (void)state;
    enum { HIDDEN = 32, TOKENS = 150, MOST = 8192 };
    synthetic s;
    synthetic_open(&s, HIDDEN, 2, 64, MODEL_GELU_ERF);
    cpu_device *device = NULL;
    cpu_state *buffers = NULL;
    int32_t ids[2 * TOKENS];
    const uint32_t offsets[] = {0, TOKENS, 2 * TOKENS};
    const device_batch batch = {.token_ids = ids, .offsets = offsets, .texts = 2};
    float first[2 * TOKENS * HIDDEN];
    for (size_t t = 0; t < 2 * TOKENS; t++)
        ids[t] = (int32_t)(t % s.config.vocabulary_size);
    assert_int_equal(
        cpu_device_open_weights(&device, &s.config, &s.weights, AKI_PRECISION_FP32, NULL, NULL, NULL),
        AKI_OK);
    assert_int_equal(cpu_state_open(&buffers, device, MOST, NULL), AKI_OK);
    const float *states = cpu_forward(device, buffers, &batch);
    memcpy(first, states, sizeof first);
    cpu_state_settle(buffers, CPU_STATE_KEPT_TOKENS);
    assert_memory_equal(states, first, sizeof first);
    cpu_state_settle(buffers, CPU_STATE_KEPT_TOKENS + 1);
    for (size_t i = 0; i < HIDDEN; i++)
        assert_true(states[TOKENS * HIDDEN + i] == 0.0f);
    assert_memory_equal(cpu_forward(device, buffers, &batch), first, sizeof first);
    cpu_state_close(buffers);
    cpu_device_close(device);
    synthetic_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_every_tier_by_its_name),
        cmocka_unit_test(takes_the_best_tier_when_none_is_named),
        cmocka_unit_test(an_unknown_tier_is_an_error_that_lists_those_available),
        cmocka_unit_test(bf16_is_there_by_name_or_the_error_says_where),
        cmocka_unit_test(bf16_without_a_tier_takes_instructions_for_it),
        cmocka_unit_test(int8_is_there_by_name_and_smaller),
        cmocka_unit_test(matrices_that_lose_too_much_stay_out_of_int8),
        cmocka_unit_test(heads_of_odd_size_stay_in_fp32),
        cmocka_unit_test(a_model_too_large_for_the_machine_is_an_error),
        cmocka_unit_test(a_state_of_impossible_size_is_an_error),
        cmocka_unit_test(a_long_pass_leaves_no_memory_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
