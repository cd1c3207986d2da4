/* The rows of the families: each reads its config.json and finds its tensors, and refuses by name what is not implemented. */
#include "unit.h"

#include "model/families.h"
#include "model/tiny_model.h"

static char folder[200];

#define SIZES                                                                                                \
    "\"hidden_size\":4,\"intermediate_size\":6,\"max_position_embeddings\":10,\"num_attention_heads\":2,"    \
    "\"num_hidden_layers\":2,\"vocab_size\":5"

/* Fields that give the tiny model's sizes, and what the family makes of them. */
static const struct family_case {
    const char *type, *fields;
    size_t max_positions, token_types;
    bool skips_padding, relative_bias;
    const char *activation_key;
} cases[] = {
    {"bert", SIZES, 10, 2, false, false, "hidden_act"},
    {"electra", SIZES ",\"embedding_size\":4", 10, 2, false, false, "hidden_act"},
    {"roberta", SIZES ",\"type_vocab_size\":1", 8, 1, true, false, "hidden_act"},
    {"xlm-roberta", SIZES ",\"type_vocab_size\":1,\"pad_token_id\":3", 6, 1, true, false, "hidden_act"},
    {"camembert", SIZES ",\"pad_token_id\":0", 9, 2, true, false, "hidden_act"},
    {"mpnet", SIZES ",\"pad_token_id\":3", 8, 0, true, true, "hidden_act"},
    {"distilbert",
     "\"dim\":4,\"hidden_dim\":6,\"max_position_embeddings\":10,\"n_heads\":2,\"n_layers\":2,\"vocab_size\":"
     "5",
     10, 0, false, false, "activation"},
};
#define CASES (sizeof cases / sizeof cases[0])

static void put_config(const struct family_case *c, const char *more)
{
    char text[700];
    snprintf(text, sizeof text, "{\"model_type\":\"%s\",%s%s}", c->type, c->fields, more);
    tiny_put(folder, "config.json", text);
}

static size_t length_of(const struct family_case *c, tensor_extent extent)
{
    switch (extent) {
    case TENSOR_VOCABULARY:
        return 5;
    case TENSOR_POSITIONS:
        return 10;
    case TENSOR_TYPES:
        return c->token_types;
    case TENSOR_HIDDEN:
        return 4;
    case TENSOR_INTERMEDIATE:
        return 6;
    case TENSOR_HEADS:
        return 2;
    case TENSOR_BUCKETS:
        return 32;
    case TENSOR_NONE:
        break;
    }
    return 0;
}

/* The table's tensors below `stem`, but the one of that number, counted from *next on, which is named in `missing`. */
static void add_table(tensor_file *file, const struct family_case *c, const tensor_table *table,
                      const char *stem, size_t left_out, size_t *next, char missing[200])
{
    char name[160];
    for (size_t i = 0; i < table->count; i++) {
        snprintf(name, sizeof name, "%s%s", stem, table->rows[i].name);
        if ((*next)++ == left_out)
            snprintf(missing, 200, "lacks the tensor '%s'", name);
        else
            tensor_file_add(file, name, "F32", 4, length_of(c, table->rows[i].rows),
                            length_of(c, table->rows[i].columns));
    }
}

/* Returns how many tensors there are. */
static size_t put_weights(const struct family_case *c, bool prefixed, size_t left_out, char missing[200])
{
    const model_family *family = model_family_find(c->type);
    char path[PATH_MAX], stem[100];
    size_t next = 0;
    tensor_file file;
    tensor_file_begin(&file);
    const char *prefix = prefixed ? family->prefix : "";
    add_table(&file, c, family->embeddings, prefix, left_out, &next, missing);
    for (size_t l = 0; l < 2; l++) {
        snprintf(stem, sizeof stem, "%s%s%zu.", prefix, family->layers_prefix, l);
        add_table(&file, c, family->layer, stem, left_out, &next, missing);
    }
    tiny_path(path, folder, "model.safetensors");
    tensor_file_end(&file, path, 0);
    return next;
}

static void each_reads_its_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const struct family_case *c = &cases[i];
        char missing[200];
        put_config(c, "");
        for (int prefixed = 0; prefixed < 2; prefixed++) {
            const size_t count = put_weights(c, prefixed != 0, SIZE_MAX, missing);
            model *m = NULL;
            aki_error error;
            if (model_open(&m, folder, &error) != AKI_OK)
                fail_msg("%s: %s", c->type, error.message);
            const model_config *config = model_configuration(m);
            assert_string_equal(config->family->type, c->type);
            assert_int_equal(config->hidden_size, 4);
            assert_int_equal(config->intermediate_size, 6);
            assert_int_equal(config->layers, 2);
            assert_int_equal(config->head_size, 2);
            assert_int_equal(config->max_positions, c->max_positions);
            assert_int_equal(config->token_types, c->token_types);
            assert_int_equal(config->graph.positions_skip_padding, c->skips_padding);
            assert_int_equal(config->graph.relative_bias, c->relative_bias);
            assert_int_equal(model_position_rows(config), 10);
            /* No tensor of the lists is set that no table has. */
            const model_weights *w = model_weights_of(m);
            size_t bound = 0;
            for (size_t t = 0; t < MODEL_OUTER_TENSORS; t++)
                bound += w->tensors[t].data != NULL;
            for (size_t l = 0; l < 2; l++)
                for (size_t t = 0; t < MODEL_LAYER_TENSORS; t++)
                    bound += w->layers[l].tensors[t].data != NULL;
            assert_int_equal(bound, count);
            model_close(m);
        }
        for (size_t left_out = 1; left_out < put_weights(c, false, left_out, missing); left_out++)
            tiny_expect(folder, c->type, AKI_MODEL_INVALID, missing);
    }
}

static void refuse(const struct family_case *c, const char *more, const char *message)
{
    char what[300];
    snprintf(what, sizeof what, "%s with %s", c->type, more);
    put_config(c, more);
    tiny_expect(folder, what, AKI_MODEL_UNSUPPORTED, message);
}

/* Of every family. */
static void refuses_what_is_not_implemented(void **state)
{
    (void)state;
    static const char *const activations[] = {"tanh",      "mish",       "silu",   "swish", "quick_gelu",
                                              "gelu_10",   "leaky_relu", "relu2",  "relu6", "sigmoid",
                                              "hardswish", "laplace",    "linear", "prelu"};
    static const struct {
        const char *field, *message;
    } all[] =
        {
            {",\"quantization_config\":{\"quant_method\":\"gptq\"}", "\"quantization_config\" is set"},
            {",\"pruned_heads\":{\"0\":[1]}", "\"pruned_heads\" is set"},
            {",\"adapters\":{\"a\":1}", "\"adapters\" is set"},
            {",\"auto_map\":{\"AutoModel\":\"modeling.Own\"}", "\"auto_map\" names code of the model's own"},
        },
      of_bert[] = {
          {",\"is_decoder\":true", "\"is_decoder\" is 'true'; supported: false"},
          {",\"add_cross_attention\":true", "\"add_cross_attention\" is 'true'"},
          {",\"position_embedding_type\":\"alibi\"", "\"position_embedding_type\" is 'alibi'"},
          {",\"position_embedding_type\":\"rotary\"", "\"position_embedding_type\" is 'rotary'"},
          {",\"position_embedding_type\":\"relative_key\"", "'relative_key'; supported: absolute"},
          {",\"position_embedding_type\":\"relative_key_query\"", "'relative_key_query'"},
      };
    for (size_t i = 0; i < CASES; i++) {
        const struct family_case *c = &cases[i];
        for (size_t a = 0; a < sizeof activations / sizeof activations[0]; a++) {
            char field[100], message[100];
            snprintf(field, sizeof field, ",\"%s\":\"%s\"", c->activation_key, activations[a]);
            snprintf(message, sizeof message, "\"%s\" is '%s'; supported: gelu,", c->activation_key,
                     activations[a]);
            refuse(c, field, message);
        }
        for (size_t f = 0; f < sizeof all / sizeof all[0]; f++)
            refuse(c, all[f].field, all[f].message);
        for (size_t f = 0; f < sizeof of_bert / sizeof of_bert[0]; f++)
            if (model_family_find(c->type)->layer == &family_bert_layer)
                refuse(c, of_bert[f].field, of_bert[f].message);
    }
}

static void refuses_single_fields(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        aki_status status;
        const char *message;
    } rows[] = {
        {"\"model_type\":\"electra\"," SIZES, AKI_MODEL_UNSUPPORTED,
         "\"embedding_size\" is 128; supported: that of \"hidden_size\", 4"},
        {"\"model_type\":\"mpnet\",\"relative_attention_num_buckets\":16," SIZES, AKI_MODEL_UNSUPPORTED,
         "\"relative_attention_num_buckets\" is 16; supported: 32"},
        {"\"model_type\":\"distilbert\",\"hidden_size\":4", AKI_MODEL_UNSUPPORTED, "\"hidden_size\" is set"},
        {"\"model_type\":\"distilbert\",\"num_hidden_layers\":4", AKI_MODEL_UNSUPPORTED,
         "\"num_hidden_layers\" is set"},
        {"\"model_type\":\"distilbert\",\"num_attention_heads\":4", AKI_MODEL_UNSUPPORTED,
         "\"num_attention_heads\" is set"},
        {"\"model_type\":\"distilbert\",\"dim\":5,\"n_heads\":2", AKI_MODEL_INVALID,
         "\"dim\" (5) is not a multiple of \"n_heads\" (2)"},
        {"\"model_type\":\"roberta\",\"pad_token_id\":-1," SIZES, AKI_MODEL_INVALID,
         "\"pad_token_id\" must be a whole number"},
        {"\"model_type\":\"roberta\",\"pad_token_id\":8," SIZES, AKI_MODEL_INVALID,
         "\"max_position_embeddings\" (10) leaves no positions behind that of padding (8)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[500];
        snprintf(text, sizeof text, "{%s}", rows[i].config);
        tiny_put(folder, "config.json", text);
        tiny_expect(folder, text, rows[i].status, rows[i].message);
    }
}

static void refuses_other_families_by_name(void **state)
{
    (void)state;
    static const char *const types[] = {"nomic_bert",
                                        "modernbert",
                                        "new",
                                        "gte",
                                        "qwen2",
                                        "qwen3",
                                        "gemma3_text",
                                        "mistral",
                                        "llama",
                                        "albert",
                                        "deberta",
                                        "deberta-v2",
                                        "t5",
                                        "mt5",
                                        "xlnet",
                                        "longformer",
                                        "big_bird",
                                        "funnel",
                                        "mobilebert",
                                        "squeezebert",
                                        "layoutlm",
                                        "clip",
                                        "ernie",
                                        "megatron-bert",
                                        "roformer",
                                        "eurobert",
                                        "neobert",
                                        "model2vec",
                                        "gpt2",
                                        "xlm",
                                        "xlm-roberta-xl",
                                        "roberta-prelayernorm",
                                        "data2vec-text",
                                        "BERT",
                                        ""};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char message[200];
        const struct family_case c = {.type = types[i], .fields = SIZES};
        snprintf(message, sizeof message,
                 "\"model_type\" is '%s'; supported: bert, camembert, distilbert, electra, mpnet, roberta, "
                 "xlm-roberta",
                 types[i]);
        refuse(&c, "", message);
    }
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
        cmocka_unit_test(each_reads_its_folder),
        cmocka_unit_test(refuses_what_is_not_implemented),
        cmocka_unit_test(refuses_single_fields),
        cmocka_unit_test(refuses_other_families_by_name),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
