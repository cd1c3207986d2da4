#include "unit.h"

#include "model/tiny_model.h"

#include <math.h>

static char folder[200];

#define ST "sentence_transformers.models."
#define MODULE(type, path) "{\"name\":\"" path "\",\"path\":\"" path "\",\"type\":\"" ST type "\"}"
#define TO_POOLING MODULE("Transformer", "") "," MODULE("Pooling", "1_Pooling")
#define DIMENSION "\"word_embedding_dimension\":4"
#define IDENTITY "\"torch.nn.modules.linear.Identity\""
#define DENSE_OF(in, out) "\"in_features\":" in ",\"out_features\":" out
#define DENSE "{" DENSE_OF("4", "3") "}"

/* Weights of a module; NULL ends them. rows 0 = a vector. */
typedef struct weight {
    const char *name, *dtype;
    size_t width, rows, columns;
} weight;

static const weight dense_weights[] = {
    {"linear.weight", "F32", 4, 3, 4}, {"linear.bias", "F32", 4, 0, 3}, {0}};
static const weight norm_weights[] = {{"norm.weight", "F32", 4, 0, 3}, {"norm.bias", "F32", 4, 0, 3}, {0}};

static void put_weights(const char *file, const weight *weights)
{
    char path[PATH_MAX];
    tensor_file tensors;
    tiny_put(folder, file, "");
    tensor_file_begin(&tensors);
    for (; weights->name != NULL; weights++)
        tensor_file_add(&tensors, weights->name, weights->dtype, weights->width, weights->rows,
                        weights->columns);
    tiny_path(path, folder, file);
    tensor_file_end(&tensors, path, 0);
}

/* Transformer, Pooling, Dense 4 to 3, LayerNorm, Normalize. */
static void put_all(void)
{
    tiny_put_configuration(folder);
    tiny_put(folder, "modules.json",
             "[" TO_POOLING "," MODULE("Dense", "2_Dense") "," MODULE("LayerNorm", "3_LayerNorm") "," MODULE(
                 "Normalize", "4_Normalize") "]");
    tiny_put(folder, "2_Dense/config.json", DENSE);
    tiny_put(folder, "3_LayerNorm/config.json", "{\"dimension\":3}");
    put_weights("2_Dense/model.safetensors", dense_weights);
    put_weights("3_LayerNorm/model.safetensors", norm_weights);
}

static model *open_model(void)
{
    model *m = NULL;
    aki_error error = {.message = ""};
    if (model_open(&m, folder, &error) != AKI_OK)
        fail_msg("%s", error.message);
    return m;
}

static void lists_the_steps_in_order(void **state)
{
    (void)state;
    put_all();
    model *m = open_model();
    const model_heads *heads = model_heads_of(m);
    static const model_head_kind kinds[] = {MODEL_HEAD_POOLING, MODEL_HEAD_DENSE, MODEL_HEAD_LAYER_NORM,
                                            MODEL_HEAD_NORMALIZE};
    assert_int_equal(heads->count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(heads->steps[i].kind, kinds[i]);
        assert_int_equal(heads->steps[i].inputs, i < 2 ? 4 : 3);
        assert_int_equal(heads->steps[i].outputs, i < 1 ? 4 : 3);
    }
    assert_int_equal(heads->dimension, 3);
    assert_int_equal(heads->steps[1].activation, MODEL_HEAD_TANH);
    assert_true(heads->steps[1].weight[11] == 11 && heads->steps[1].bias[2] == 2);
    assert_true(heads->steps[2].weight[1] == 1 && heads->steps[2].bias[2] == 2);
    model_release_head_weights(m);
    assert_null(heads->steps[1].weight);
    assert_non_null(heads->steps[2].weight);
    model_close(m);
}

static void takes_weights_of_each_type_and_none_for_a_bias(void **state)
{
    (void)state;
    static const weight narrow[] = {{"linear.weight", "BF16", 2, 3, 4}, {0}};
    put_all();
    put_weights("2_Dense/model.safetensors", narrow);
    tiny_put(folder, "2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"bias\":false}");
    model *m = open_model();
    assert_true(model_heads_of(m)->steps[1].bias[2] == 0);
    model_close(m);
}

static void leaves_out_what_changes_no_vector(void **state)
{
    (void)state;
    put_all();
    tiny_put(folder, "modules.json",
             "[" MODULE("Transformer", "") "," MODULE("Normalize", "9") "," MODULE(
                 "Pooling", "1_Pooling") "," MODULE("Dropout", "8") "]");
    model *m = open_model();
    assert_int_equal(model_heads_of(m)->count, 1);
    model_close(m);
}

static void reads_poolings_in_the_reference_s_order(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        aki_pooling expected[MODEL_MAX_POOLINGS];
        size_t count;
    } cases[] = {
        {"{" DIMENSION "}", {AKI_POOLING_MEAN}, 1},
        {"{" DIMENSION ",\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":false}",
         {AKI_POOLING_CLS},
         1},
        {"{" DIMENSION ",\"pooling_mode_max_tokens\":true}", {AKI_POOLING_MAX}, 1},
        {"{" DIMENSION ",\"pooling_mode_mean_sqrt_len_tokens\":true}", {AKI_POOLING_MEAN_SQRT_LEN}, 1},
        {"{" DIMENSION ",\"pooling_mode_weightedmean_tokens\":true}", {AKI_POOLING_WEIGHTED_MEAN}, 1},
        {"{" DIMENSION ",\"pooling_mode_lasttoken\":true}", {AKI_POOLING_LAST}, 1},
        {"{\"embedding_dimension\":4,\"pooling_mode\":\"lasttoken\",\"include_prompt\":true}",
         {AKI_POOLING_LAST},
         1},
        {"{\"embedding_dimension\":4,\"pooling_mode\":[\"max\"]}", {AKI_POOLING_MAX}, 1},
        /* As in the reference, the newer key has precedence. */
        {"{" DIMENSION ",\"pooling_mode\":\"max\",\"pooling_mode_cls_token\":true}", {AKI_POOLING_MAX}, 1},
        {"{" DIMENSION ",\"pooling_mode\":[\"mean\",\"cls\",\"mean\"]}",
         {AKI_POOLING_MEAN, AKI_POOLING_CLS, AKI_POOLING_MEAN},
         3},
        {"{" DIMENSION ",\"pooling_mode_lasttoken\":true,\"pooling_mode_mean_tokens\":true,"
         "\"pooling_mode_max_tokens\":true,\"pooling_mode_cls_token\":true}",
         {AKI_POOLING_CLS, AKI_POOLING_MAX, AKI_POOLING_MEAN, AKI_POOLING_LAST},
         4},
    };
    tiny_put_configuration(folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tiny_put(folder, "1_Pooling/config.json", cases[i].text);
        model *m = open_model();
        const model_head *pooling = &model_heads_of(m)->steps[0];
        assert_int_equal(pooling->poolings_count, cases[i].count);
        assert_memory_equal(pooling->poolings, cases[i].expected, cases[i].count * sizeof(aki_pooling));
        assert_int_equal(model_heads_of(m)->dimension, 4 * cases[i].count);
        model_close(m);
    }
}

static void truncates_and_finds_prompts(void **state)
{
    (void)state;
    put_all();
    tiny_put(folder, "config_sentence_transformers.json",
             "{\"truncate_dim\":2,\"prompts\":{\"query\":\"q: \",\"passage\":\"\",\"none\":null},"
             "\"default_prompt_name\":\"query\"}");
    model *m = open_model();
    assert_int_equal(model_heads_of(m)->dimension, 2);
    assert_string_equal(model_prompts_of(m)->by_default->text, "q: ");
    assert_int_equal(model_prompts_of(m)->by_default->length, 3);
    assert_int_equal(model_prompt_find(m, "none")->length, 0);
    assert_int_equal(model_prompt_find(m, "document")->length, 0); /* always there */
    assert_null(model_prompt_find(m, "corpus"));
    model_close(m);
    tiny_put(folder, "config_sentence_transformers.json", "{\"truncate_dim\":4}");
    m = open_model();
    assert_int_equal(model_heads_of(m)->dimension, 3); /* as in the reference, no error */
    model_close(m);
    /* A bare transformer has no such file in the reference. */
    tiny_put(folder, "config_sentence_transformers.json", "{\"truncate_dim\":2}");
    tiny_put(folder, "modules.json", NULL);
    m = open_model();
    assert_int_equal(model_heads_of(m)->dimension, 4);
    model_close(m);
    tiny_put(folder, "config_sentence_transformers.json", NULL);
}

/* One file of the model replaced (NULL = removed). */
static const struct {
    const char *file, *text;
    aki_status status;
    const char *message;
} rows[] = {
    {"2_Dense/config.json", NULL, AKI_MODEL_NOT_FOUND, "2_Dense/config.json"},
    {"2_Dense/config.json", "[]", AKI_MODEL_INVALID, "2_Dense/config.json' must hold a JSON object"},
    {"2_Dense/config.json", "{}", AKI_MODEL_INVALID, "2_Dense/config.json' has no \"in_features\""},
    {"2_Dense/config.json", "{\"in_features\":4}", AKI_MODEL_INVALID, "has no \"out_features\""},
    {"2_Dense/config.json", "{" DENSE_OF("5", "3") "}", AKI_MODEL_INVALID,
     "\"in_features\" is 5, but the module before gives 4 numbers"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "0") "}", AKI_MODEL_INVALID, "\"out_features\" must be"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "65537") "}", AKI_MODEL_INVALID, "from 1 to 65536"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"bias\":1}", AKI_MODEL_INVALID, "\"bias\" must be"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"activation_function\":" IDENTITY "}", AKI_OK, ""},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"activation_function\":\"torch.nn.ReLU\"}", AKI_OK, ""},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"activation_function\":null}", AKI_MODEL_INVALID,
     "\"activation_function\" must be a string"},
    {"2_Dense/config.json",
     "{" DENSE_OF("4", "3") ",\"activation_function\":\"torch.nn.modules.activation.ELU\"}",
     AKI_MODEL_UNSUPPORTED,
     "\"activation_function\" is 'torch.nn.modules.activation.ELU'; supported of torch.nn: Identity, Tanh"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"activation_function\":\"custom.Tanh\"}",
     AKI_MODEL_UNSUPPORTED, "\"activation_function\" is 'custom.Tanh'"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"activation_function\":\"torch.nn.quantized.ReLU\"}",
     AKI_MODEL_UNSUPPORTED, "'torch.nn.quantized.ReLU'"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"use_residual\":true}", AKI_MODEL_UNSUPPORTED,
     "\"use_residual\" is true"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"use_residual\":false}", AKI_OK, ""},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"module_input_name\":\"token_embeddings\"}",
     AKI_MODEL_UNSUPPORTED, "\"module_input_name\" is 'token_embeddings'"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"module_output_name\":\"other\"}",
     AKI_MODEL_UNSUPPORTED, "\"module_output_name\" is 'other'"},
    {"2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"scale\":2}", AKI_MODEL_UNSUPPORTED,
     "\"scale\" is no field"},
    {"3_LayerNorm/config.json", NULL, AKI_MODEL_NOT_FOUND, "3_LayerNorm/config.json"},
    {"3_LayerNorm/config.json", "{}", AKI_MODEL_INVALID, "has no \"dimension\""},
    {"3_LayerNorm/config.json", "{\"dimension\":4}", AKI_MODEL_INVALID,
     "\"dimension\" is 4, but the module before gives 3"},
    {"3_LayerNorm/config.json", "{\"dimension\":3,\"eps\":1e-6}", AKI_MODEL_UNSUPPORTED,
     "\"eps\" is no field"},
    {"1_Pooling/config.json", "{" DIMENSION ",\"pooling_mode\":[\"cls\",\"max\"]}", AKI_MODEL_INVALID,
     "\"in_features\" is 4, but the module before gives 8 numbers"},
    {"2_Dense/model.safetensors", NULL, AKI_MODEL_NOT_FOUND, "2_Dense' has no weights"},
    {"2_Dense/model.safetensors", "nonsense", AKI_MODEL_INVALID, "2_Dense/model.safetensors"},
    {"3_LayerNorm/model.safetensors", NULL, AKI_MODEL_NOT_FOUND, "3_LayerNorm' has no weights"},
};

static void each_file_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char what[200];
        put_all();
        snprintf(what, sizeof what, "%s = %s", rows[i].file, rows[i].text != NULL ? rows[i].text : "(none)");
        tiny_put(folder, rows[i].file, rows[i].text);
        tiny_expect(folder, what, rows[i].status, rows[i].message);
    }
    put_all();
    tiny_put(folder, "2_Dense/model.safetensors", NULL);
    tiny_put(folder, "2_Dense/pytorch_model.bin", "");
    tiny_expect(folder, "a pickle", AKI_MODEL_UNSUPPORTED,
                "2_Dense' has its weights only in pytorch_model.bin");
    tiny_put(folder, "2_Dense/pytorch_model.bin", NULL);
}

static void weights_are_checked(void **state)
{
    (void)state;
    static const struct {
        weight weights[3];
        aki_status status;
        const char *message;
    } cases[] = {
        {{{"linear.weight", "F32", 4, 3, 4}},
         AKI_MODEL_INVALID,
         "2_Dense/model.safetensors' lacks the tensor 'linear.bias'"},
        {{{"linear.weight", "F32", 4, 4, 3}, {"linear.bias", "F32", 4, 0, 3}},
         AKI_MODEL_INVALID,
         "2_Dense/model.safetensors': tensor 'linear.weight' does not have the shape [3, 4]"},
        {{{"linear.weight", "F32", 4, 0, 12}, {"linear.bias", "F32", 4, 0, 3}},
         AKI_MODEL_INVALID,
         "does not have the shape [3, 4]"},
        {{{"linear.weight", "F32", 4, 3, 4}, {"linear.bias", "F32", 4, 1, 3}},
         AKI_MODEL_INVALID,
         "tensor 'linear.bias' does not have the shape [3]"},
        {{{"linear.weight", "I32", 4, 3, 4}, {"linear.bias", "F32", 4, 0, 3}},
         AKI_MODEL_UNSUPPORTED,
         "2_Dense/model.safetensors': tensor 'linear.weight' is of type I32"},
        {{{"linear.weight", "F32", 4, 3, 4},
          {"linear.bias", "F32", 4, 0, 3},
          {"residual.weight", "F32", 4, 3, 4}},
         AKI_MODEL_INVALID,
         "2_Dense/model.safetensors' has a tensor 'residual.weight'"},
    };
    put_all();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weight listed[4] = {0};
        memcpy(listed, cases[i].weights, sizeof cases[i].weights);
        put_weights("2_Dense/model.safetensors", listed);
        tiny_expect(folder, cases[i].message, cases[i].status, cases[i].message);
    }
    put_all();
    tiny_put(folder, "2_Dense/config.json", "{" DENSE_OF("4", "3") ",\"bias\":false}");
    tiny_expect(folder, "a bias too many", AKI_MODEL_INVALID, "has a tensor 'linear.bias'");
}

/* Overwrites the last number of the file, which is of linear.weight: tensors stand in order of being added. */
static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const weight reversed[] = {
        {"linear.bias", "F32", 4, 0, 3}, {"linear.weight", "F32", 4, 3, 4}, {0}};
    char path[PATH_MAX];
    put_all();
    tiny_path(path, folder, "2_Dense/model.safetensors");
    for (size_t i = 0; i < 3; i++) {
        put_weights("2_Dense/model.safetensors", reversed);
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, -4, SEEK_END), 0);
        assert_int_equal(fwrite(&bad[i], sizeof bad[i], 1, file), 1);
        assert_int_equal(fclose(file), 0);
        tiny_expect(folder, "not finite", AKI_MODEL_INVALID,
                    "2_Dense/model.safetensors': row 2 of tensor 'linear.weight' is not finite");
    }
}

/* Leaving a prompt's tokens out of the pooling is not implemented: fine as long as there is no prompt. */
static void a_prompt_left_out_of_the_pooling_is_refused(void **state)
{
    (void)state;
    put_all();
    tiny_put(folder, "1_Pooling/config.json", "{" DIMENSION ",\"include_prompt\":false}");
    tiny_put(folder, "config_sentence_transformers.json", "{\"prompts\":{\"query\":\"q: \"}}");
    tiny_expect(folder, "no default", AKI_OK, "");
    tiny_put(folder, "config_sentence_transformers.json",
             "{\"prompts\":{\"query\":\"q: \"},\"default_prompt_name\":\"query\"}");
    tiny_expect(folder, "default", AKI_MODEL_UNSUPPORTED, "\"include_prompt\": false");
    tiny_put(folder, "config_sentence_transformers.json", NULL);
}

static int make_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    tiny_put_configuration(folder);
    tiny_put_weights(folder, "", 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_the_steps_in_order),
        cmocka_unit_test(takes_weights_of_each_type_and_none_for_a_bias),
        cmocka_unit_test(leaves_out_what_changes_no_vector),
        cmocka_unit_test(reads_poolings_in_the_reference_s_order),
        cmocka_unit_test(truncates_and_finds_prompts),
        cmocka_unit_test(each_file_is_checked),
        cmocka_unit_test(weights_are_checked),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(a_prompt_left_out_of_the_pooling_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
