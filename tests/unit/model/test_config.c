#include "unit.h"

#include "model/folder.h"
#include "model/tiny_model.h"

static char folder[200];

#define ST "sentence_transformers.models."
#define MODULE(type, path) "{\"idx\":0,\"name\":\"" path "\",\"path\":\"" path "\",\"type\":\"" type "\"}"
#define TRANSFORMER MODULE(ST "Transformer", "")
#define POOLING MODULE(ST "Pooling", "1_Pooling")
#define NEWER "sentence_transformers.sentence_transformer.modules."
#define BERT(rest)                                                                                           \
    "{\"model_type\":\"bert\",\"hidden_size\":4,\"intermediate_size\":6,"                                    \
    "\"max_position_embeddings\":8,\"num_attention_heads\":2,\"num_hidden_layers\":2,\"vocab_size\":5" rest  \
    "}"
#define DIMENSION "\"word_embedding_dimension\":4"

/* One file of the tiny model replaced (text NULL = removed). */
static const struct row {
    const char *file, *text;
    aki_status status;
    const char *message;
} rows[] = {
    /* modules.json */
    {"modules.json", "{}", AKI_MODEL_INVALID, "modules.json' must hold a JSON array"},
    {"modules.json", "[", AKI_MODEL_INVALID, "modules.json' is not valid JSON"},
    {"modules.json", "", AKI_MODEL_INVALID, "modules.json' is not valid JSON"},
    {"modules.json", "[]", AKI_MODEL_UNSUPPORTED, "lists no Transformer module"},
    {"modules.json", "[" TRANSFORMER "]", AKI_MODEL_UNSUPPORTED, "lists no Pooling module"},
    {"modules.json", "[1]", AKI_MODEL_INVALID, "module 0 has no \"type\""},
    {"modules.json", "[" TRANSFORMER ",{\"path\":\"\"}]", AKI_MODEL_INVALID, "module 1 has no \"type\""},
    {"modules.json", "[{\"type\":\"" ST "Transformer\"}]", AKI_MODEL_INVALID, "module 0 has no \"path\""},
    {"modules.json", "[{\"type\":\"" ST "Transformer\",\"path\":7}]", AKI_MODEL_INVALID, "has no \"path\""},
    {"modules.json", "[" TRANSFORMER "," POOLING "," MODULE(ST "CNN", "2_CNN") "]", AKI_MODEL_UNSUPPORTED,
     "module 2 is 'sentence_transformers.models.CNN'; supported are a Transformer first, then Pooling, "
     "Dense"},
    {"modules.json", "[" TRANSFORMER "," POOLING "," TRANSFORMER "]", AKI_MODEL_UNSUPPORTED, "module 2 is"},
    {"modules.json", "[" TRANSFORMER "," MODULE(ST "Dense", "2_Dense") "," POOLING "]", AKI_MODEL_UNSUPPORTED,
     "module 1 is 'sentence_transformers.models.Dense'; supported is a Pooling before it"},
    {"modules.json", "[" TRANSFORMER "," MODULE(ST "Dropout", "1") "]", AKI_MODEL_UNSUPPORTED,
     "lists no Pooling module"},
    {"modules.json", "[" TRANSFORMER "," MODULE(ST "LSTM", "1") "," POOLING "]", AKI_MODEL_UNSUPPORTED,
     "LSTM"},
    {"modules.json", "[" POOLING "," TRANSFORMER "]", AKI_MODEL_UNSUPPORTED, "module 0 is"},
    {"modules.json", "[" TRANSFORMER "," POOLING "," POOLING "]", AKI_MODEL_UNSUPPORTED, "module 2 is"},
    {"modules.json",
     "[" TRANSFORMER "," POOLING "," MODULE(ST "Normalize", "2") "," MODULE(ST "Normalize", "3") "]", AKI_OK,
     ""},
    {"modules.json",
     "[" TRANSFORMER "," POOLING ",{\"name\":\"1_Pooling\",\"path\":\"2\",\"type\":\"" ST "Normalize\"}]",
     AKI_MODEL_UNSUPPORTED, "modules 1 and 2 have the same \"name\""},
    {"modules.json", "[" MODULE("custom_code.Transformer", "") "," POOLING "]", AKI_MODEL_UNSUPPORTED,
     "module 0 is 'custom_code.Transformer'"},
    {"modules.json", "[" MODULE("Transformer", "") "," POOLING "]", AKI_MODEL_UNSUPPORTED,
     "is 'Transformer'"},
    {"modules.json", "[" MODULE(ST "Transformer", "../x") "," POOLING "]", AKI_MODEL_INVALID,
     "the path '../x' of module 0 leads out of the model folder"},
    {"modules.json", "[" TRANSFORMER "," MODULE(ST "Pooling", "/etc") "]", AKI_MODEL_INVALID,
     "the path '/etc' of module 1 leads out"},
    {"modules.json", "[" TRANSFORMER "," MODULE(ST "Pooling", "a/../../b") "]", AKI_MODEL_INVALID,
     "leads out"},
    {"modules.json", "[" TRANSFORMER "," MODULE(ST "Pooling", "..") "]", AKI_MODEL_INVALID, "leads out"},
    {"modules.json", "[" TRANSFORMER "," MODULE(ST "Pooling", "1_Pooling\\u0000x") "]", AKI_MODEL_INVALID,
     "leads out"},
    {"modules.json", "[" TRANSFORMER "," MODULE(ST "Pooling", "9_Pooling") "]", AKI_MODEL_NOT_FOUND,
     "9_Pooling/config.json"},
    {"modules.json", "[" MODULE(ST "Transformer", "0_Nowhere") "," POOLING "]", AKI_MODEL_NOT_FOUND,
     "0_Nowhere/config.json"},
    {"2_Normalize/config.json", "{\"module_input_name\":\"token_embeddings\"}", AKI_MODEL_UNSUPPORTED,
     "\"module_input_name\" is 'token_embeddings'"},
    {"2_Normalize/config.json",
     "{\"module_input_name\":\"sentence_embedding\",\"module_output_name\":\"sentence_embedding\"}", AKI_OK,
     ""},
    /* config.json */
    {"config.json", NULL, AKI_MODEL_NOT_FOUND, "config.json"},
    {"config.json", "[]", AKI_MODEL_INVALID, "config.json' must hold a JSON object"},
    {"config.json", "{\"model_type\":\"bert\",\"model_type\":\"bert\"}", AKI_MODEL_INVALID, "duplicate"},
    {"config.json", "{}", AKI_MODEL_INVALID, "has no \"model_type\""},
    {"config.json", "{\"model_type\":1}", AKI_MODEL_INVALID, "\"model_type\" must be a string"},
    {"config.json", "{\"model_type\":\"t5\"}", AKI_MODEL_UNSUPPORTED,
     "\"model_type\" is 't5'; supported: bert, "},
    {"config.json", BERT(",\"hidden_act\":\"mish\""), AKI_MODEL_UNSUPPORTED, "\"hidden_act\" is 'mish'"},
    {"config.json", BERT(",\"hidden_act\":{}"), AKI_MODEL_INVALID, "\"hidden_act\" must be a string"},
    {"config.json", BERT(",\"position_embedding_type\":\"relative_key\""), AKI_MODEL_UNSUPPORTED,
     "\"position_embedding_type\" is 'relative_key'"},
    {"config.json", BERT(",\"position_embedding_type\":\"alibi\""), AKI_MODEL_UNSUPPORTED, "'alibi'"},
    {"config.json", BERT(",\"is_decoder\":true"), AKI_MODEL_UNSUPPORTED, "\"is_decoder\" is 'true'"},
    {"config.json", BERT(",\"add_cross_attention\":true"), AKI_MODEL_UNSUPPORTED, "\"add_cross_attention\""},
    {"config.json", BERT(",\"layer_norm_eps\":0"), AKI_MODEL_INVALID, "\"layer_norm_eps\" must be a number"},
    {"config.json", BERT(",\"layer_norm_eps\":\"1e-12\""), AKI_MODEL_INVALID, "\"layer_norm_eps\" must be"},
    {"config.json", BERT(",\"type_vocab_size\":0"), AKI_MODEL_INVALID, "\"type_vocab_size\" must be a whole"},
    {"config.json", BERT(",\"type_vocab_size\":65"), AKI_MODEL_INVALID, "from 1 to 64"},
    {"config.json", "{\"model_type\":\"bert\",\"hidden_size\":-4}", AKI_MODEL_INVALID,
     "\"hidden_size\" must be"},
    {"config.json", "{\"model_type\":\"bert\",\"hidden_size\":4.5}", AKI_MODEL_INVALID,
     "\"hidden_size\" must"},
    {"config.json", "{\"model_type\":\"bert\",\"hidden_size\":\"4\"}", AKI_MODEL_INVALID,
     "\"hidden_size\" must"},
    {"config.json", "{\"model_type\":\"bert\",\"hidden_size\":9999999}", AKI_MODEL_INVALID, "from 1 to 8192"},
    {"config.json", "{\"model_type\":\"bert\",\"hidden_size\":1e300}", AKI_MODEL_INVALID,
     "\"hidden_size\" must"},
    {"config.json", "{\"model_type\":\"bert\",\"hidden_size\":99999999999999999999}", AKI_MODEL_INVALID,
     "\"hidden_size\" must"},
    {"config.json", "{\"model_type\":\"bert\",\"vocab_size\":3000000}", AKI_MODEL_INVALID,
     "from 1 to 2097152"},
    {"config.json", "{\"model_type\":\"bert\",\"num_hidden_layers\":257}", AKI_MODEL_INVALID,
     "from 1 to 256"},
    {"config.json", "{\"model_type\":\"bert\",\"num_attention_heads\":0}", AKI_MODEL_INVALID,
     "from 1 to 256"},
    {"config.json", "{\"model_type\":\"bert\",\"intermediate_size\":65537}", AKI_MODEL_INVALID,
     "from 1 to 65536"},
    {"config.json", "{\"model_type\":\"bert\",\"max_position_embeddings\":1}", AKI_MODEL_INVALID,
     "from 2 to 65536"},
    {"config.json", "{\"model_type\":\"bert\",\"hidden_size\":5,\"num_attention_heads\":2}",
     AKI_MODEL_INVALID, "\"hidden_size\" (5) is not a multiple of \"num_attention_heads\" (2)"},
    {"config.json", "{\"model_type\":\"bert\"}", AKI_MODEL_INVALID,
     "but \"hidden_size\" of the transformer is 768"},
    {"config.json", BERT(""), AKI_OK, ""},
    /* 1_Pooling/config.json */
    {"1_Pooling/config.json", NULL, AKI_MODEL_NOT_FOUND, "1_Pooling/config.json"},
    {"1_Pooling/config.json", "{}", AKI_MODEL_INVALID, "has no \"word_embedding_dimension\""},
    {"1_Pooling/config.json", "{\"word_embedding_dimension\":5}", AKI_MODEL_INVALID,
     "\"word_embedding_dimension\" is 5, but \"hidden_size\" of the transformer is 4"},
    {"1_Pooling/config.json", "{" DIMENSION ",\"pooling_mode\":\"median\"}", AKI_MODEL_UNSUPPORTED,
     "the pooling is 'median'; supported: cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken"},
    {"1_Pooling/config.json", "{" DIMENSION ",\"pooling_mode\":[\"mean\",\"median\"]}", AKI_MODEL_UNSUPPORTED,
     "the pooling is 'median'"},
    {"1_Pooling/config.json",
     "{" DIMENSION
     ",\"pooling_mode\":[\"mean\",\"mean\",\"mean\",\"mean\",\"mean\",\"mean\",\"mean\",\"mean\","
     "\"mean\"]}",
     AKI_MODEL_UNSUPPORTED, "more than 8 poolings"},
    {"1_Pooling/config.json", "{" DIMENSION ",\"pooling_mode\":7}", AKI_MODEL_INVALID,
     "\"pooling_mode\" must be"},
    {"1_Pooling/config.json", "{" DIMENSION ",\"pooling_mode\":[]}", AKI_MODEL_INVALID,
     "\"pooling_mode\" must be"},
    {"1_Pooling/config.json", "{" DIMENSION ",\"pooling_mode_cls_token\":1}", AKI_MODEL_INVALID,
     "\"pooling_mode_cls_token\" must be true or false"},
    {"1_Pooling/config.json", "{" DIMENSION ",\"include_prompt\":false}", AKI_OK, ""},
    {"1_Pooling/config.json", "{" DIMENSION ",\"attention\":true}", AKI_MODEL_UNSUPPORTED,
     "\"attention\" is no field"},
    /* sentence_bert_config.json, tokenizer_config.json, config_sentence_transformers.json */
    {"sentence_bert_config.json", "[]", AKI_MODEL_INVALID,
     "sentence_bert_config.json' must hold a JSON object"},
    {"sentence_bert_config.json", "{\"max_seq_length\":1}", AKI_MODEL_INVALID, "\"max_seq_length\" must be"},
    {"sentence_bert_config.json", "{\"max_seq_length\":-1}", AKI_MODEL_INVALID, "\"max_seq_length\" must be"},
    {"sentence_bert_config.json", "{\"max_seq_length\":4.5}", AKI_MODEL_INVALID, "must be a whole number"},
    {"sentence_bert_config.json", "{\"max_seq_length\":\"6\"}", AKI_MODEL_INVALID,
     "\"max_seq_length\" must be"},
    {"sentence_bert_config.json", "{\"transformer_task\":\"fill-mask\"}", AKI_MODEL_UNSUPPORTED,
     "'fill-mask'"},
    {"tokenizer_config.json", "nonsense", AKI_MODEL_INVALID, "tokenizer_config.json' is not valid JSON"},
    {"config_sentence_transformers.json",
     "{\"prompts\":{\"query\":\"query: \"},\"default_prompt_name\":\"query\"}", AKI_OK, ""},
    {"config_sentence_transformers.json", "{\"prompts\":[]}", AKI_MODEL_INVALID,
     "\"prompts\" must be an object"},
    {"config_sentence_transformers.json", "{\"prompts\":{\"query\":1}}", AKI_MODEL_INVALID,
     "the prompt 'query' must be a string"},
    {"config_sentence_transformers.json", "{\"prompts\":{\"query\":\"\"},\"default_prompt_name\":\"query\"}",
     AKI_OK, ""},
    {"config_sentence_transformers.json",
     "{\"prompts\":{\"query\":\"query: \"},\"default_prompt_name\":null}", AKI_OK, ""},
    {"config_sentence_transformers.json", "{\"default_prompt_name\":\"query\"}", AKI_OK, ""},
    {"config_sentence_transformers.json", "{\"default_prompt_name\":\"passage\"}", AKI_MODEL_INVALID,
     "\"default_prompt_name\" is 'passage'"},
    {"config_sentence_transformers.json", "{\"model_type\":\"SparseEncoder\"}", AKI_MODEL_UNSUPPORTED,
     "\"model_type\" is 'SparseEncoder'"},
    {"config_sentence_transformers.json",
     "{\"model_type\":\"SentenceTransformer\",\"similarity_fn_name\":\"dot\",\"prompts\":{},"
     "\"__version__\":{}}",
     AKI_OK, ""},
    {"config_sentence_transformers.json", "{\"truncate_dim\":2}", AKI_OK, ""},
    {"config_sentence_transformers.json", "{\"truncate_dim\":0}", AKI_MODEL_INVALID,
     "\"truncate_dim\" must be"},
    {"config_sentence_transformers.json", "{\"truncate_dim\":\"2\"}", AKI_MODEL_INVALID,
     "\"truncate_dim\" must be"},
};

static void each_file_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char what[200];
        snprintf(what, sizeof what, "%s = %s", rows[i].file, rows[i].text != NULL ? rows[i].text : "(none)");
        tiny_put(folder, rows[i].file, rows[i].text);
        tiny_expect(folder, what, rows[i].status, rows[i].message);
        tiny_put(folder, rows[i].file, NULL);
        tiny_put_configuration(folder);
    }
    tiny_expect(folder, "nothing changed", AKI_OK, "");
}

static void lower_casing_before_a_cased_tokenizer(void **state)
{
    (void)state;
    tiny_put(folder, "sentence_bert_config.json", "{\"max_seq_length\":6,\"do_lower_case\":true}");
    tiny_expect(folder, "tokenizer does not say", AKI_OK, "");
    tiny_put(folder, "tokenizer_config.json", "{\"do_lower_case\":true}");
    tiny_expect(folder, "tokenizer lowers anyway", AKI_OK, "");
    tiny_put(folder, "tokenizer_config.json", "{\"do_lower_case\":false}");
    tiny_expect(folder, "cased tokenizer", AKI_MODEL_UNSUPPORTED, "\"do_lower_case\" is set");
    tiny_put_configuration(folder);
}

static model_config open_config(void)
{
    model *m = NULL;
    aki_error error = {.message = ""};
    if (model_open(&m, folder, &error) != AKI_OK)
        fail_msg("%s", error.message);
    model_config config = *model_configuration(m);
    model_close(m);
    return config;
}

static void reads_the_numbers(void **state)
{
    (void)state;
    model_config config = open_config();
    assert_int_equal(config.vocabulary_size, 5);
    assert_int_equal(config.hidden_size, 4);
    assert_int_equal(config.layers, 2);
    assert_int_equal(config.heads, 2);
    assert_int_equal(config.head_size, 2);
    assert_int_equal(config.intermediate_size, 6);
    assert_int_equal(config.max_positions, 8);
    assert_int_equal(config.token_types, 2);
    assert_true(config.layer_norm_epsilon == 1e-12F);
    assert_int_equal(config.activation, MODEL_GELU_ERF);
    assert_int_equal(config.max_tokens, 6);
}

static void chooses_the_token_limit(void **state)
{
    (void)state;
    static const struct {
        const char *sentence, *tokenizer;
        size_t expected;
    } cases[] = {
        {"{\"max_seq_length\":6}", "{\"model_max_length\":7}", 6},
        {"{\"max_seq_length\":7}", "{\"model_max_length\":5}", 7},
        {"{\"max_seq_length\":null}", "{\"model_max_length\":5}", 5},
        {"{}", "{\"model_max_length\":5}", 5},
        {NULL, "{\"model_max_length\":5}", 5},
        {NULL, "{}", 8},
        {NULL, NULL, 8},
        {"{\"max_seq_length\":512}", NULL, 8},
        {"{\"max_seq_length\":1000000000000000019884624838656}", NULL, 8},
        {NULL, "{\"model_max_length\":1000000000000000019884624838656}", 8},
        {NULL, "{\"max_len\":5}", 5},
        {NULL, "{\"max_len\":5,\"model_max_length\":7}", 7},
        {NULL, "{\"model_max_length\":1000000000000000019884624838656,\"do_lower_case\":true}", 8},
        {"{\"transformer_task\":\"feature-extraction\",\"processor_kwargs\":{\"model_max_length\":4}}", NULL,
         4},
        {"{\"max_seq_length\":6,\"tokenizer_args\":{\"model_max_length\":4}}", NULL, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tiny_put(folder, "sentence_bert_config.json", cases[i].sentence);
        tiny_put(folder, "tokenizer_config.json", cases[i].tokenizer);
        size_t got = open_config().max_tokens;
        if (got != cases[i].expected)
            fail_msg("case %zu: %zu, expected %zu", i, got, cases[i].expected);
    }
    tiny_put_configuration(folder);
}

static void chooses_the_activation(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        model_activation expected;
    } activations[] = {
        {BERT(""), MODEL_GELU_ERF},
        {BERT(",\"hidden_act\":\"gelu\""), MODEL_GELU_ERF},
        {BERT(",\"hidden_act\":\"gelu_new\""), MODEL_GELU_TANH},
        {BERT(",\"hidden_act\":\"gelu_pytorch_tanh\""), MODEL_GELU_TANH},
        {BERT(",\"hidden_act\":\"gelu_python\""), MODEL_GELU_ERF},
        {BERT(",\"hidden_act\":\"gelu_fast\""), MODEL_GELU_TANH},
        {BERT(",\"hidden_act\":\"gelu_python_tanh\""), MODEL_GELU_TANH},
        {BERT(",\"hidden_act\":\"gelu_accurate\""), MODEL_GELU_TANH},
        {BERT(",\"hidden_act\":\"relu\""), MODEL_RELU},
    };
    tiny_put_configuration(folder);
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
        tiny_put(folder, "config.json", activations[i].text);
        assert_int_equal(open_config().activation, activations[i].expected);
    }
    tiny_put_configuration(folder);
}

static size_t count_heads(void)
{
    model *m = NULL;
    aki_error error = {.message = ""};
    if (model_open(&m, folder, &error) != AKI_OK)
        fail_msg("%s", error.message);
    const size_t count = model_heads_of(m)->count;
    model_close(m);
    return count;
}

static void takes_older_and_newer_module_names(void **state)
{
    (void)state;
    tiny_put(folder, "modules.json",
             "[" MODULE("sentence_transformers.base.modules.transformer.Transformer",
                        "") "," MODULE(NEWER "pooling.Pooling", "1_Pooling") "]");
    assert_int_equal(count_heads(), 1);
    tiny_put(folder, "modules.json",
             "[" TRANSFORMER "," POOLING
             "," MODULE("sentence_transformers.base.modules.normalize.Normalize", "2_Normalize") "]");
    assert_int_equal(count_heads(), 2);
    tiny_put_configuration(folder);
}

static void stays_in_the_folder(void **state)
{
    (void)state;
    static const char *const inside[] = {"", ".", "a", "a/b", "1_Pooling/", "..a", "a..", "a/..b/c", "..."};
    static const char *const outside[] = {"/",      "/a",   "..",       "../a",   "a/..",
                                          "a/../b", "./..", "a\\..\\b", "a//../b"};
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++)
        if (!folder_contains(inside[i], strlen(inside[i])))
            fail_msg("'%s' is inside", inside[i]);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        if (folder_contains(outside[i], strlen(outside[i])))
            fail_msg("'%s' is outside", outside[i]);
    assert_false(folder_contains("a\0b", 3));
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
        cmocka_unit_test(each_file_is_checked),   cmocka_unit_test(lower_casing_before_a_cased_tokenizer),
        cmocka_unit_test(reads_the_numbers),      cmocka_unit_test(chooses_the_token_limit),
        cmocka_unit_test(chooses_the_activation), cmocka_unit_test(takes_older_and_newer_module_names),
        cmocka_unit_test(stays_in_the_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
