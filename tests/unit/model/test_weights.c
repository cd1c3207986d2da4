#include "unit.h"

#include "model/tiny_model.h"

static char folder[200];

/* One tensor of the tiny model written otherwise; NULL and 0 mean: as it should be. */
static const struct change {
    const char *tensor;
    const char *new_name; /* "" = left out */
    const char *dtype;
    size_t width, rows, columns;
    aki_status status;
    const char *message;
} changes[] = {
    {"embeddings.word_embeddings.weight", "", NULL, 0, 0, 0, AKI_MODEL_INVALID,
     "lacks the tensor 'embeddings.word_embeddings.weight'"},
    {"embeddings.word_embeddings.weight", NULL, NULL, 0, 6, 4, AKI_MODEL_INVALID,
     "'embeddings.word_embeddings.weight' has shape [6, 4]; by config.json it must be [5, 4]"},
    {"embeddings.position_embeddings.weight", NULL, NULL, 0, 7, 4, AKI_MODEL_INVALID,
     "has shape [7, 4]; by config.json it must be [8, 4]"},
    {"embeddings.token_type_embeddings.weight", NULL, NULL, 0, 1, 4, AKI_MODEL_INVALID,
     "has shape [1, 4]; by config.json it must be [2, 4]"},
    {"embeddings.LayerNorm.weight", "embeddings.LayerNorm.wait", NULL, 0, 0, 0, AKI_MODEL_INVALID,
     "lacks the tensor 'embeddings.LayerNorm.weight'"},
    {"embeddings.LayerNorm.bias", NULL, NULL, 0, 0, 5, AKI_MODEL_INVALID,
     "'embeddings.LayerNorm.bias' has shape [5]; by config.json it must be [4]"},
    {"encoder.layer.0.attention.self.query.bias", NULL, NULL, 0, 1, 4, AKI_MODEL_INVALID,
     "has shape [1, 4]; by config.json it must be [4]"},
    {"encoder.layer.0.attention.self.key.weight", NULL, NULL, 0, 0, 16, AKI_MODEL_INVALID,
     "has shape [16]; by config.json it must be [4, 4]"},
    {"encoder.layer.0.intermediate.dense.weight", NULL, NULL, 0, 4, 6, AKI_MODEL_INVALID,
     "has shape [4, 6]; by config.json it must be [6, 4]"},
    {"encoder.layer.1.output.dense.weight", NULL, NULL, 0, 6, 4, AKI_MODEL_INVALID,
     "has shape [6, 4]; by config.json it must be [4, 6]"},
    {"encoder.layer.1.intermediate.dense.bias", "", NULL, 0, 0, 0, AKI_MODEL_INVALID,
     "lacks the tensor 'encoder.layer.1.intermediate.dense.bias'"},
    {"encoder.layer.1.output.LayerNorm.bias", "encoder.layer.2.output.LayerNorm.bias", NULL, 0, 0, 0,
     AKI_MODEL_INVALID, "lacks the tensor 'encoder.layer.1.output.LayerNorm.bias'"},
    {"encoder.layer.0.attention.self.value.weight", "bert.encoder.layer.0.attention.self.value.weight", NULL,
     0, 0, 0, AKI_MODEL_INVALID, "lacks the tensor 'encoder.layer.0.attention.self.value.weight'"},
    {"encoder.layer.0.attention.self.value.weight", NULL, "F64", 8, 0, 0, AKI_MODEL_UNSUPPORTED,
     "'encoder.layer.0.attention.self.value.weight' is of type F64; supported are F32, F16 and BF16"},
    {"encoder.layer.0.attention.output.dense.bias", NULL, "I8", 1, 0, 0, AKI_MODEL_UNSUPPORTED,
     "is of type I8"},
    {"encoder.layer.0.attention.output.dense.weight", NULL, "F8_E4M3", 1, 0, 0, AKI_MODEL_UNSUPPORTED,
     "is of type F8_E4M3"},
    {"encoder.layer.0.attention.self.value.weight", NULL, "F16", 2, 0, 0, AKI_OK, ""},
    {"embeddings.word_embeddings.weight", NULL, "BF16", 2, 0, 0, AKI_OK, ""},
    {"embeddings.LayerNorm.weight", "embeddings.LayerNorm.gamma", NULL, 0, 0, 0, AKI_OK, ""},
    {"embeddings.LayerNorm.bias", "embeddings.LayerNorm.beta", NULL, 0, 0, 0, AKI_OK, ""},
    {"encoder.layer.1.output.LayerNorm.weight", "encoder.layer.1.output.LayerNorm.gamma", NULL, 0, 0, 0,
     AKI_OK, ""},
    {"encoder.layer.1.output.LayerNorm.bias", "encoder.layer.1.output.LayerNorm.beta", NULL, 0, 0, 0, AKI_OK,
     ""},
};

static void put_changed(const struct change *c)
{
    char path[PATH_MAX];
    bool found = false;
    tensor_file file;
    tensor_file_begin(&file);
    for (size_t i = 0; i < TINY_TENSORS; i++) {
        const tiny_tensor *t = &tiny_tensors[i];
        if (strcmp(t->name, c->tensor) != 0) {
            tensor_file_add(&file, t->name, "F32", 4, t->rows, t->columns);
            continue;
        }
        found = true;
        if (c->new_name != NULL && c->new_name[0] == '\0')
            continue;
        bool reshaped = c->columns > 0;
        tensor_file_add(&file, c->new_name != NULL ? c->new_name : t->name,
                        c->dtype != NULL ? c->dtype : "F32", c->dtype != NULL ? c->width : 4,
                        reshaped ? c->rows : t->rows, reshaped ? c->columns : t->columns);
    }
    assert_true(found);
    tiny_path(path, folder, "model.safetensors");
    tensor_file_end(&file, path, 0);
}

static void each_tensor_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        put_changed(&changes[i]);
        tiny_expect(folder, changes[i].tensor, changes[i].status, changes[i].message);
    }
}

/* Leaving out any one of them is noticed, by its name. */
static void no_tensor_is_forgotten(void **state)
{
    (void)state;
    for (size_t i = 0; i < TINY_TENSORS; i++) {
        struct change c = {.tensor = tiny_tensors[i].name, .new_name = ""};
        put_changed(&c);
        tiny_expect(folder, c.tensor, AKI_MODEL_INVALID, c.tensor);
    }
}

static void expect_values(const model_tensor *tensor, size_t rows, size_t columns)
{
    float values[64];
    assert_int_equal(tensor->rows, rows);
    assert_int_equal(tensor->columns, columns);
    tensor_read_f32(tensor, 0, rows * columns, values);
    for (size_t i = 0; i < rows * columns; i++)
        assert_true(values[i] == (float)i);
}

/* Any alignment of the data, with and without the prefix. */
static void binds_views_at_any_alignment(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 8; pad++) {
        model *m = NULL;
        tiny_put_weights(folder, pad % 2 == 0 ? "" : "bert.", pad);
        assert_int_equal(model_open(&m, folder, NULL), AKI_OK);
        const model_weights *weights = model_weights_of(m);
        expect_values(&weights->word_embeddings, 5, 4);
        expect_values(&weights->position_embeddings, 8, 4);
        expect_values(&weights->type_embeddings, 2, 4);
        expect_values(&weights->embedding_norm.gamma, 1, 4);
        for (size_t i = 0; i < 2; i++) {
            const model_layer *layer = &weights->layers[i];
            expect_values(&layer->query.weight, 4, 4);
            expect_values(&layer->value.bias, 1, 4);
            expect_values(&layer->intermediate.weight, 6, 4);
            expect_values(&layer->intermediate.bias, 1, 6);
            expect_values(&layer->output.weight, 4, 6);
            expect_values(&layer->output.bias, 1, 4);
            expect_values(&layer->output_norm.beta, 1, 4);
        }
        assert_ptr_not_equal(weights->layers[0].query.weight.data, weights->layers[1].query.weight.data);
        assert_ptr_not_equal(weights->layers[0].query.weight.data, weights->layers[0].key.weight.data);
        model_close(m);
    }
}

static void ignores_what_the_encoder_does_not_use(void **state)
{
    (void)state;
    char path[PATH_MAX];
    tensor_file file;
    tensor_file_begin(&file);
    tensor_file_add(&file, "embeddings.position_ids", "I64", 8, 1, 8);
    for (size_t i = 0; i < TINY_TENSORS; i++)
        tensor_file_add(&file, tiny_tensors[i].name, "F32", 4, tiny_tensors[i].rows, tiny_tensors[i].columns);
    tensor_file_add(&file, "pooler.dense.weight", "F64", 8, 3, 3);
    tiny_path(path, folder, "model.safetensors");
    tensor_file_end(&file, path, 0);
    tiny_expect(folder, "unused tensors", AKI_OK, "");
}

static void names_the_prefix_in_use(void **state)
{
    (void)state;
    char path[PATH_MAX];
    tensor_file file;
    tensor_file_begin(&file);
    tensor_file_add(&file, "bert.embeddings.word_embeddings.weight", "F32", 4, 5, 4);
    tiny_path(path, folder, "model.safetensors");
    tensor_file_end(&file, path, 0);
    tiny_expect(folder, "prefix", AKI_MODEL_INVALID,
                "lacks the tensor 'bert.embeddings.position_embeddings.weight'");
}

static int make_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    tiny_put_configuration(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tensor_is_checked),
        cmocka_unit_test(no_tensor_is_forgotten),
        cmocka_unit_test(binds_views_at_any_alignment),
        cmocka_unit_test(ignores_what_the_encoder_does_not_use),
        cmocka_unit_test(names_the_prefix_in_use),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
