#include "unit.h"

#include "model/parts.h"

/* 21.23 MFLOP and 9,216 per token of length for each token of all-MiniLM-L6-v2. */
static void counts_minilm(void **state)
{
    (void)state;
    const model_config minilm = {
        .layers = 6, .hidden_size = 384, .heads = 12, .head_size = 32, .intermediate_size = 1536};
    for (size_t tokens = 1; tokens <= 256; tokens *= 2)
        assert_true(model_text_flop(&minilm, tokens) == (double)tokens * (21233664 + 9216 * (double)tokens));
}

/* Qwen3-Embedding-0.6B: heads wider than the hidden size, fewer keys than queries, a gate, no token behind the query. */
static void counts_qwen3(void **state)
{
    (void)state;
    const model_config qwen3 = {.layers = 28,
                                .hidden_size = 1024,
                                .heads = 16,
                                .head_size = 128,
                                .intermediate_size = 3072,
                                .graph = {.key_value_heads = 8, .causal = true, .gated = true}};
    const double products = 2.0 * 28 * 1024 * (2048 + 1024 + 1024 + 2048 + 3 * 3072);
    assert_true(model_text_flop(&qwen3, 1) == products + 28 * 4.0 * 2048);
    assert_true(model_text_flop(&qwen3, 100) == 100 * products + 28 * 4.0 * 2048 * 5050);
}

/* nomic-embed-text-v2-moe: in 6 of 12 layers 2 of 8 experts, and the router. */
static void counts_mixtures(void **state)
{
    (void)state;
    const model_config nomic = {.layers = 12,
                                .hidden_size = 768,
                                .heads = 12,
                                .head_size = 64,
                                .intermediate_size = 3072,
                                .graph = {.experts = 8, .chosen = 2, .mixture_every = 2}};
    const double products = 2.0 * 768 * (12 * 4 * 768 + (6 + 6 * 2) * 2 * 3072 + 6 * 8);
    assert_true(model_text_flop(&nomic, 1) == products + 12 * 4.0 * 768);
}

/* Against the definition: a key is seen by the queries that are not farther away than the window. */
static void counts_windows(void **state)
{
    (void)state;
    for (size_t tokens = 1; tokens <= 12; tokens++)
        for (size_t window = 1; window <= 13; window++)
            for (int causal = 0; causal <= 1; causal++) {
                model_config config = {.layers = 2, .heads = 1, .head_size = 1};
                config.graph.window = window;
                config.graph.causal = causal;
                config.graph.local_layers[0] = 2;
                size_t seen = 0;
                for (size_t query = 0; query < tokens; query++)
                    for (size_t key = 0; key < tokens; key++) {
                        const size_t away = key > query ? key - query : query - key;
                        const bool behind = causal && key > query;
                        seen += !behind; /* layer 0 sees the whole text */
                        seen += !behind && away <= window;
                    }
                assert_true(model_text_flop(&config, tokens) == 4.0 * (double)seen);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_minilm),
        cmocka_unit_test(counts_qwen3),
        cmocka_unit_test(counts_mixtures),
        cmocka_unit_test(counts_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
