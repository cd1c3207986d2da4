/* Static models: sizes by the weight file, a row and a factor for each token in every element type, and both makers' forms. What is
 * refused is in tests/parity/test_static_vectors.py. */
#include "unit.h"

#include "model/families.h"
#include "model/tiny_model.h"

static char folder[200];

#define MODULE(path, kind) "{\"path\":\"" path "\",\"type\":\"sentence_transformers.models." kind "\"}"

/* rows 0 of a tensor: it is not there. */
typedef struct weights_case {
    const char *matrix, *dtype;
    size_t width, rows, mapped, weighted;
    const char *mapping_type, *weights_type;
    size_t mapping_width, weights_width;
} weights_case;

static void put(const weights_case *c, const char *name)
{
    char path[PATH_MAX];
    tensor_file file;
    tensor_file_begin(&file);
    tensor_file_add(&file, c->matrix, c->dtype, c->width, c->rows, 3);
    if (c->mapped > 0)
        tensor_file_add(&file, "mapping", c->mapping_type, c->mapping_width, 0, c->mapped);
    if (c->weighted > 0)
        tensor_file_add(&file, "weights", c->weights_type, c->weights_width, 0, c->weighted);
    tiny_put(folder, name, "");
    tiny_path(path, folder, name);
    tensor_file_end(&file, path, 0);
}

static model *open_folder(void)
{
    model *m = NULL;
    aki_error error;
    if (model_open(&m, folder, &error) != AKI_OK)
        fail_msg("%s", error.message);
    return m;
}

static void sizes_are_those_of_the_weights(void **state)
{
    (void)state;
    static const weights_case cases[] = {
        {"embeddings", "F32", 4, 5, 0, 0, NULL, NULL, 0, 0},
        {"embeddings", "F16", 2, 5, 7, 0, "I64", NULL, 8, 0},
        {"embeddings", "BF16", 2, 5, 7, 7, "I32", "F64", 4, 8},
        {"embeddings", "F32", 4, 5, 0, 5, NULL, "F32", 0, 4},
        {"embeddings", "F32", 4, 5, 0, 5, NULL, "F16", 0, 2},
    };
    tiny_put(folder, "modules.json", NULL);
    tiny_put(folder, "config.json", "{\"model_type\":\"model2vec\",\"normalize\":true,\"max_length\":9}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const weights_case *c = &cases[i];
        put(c, "model.safetensors");
        model *m = open_folder();
        const model_config *config = model_configuration(m);
        const model_weights *w = model_weights_of(m);
        assert_true(model_is_static(config));
        assert_ptr_equal(config->family, &family_model2vec);
        assert_int_equal(config->matrix_rows, 5);
        assert_int_equal(config->vocabulary_size, c->mapped > 0 ? c->mapped : 5);
        assert_int_equal(config->hidden_size, 3);
        assert_int_equal(config->max_tokens, 9);
        assert_true(config->drops_unknown);
        assert_int_equal(w->word_embeddings.rows, 5);
        assert_int_equal(w->token_rows != NULL, c->mapped > 0);
        assert_int_equal(w->token_weights != NULL, c->weighted > 0);
        /* F32 counts from 0 on, other types are zeros. */
        for (size_t t = 0; t < c->weighted; t++)
            assert_true(w->token_weights[t] == (c->weights_width == 4 ? (float)t : 0.0F));
        for (size_t t = 0; t < c->mapped; t++)
            assert_int_equal(w->token_rows[t], 0);
        const model_heads *heads = model_heads_of(m);
        assert_int_equal(heads->count, 2);
        assert_int_equal(heads->steps[0].poolings[0], AKI_POOLING_MEAN);
        assert_int_equal(heads->steps[1].kind, MODEL_HEAD_NORMALIZE);
        assert_int_equal(heads->dimension, 3);
        assert_false(model_is_bare(m));
        model_close(m);
    }
}

static void the_limit_is_that_of_the_configuration(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        size_t max_tokens;
    } cases[] = {{"{\"model_type\":\"model2vec\"}", 512},
                 {"{\"model_type\":\"model2vec\",\"max_length\":null}", MODEL_STATIC_TOKENS},
                 {"{\"model_type\":\"model2vec\",\"max_length\":1000000}", MODEL_STATIC_TOKENS}};
    put(&(weights_case){"embeddings", "F32", 4, 5, 0, 0, NULL, NULL, 0, 0}, "model.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tiny_put(folder, "config.json", cases[i].config);
        model *m = open_folder();
        assert_int_equal(model_configuration(m)->max_tokens, cases[i].max_tokens);
        assert_int_equal(model_heads_of(m)->count, 1);
        model_limit_tokens(m, 0);
        assert_int_equal(model_configuration(m)->max_tokens, cases[i].max_tokens);
        model_limit_tokens(m, 100);
        assert_int_equal(model_configuration(m)->max_tokens, 100);
        model_close(m);
    }
}

/* config.json says nothing of a StaticEmbedding, even where it lies there. */
static void a_static_embedding_needs_no_configuration(void **state)
{
    (void)state;
    put(&(weights_case){"embedding.weight", "F32", 4, 5, 0, 0, NULL, NULL, 0, 0},
        "0_StaticEmbedding/model.safetensors");
    tiny_put(folder, "modules.json",
             "[" MODULE("0_StaticEmbedding", "StaticEmbedding") "," MODULE("1", "Normalize") "]");
    for (int stale = 0; stale < 2; stale++) {
        tiny_put(folder, "0_StaticEmbedding/config.json",
                 stale ? "{\"model_type\":\"model2vec\",\"max_length\":9,\"normalize\":true}" : NULL);
        model *m = open_folder();
        const model_config *config = model_configuration(m);
        assert_ptr_equal(config->family, &family_static_embedding);
        assert_int_equal(config->max_tokens, MODEL_STATIC_TOKENS);
        assert_false(config->drops_unknown);
        assert_int_equal(model_heads_of(m)->count, 2);
        assert_non_null(strstr(model_folder(m), "0_StaticEmbedding"));
        model_close(m);
    }
    tiny_put(folder, "modules.json", NULL);
}

static int make_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_the_weights),
        cmocka_unit_test(the_limit_is_that_of_the_configuration),
        cmocka_unit_test(a_static_embedding_needs_no_configuration),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
