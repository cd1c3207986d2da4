#include "unit.h"

#include "base/memory.h"
#include "model/modules.h"
#include "model/tiny_model.h"

static char folder[200];

#define FILE_NAME "sentence_bert_config.json"
#define TEXT_ONLY "{\"text\":{\"method\":\"forward\",\"method_output_name\":\"last_hidden_state\"}}"

static void expect(const char *text, aki_status status, const char *message)
{
    tiny_put(folder, FILE_NAME, text);
    tiny_expect(folder, text, status, message);
}

static void fields_that_are_fine(void **state)
{
    (void)state;
    static const char *const fine[] = {
        "{}",
        "{\"max_seq_length\":6,\"do_lower_case\":false}",
        "{\"transformer_task\":\"feature-extraction\",\"modality_config\":" TEXT_ONLY
        ",\"module_output_name\":\"token_embeddings\",\"unpad_inputs\":false}",
        "{\"modality_config\":{\"text\":{\"method\":\"forward\",\"method_output_name\":[\"last_hidden_"
        "state\"]},"
        "\"message\":{\"method\":\"forward\",\"method_output_name\":\"last_hidden_state\",\"format\":"
        "\"flat\"}}}",
        "{\"modality_config\":null,\"query_length\":null,\"query_expansion\":null,\"anything\":null}",
        "{\"processing_kwargs\":{\"text\":{},\"image\":{\"size\":3},\"chat_template\":{\"a\":1}}}",
        "{\"model_args\":{\"trust_remote_code\":true,\"add_pooling_layer\":false,\"torch_dtype\":\"float32\","
        "\"attn_implementation\":\"sdpa\",\"use_safetensors\":true,\"revision\":\"x\",\"variant\":null}}",
        "{\"model_kwargs\":{},\"config_kwargs\":{},\"processor_kwargs\":{}}",
        "{\"config_args\":{\"trust_remote_code\":true,\"hidden_dropout_prob\":0.5,\"model_type\":\"bert\","
        "\"num_hidden_layers\":2,\"hidden_act\":null}}",
        "{\"tokenizer_args\":{\"use_fast\":false,\"padding_side\":\"right\",\"model_max_length\":7,"
        "\"unk_token\":null,\"clean_up_tokenization_spaces\":true}}",
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        expect(fine[i], AKI_OK, "");
}

static void fields_that_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        aki_status status;
        const char *message;
    } rows[] = {
        {"{\"lower\":true}", AKI_MODEL_UNSUPPORTED, FILE_NAME "': \"lower\" is no field"},
        {"{\"tokenizer_name_or_path\":\"x/y\"}", AKI_MODEL_UNSUPPORTED, "\"tokenizer_name_or_path\" is set"},
        {"{\"query_length\":32}", AKI_MODEL_UNSUPPORTED, "\"query_length\" is set"},
        {"{\"document_length\":32}", AKI_MODEL_UNSUPPORTED, "\"document_length\" is set"},
        {"{\"query_expansion\":{}}", AKI_MODEL_UNSUPPORTED, "\"query_expansion\" is set"},
        {"{\"transformer_task\":\"fill-mask\"}", AKI_MODEL_UNSUPPORTED,
         "\"transformer_task\" is 'fill-mask'"},
        {"{\"module_output_name\":\"sentence_embedding\"}", AKI_MODEL_UNSUPPORTED,
         "\"module_output_name\" is 'sentence_embedding'"},
        {"{\"modality_config\":{\"text\":{\"method\":\"forward\",\"method_output_name\":\"pooler_output\"}}}",
         AKI_MODEL_UNSUPPORTED, "\"modality_config\" does not take"},
        {"{\"modality_config\":{\"text\":{\"method\":\"get_text_features\","
         "\"method_output_name\":\"last_hidden_state\"}}}",
         AKI_MODEL_UNSUPPORTED, "\"modality_config\" does not take"},
        {"{\"modality_config\":{\"image\":{}}}", AKI_MODEL_UNSUPPORTED, "\"modality_config\" does not take"},
        {"{\"modality_config\":[]}", AKI_MODEL_INVALID, "\"modality_config\" must be an object"},
        {"{\"processing_kwargs\":{\"text\":{\"max_length\":3}}}", AKI_MODEL_UNSUPPORTED,
         "\"processing_kwargs\" is set"},
        {"{\"processing_kwargs\":{\"common\":{\"truncation\":false}}}", AKI_MODEL_UNSUPPORTED,
         "\"processing_kwargs\" is set"},
        {"{\"model_args\":7}", AKI_MODEL_INVALID, "\"model_args\" must be an object"},
        {"{\"model_kwargs\":{\"torch_dtype\":\"float16\"}}", AKI_MODEL_UNSUPPORTED,
         "\"model_kwargs\" sets \"torch_dtype\""},
        {"{\"model_args\":{\"variant\":\"fp16\"}}", AKI_MODEL_UNSUPPORTED, "\"model_args\" sets \"variant\""},
        {"{\"model_args\":{\"use_safetensors\":false}}", AKI_MODEL_UNSUPPORTED,
         "\"model_args\" sets \"use_safetensors\""},
        {"{\"model_args\":{\"quantization_config\":{}}}", AKI_MODEL_UNSUPPORTED,
         "sets \"quantization_config\""},
        {"{\"config_args\":{\"model_type\":\"roberta\"}}", AKI_MODEL_UNSUPPORTED,
         "\"config_args\" sets \"model_type\""},
        {"{\"config_kwargs\":{\"rope_theta\":1}}", AKI_MODEL_UNSUPPORTED,
         "\"config_kwargs\" sets \"rope_theta\""},
        {"{\"config_kwargs\":{\"hidden_act\":\"mish\"}}", AKI_MODEL_UNSUPPORTED,
         FILE_NAME "': \"hidden_act\" is 'mish'"},
        {"{\"config_kwargs\":{\"is_decoder\":true}}", AKI_MODEL_UNSUPPORTED, FILE_NAME "': \"is_decoder\""},
        {"{\"config_kwargs\":{\"num_hidden_layers\":-1}}", AKI_MODEL_INVALID,
         FILE_NAME "': \"num_hidden_layers\" must be"},
        {"{\"config_kwargs\":{\"num_hidden_layers\":3}}", AKI_MODEL_INVALID, "model.safetensors"},
        {"{\"config_args\":[]}", AKI_MODEL_INVALID, "\"config_args\" must be an object"},
        {"{\"tokenizer_args\":{\"do_lower_case\":false}}", AKI_MODEL_UNSUPPORTED,
         "\"tokenizer_args\" sets \"do_lower_case\""},
        {"{\"processor_kwargs\":{\"padding_side\":\"left\"}}", AKI_MODEL_UNSUPPORTED,
         "\"processor_kwargs\" sets \"padding_side\""},
        {"{\"processor_kwargs\":{\"model_max_length\":true}}", AKI_MODEL_INVALID,
         "\"model_max_length\" must"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(rows[i].text, rows[i].status, rows[i].message);
}

static void argument_that_repeats_the_tokenizer_is_fine(void **state)
{
    (void)state;
    tiny_put(folder, "tokenizer_config.json", "{\"strip_accents\":false}");
    expect("{\"tokenizer_args\":{\"strip_accents\":false}}", AKI_OK, "");
    expect("{\"tokenizer_args\":{\"strip_accents\":true}}", AKI_MODEL_UNSUPPORTED, "sets \"strip_accents\"");
    tiny_put_configuration(folder);
}

static model_config open_config(const char *name, const char *text)
{
    model *m = NULL;
    aki_error error = {.message = ""};
    tiny_put(folder, name, text);
    if (model_open(&m, folder, &error) != AKI_OK)
        fail_msg("%s: %s", text, error.message);
    model_config config = *model_configuration(m);
    model_close(m);
    tiny_put(folder, name, NULL);
    tiny_put_configuration(folder);
    return config;
}

static void arguments_win_over_the_configuration(void **state)
{
    (void)state;
    model_config config =
        open_config(FILE_NAME, "{\"config_args\":{\"num_hidden_layers\":1,\"hidden_act\":\"relu\","
                               "\"num_attention_heads\":4,\"layer_norm_eps\":0.5}}");
    assert_int_equal(config.layers, 1);
    assert_int_equal(config.activation, MODEL_RELU);
    assert_int_equal(config.heads, 4);
    assert_int_equal(config.head_size, 1);
    assert_true(config.layer_norm_epsilon == 0.5F);
    assert_int_equal(open_config(FILE_NAME, "{\"config_kwargs\":{\"num_hidden_layers\":1}}").layers, 1);
    /* As in the reference, the older name of the arguments replaces the newer one. */
    config = open_config(FILE_NAME, "{\"config_args\":{},\"config_kwargs\":{\"num_hidden_layers\":1},"
                                    "\"tokenizer_args\":{\"model_max_length\":3},"
                                    "\"processor_kwargs\":{\"model_max_length\":4}}");
    assert_int_equal(config.layers, 2);
    assert_int_equal(config.max_tokens, 3);
    config = open_config(FILE_NAME, "{\"max_seq_length\":5,\"tokenizer_args\":{},"
                                    "\"processor_kwargs\":{\"model_max_length\":4}}");
    assert_int_equal(config.max_tokens, 5);
}

static void older_names_of_the_file(void **state)
{
    (void)state;
    static const char *const names[] = {"roberta", "distilbert",  "camembert",
                                        "albert",  "xlm-roberta", "xlnet"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "sentence_%s_config.json", names[i]);
        tiny_put(folder, FILE_NAME, NULL);
        assert_int_equal(open_config(name, "{\"max_seq_length\":4}").max_tokens, 4);
        /* The first that holds anything. */
        tiny_put(folder, FILE_NAME, "{}");
        assert_int_equal(open_config(name, "{\"max_seq_length\":4}").max_tokens, 4);
        tiny_put(folder, FILE_NAME, "{\"max_seq_length\":5}");
        assert_int_equal(open_config(name, "{\"max_seq_length\":4}").max_tokens, 5);
    }
    tiny_put(folder, FILE_NAME, NULL);
    tiny_put(folder, "sentence_roberta_config.json", "{\"nonsense\":1}");
    tiny_expect(folder, "older name", AKI_MODEL_UNSUPPORTED, "sentence_roberta_config.json': \"nonsense\"");
    tiny_put(folder, "sentence_roberta_config.json", NULL);
    tiny_put_configuration(folder);
}

static void bare_transformer_has_no_such_file(void **state)
{
    (void)state;
    tiny_put(folder, "modules.json", NULL);
    model_config config = open_config(FILE_NAME, "{\"max_seq_length\":4,\"nonsense\":1}");
    assert_int_equal(config.max_tokens, 7); /* of tokenizer_config.json */
}

static void tells_whether_the_tokenizer_lowers(void **state)
{
    (void)state;
    static const struct {
        const char *tokenizer, *configuration;
        bool fine;
    } rows[] = {
        {"{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true}}", NULL, true},
        {"{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false}}", NULL, false},
        {"{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false}}", "{\"do_lower_case\":true}",
         true},
        {"{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true}}", "{\"do_lower_case\":false}",
         false},
        {"{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Lowercase\"}"
         "]}}",
         NULL, true},
        {"{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}]}}", NULL, false},
        {"{\"normalizer\":null}", NULL, false},
        {NULL, NULL, true},
        /* Of these classes the tokenizer is the file as it stands. */
        {"{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":false}}",
         "{\"do_lower_case\":true,\"tokenizer_class\":\"PreTrainedTokenizerFast\"}", false},
        {"{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true}}",
         "{\"do_lower_case\":false,\"tokenizer_class\":\"TokenizersBackend\"}", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tiny_put(folder, "tokenizer.json", rows[i].tokenizer);
        tiny_put(folder, "tokenizer_config.json", rows[i].configuration);
        expect("{\"do_lower_case\":true}", rows[i].fine ? AKI_OK : AKI_MODEL_UNSUPPORTED,
               rows[i].fine ? "" : "\"do_lower_case\" is set");
    }
    tiny_put(folder, "tokenizer.json", NULL);
    tiny_put_configuration(folder);
}

static void adapter_is_refused(void **state)
{
    (void)state;
    tiny_put(folder, "adapter_config.json", "{}");
    tiny_expect(folder, "adapter", AKI_MODEL_UNSUPPORTED, "adapter_config.json");
    tiny_put(folder, "adapter_config.json", NULL);
}

static void expect_transformer(const char *modules, aki_status status, const char *tail)
{
    char *found = NULL, wanted[300];
    aki_error error = {.message = ""};
    tiny_put(folder, "modules.json", modules);
    assert_int_equal(modules_find_transformer(&found, folder, &error), status);
    if (status == AKI_OK) {
        snprintf(wanted, sizeof wanted, "%s%s", folder, tail);
        assert_string_equal(found, wanted);
    }
    mem_free(found);
}

static void finds_the_transformer_among_any_modules(void **state)
{
    (void)state;
    expect_transformer(NULL, AKI_OK, "");
    expect_transformer("[]", AKI_OK, "");
    expect_transformer("[{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"\"}]", AKI_OK, "");
    expect_transformer("[{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"0_Transformer\"},"
                       "{\"type\":\"sentence_transformers.models.Dense\",\"path\":\"1_Dense\"}]",
                       AKI_OK, "/0_Transformer");
    expect_transformer("[{\"type\":\"own.Thing\",\"path\":\"0_Thing\"},"
                       "{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"1_T\"}]",
                       AKI_OK, "/1_T");
    expect_transformer("[{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"../x\"}]",
                       AKI_MODEL_INVALID, "");
    expect_transformer("{}", AKI_MODEL_INVALID, "");
    tiny_put_configuration(folder);
    char *found;
    assert_int_equal(modules_find_transformer(&found, "/nonexistent", NULL), AKI_MODEL_NOT_FOUND);
    assert_null(found);
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
        cmocka_unit_test(fields_that_are_fine),
        cmocka_unit_test(fields_that_are_refused_by_name),
        cmocka_unit_test(argument_that_repeats_the_tokenizer_is_fine),
        cmocka_unit_test(arguments_win_over_the_configuration),
        cmocka_unit_test(older_names_of_the_file),
        cmocka_unit_test(bare_transformer_has_no_such_file),
        cmocka_unit_test(tells_whether_the_tokenizer_lowers),
        cmocka_unit_test(adapter_is_refused),
        cmocka_unit_test(finds_the_transformer_among_any_modules),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
