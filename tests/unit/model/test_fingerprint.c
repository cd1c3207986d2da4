#include "engine/synthetic.h"

#include "model/file_hashes.h"

static void is_the_same_for_equal_models(void **state)
{
    (void)state;
    synthetic one, two;
    synthetic_open(&one, 64, 4, 128, MODEL_GELU_ERF);
    synthetic_open(&two, 64, 4, 128, MODEL_GELU_ERF);
    assert_true(model_fingerprint(&one.config, &one.weights, SIZE_MAX) ==
                model_fingerprint(&two.config, &two.weights, SIZE_MAX));
    synthetic_close(&one);
    synthetic_close(&two);
}

static void changes_with_every_tensor(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 64, 4, 128, MODEL_GELU_ERF);
    const uint64_t before = model_fingerprint(&s.config, &s.weights, SIZE_MAX);
    const model_layer *last = &s.weights.layers[1];
    const model_tensor *tensors[] = {&s.weights.word_embeddings,
                                     &s.weights.position_embeddings,
                                     &s.weights.type_embeddings,
                                     &s.weights.embedding_norm.gamma,
                                     &s.weights.embedding_norm.beta,
                                     &last->query.weight,
                                     &last->query.bias,
                                     &last->key.weight,
                                     &last->key.bias,
                                     &last->value.weight,
                                     &last->value.bias,
                                     &last->attention_output.weight,
                                     &last->attention_output.bias,
                                     &last->attention_norm.gamma,
                                     &last->attention_norm.beta,
                                     &last->intermediate.weight,
                                     &last->intermediate.bias,
                                     &last->output.weight,
                                     &last->output.bias,
                                     &last->output_norm.gamma,
                                     &last->output_norm.beta};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        const size_t count = tensors[i]->rows * tensors[i]->columns;
        float *numbers = s.values + ((const float *)(const void *)tensors[i]->data - s.values);
        for (size_t at = 0; at < count; at += count - 1) {
            const float kept = numbers[at];
            numbers[at] += 1;
            assert_true(model_fingerprint(&s.config, &s.weights, SIZE_MAX) != before);
            numbers[at] = kept;
        }
    }
    assert_true(model_fingerprint(&s.config, &s.weights, SIZE_MAX) == before);
    synthetic_close(&s);
}

static void changes_with_the_configuration(void **state)
{
    (void)state;
    synthetic s;
    synthetic_open(&s, 64, 4, 128, MODEL_GELU_ERF);
    const uint64_t before = model_fingerprint(&s.config, &s.weights, SIZE_MAX);
    s.config.heads = 2;
    assert_true(model_fingerprint(&s.config, &s.weights, SIZE_MAX) != before);
    s.config.heads = 4;
    s.config.activation = MODEL_RELU;
    assert_true(model_fingerprint(&s.config, &s.weights, SIZE_MAX) != before);
    s.config.activation = MODEL_GELU_ERF;
    s.config.layer_norm_epsilon = 1e-5f;
    assert_true(model_fingerprint(&s.config, &s.weights, SIZE_MAX) != before);
    synthetic_close(&s);
}

/* A graph that computes otherwise must not take another's packed weights from the cache. */
static void changes_with_the_graph(void **state)
{
    (void)state;
    const model_graph graphs[] = {
        {0},
        {.positions_skip_padding = true},
        {.padding_id = 1},
        {.relative_bias = true},
        {.alibi = true},
        {.rotary = {{.theta = 1000.0f}}},
        {.rotary = {{.theta = 1000.0f, .divisor = 2.0f}}},
        {.rotary = {{0}, {.theta = 1000.0f}}},
        {.rotary = {{0}, {.theta = 1000.0f, .divisor = 2.0f}}},
        {.local_layers = {1}},
        {.local_layers = {0, 1}},
        {.window = 64},
        {.causal = true},
        {.key_value_heads = 2},
        {.score_divisor = 5.0f},
        {.norm = MODEL_RMS_NORM},
        {.norm = MODEL_RMS_NORM_FROM_ONE},
        {.pre_norm = true},
        {.joint_head_norms = true},
        {.attention_input_twice = true},
        {.gated = true},
        {.embedding_scale = 8.0f},
        {.experts = 8},
        {.experts = 8, .chosen = 2},
        {.experts = 8, .chosen = 2, .mixture_every = 2},
    };
    enum { COUNT = sizeof graphs / sizeof graphs[0] };
    uint64_t found[COUNT];
    synthetic s;
    synthetic_open(&s, 64, 4, 128, MODEL_GELU_ERF);
    for (size_t i = 0; i < COUNT; i++) {
        s.config.graph = graphs[i];
        found[i] = model_fingerprint(&s.config, &s.weights, SIZE_MAX);
        for (size_t j = 0; j < i; j++)
            assert_true(found[i] != found[j]);
    }
    synthetic_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_same_for_equal_models),
        cmocka_unit_test(changes_with_every_tensor),
        cmocka_unit_test(changes_with_the_configuration),
        cmocka_unit_test(changes_with_the_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
