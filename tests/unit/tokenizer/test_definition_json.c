/* tokenizer.json: what is understood, and a clear error for each thing that is wrong with it. */
#include "tiny_model.h"

#include "tokenizer/tokenizer_limits.h"

static void reads_what_tokenizers_writes(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){0});
    tokenizer *tok = tiny_open();
    assert_int_equal(tokenizer_vocabulary_size(tok), TINY_COUNT);
    assert_int_equal(tokenizer_special_count(tok), 2);
    assert_string_equal(tokenizer_token_text(tok, S_REST), "##s");
    assert_null(tokenizer_token_text(tok, TINY_COUNT));
    assert_null(tokenizer_token_text(tok, -1));
    tiny_expect(tok, TEXT("The cats."), 0, false, IDS(CLS, THE, CAT, S_REST, UNK, SEP));
    tokenizer_close(tok);
}

static void version_added_tokens_and_model_type_may_be_missing(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){.version = "",
                                 .added_tokens = "",
                                 .model = "{\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
                                          "\"max_input_chars_per_word\":3,\"vocab\":" TINY_VOCAB "}"});
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("[SEP] cats cat"), 0, false, IDS(CLS, UNK, UNK, UNK, UNK, CAT, SEP));
    tokenizer_close(tok);
}

static void bert_processing(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){
        .post_processor = "{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",3],\"cls\":[\"[CLS]\",2]}"});
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("the"), 0, false, IDS(CLS, THE, SEP));
    tokenizer_close(tok);
}

static void templates_of_several_tokens(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){
        .post_processor =
            "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"start\",\"type_id\":0}}"
            ","
            "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"special_tokens\":{\"start\":{\"id\":\"start\","
            "\"ids\":[2,4],\"tokens\":[\"[CLS]\",\"[MASK]\"]}}}"});
    tokenizer *tok = tiny_open();
    assert_int_equal(tokenizer_special_count(tok), 2);
    tiny_expect(tok, TEXT("the cat"), 3, true, IDS(CLS, MASK, THE));
    tokenizer_close(tok);
}

static void added_tokens_after_the_vocabulary(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){.added_tokens =
                                     "[" TINY_ADDED("<x>", 13) "," TINY_ADDED("the", 5) "," TINY_ADDED(
                                         "", 99) ","
                                                 "{\"id\":14,\"content\":\"Caf\\u00e9 X\",\"special\":false},"
                                                 "{\"id\":15,\"content\":\"dog\",\"normalized\":true,"
                                                 "\"single_word\":true,\"special\":true}]"});
    /* "dog" is in the vocabulary: its id must be that. */
    aki_error error;
    tokenizer *tok = NULL;
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), AKI_MODEL_INVALID);
    tiny_write_json((tiny_parts){
        .added_tokens = "[" TINY_ADDED("<x>", 13) "," TINY_ADDED("the", 5) "," TINY_ADDED(
            "",
            99) ","
                "{\"id\":14,\"content\":\"Caf\\u00e9 X\",\"special\":false},"
                "{\"id\":8,\"content\":\"dog\",\"normalized\":true,\"single_word\":true,\"special\":true}]"});
    tok = tiny_open();
    assert_int_equal(tokenizer_vocabulary_size(tok), 15);
    assert_string_equal(tokenizer_token_text(tok, 14), "Caf\xC3\xA9 X");
    tiny_expect(tok, TEXT("athee<x>a"), 0, false, IDS(CLS, A, THE, UNK, 13, A, SEP));
    tiny_expect(tok, TEXT("a CAFE x,"), 0, false, IDS(CLS, A, 14, COMMA, SEP)); /* found when normalised */
    tiny_expect(tok, TEXT("DOG,dogs a"), 0, false, IDS(CLS, DOG, COMMA, DOG, S_REST, A, SEP));
    tiny_expect(tok, TEXT("DOG DOG cafe x"), 4, true, IDS(CLS, DOG, DOG, SEP));
    tokenizer_close(tok);
}

static void normalizer_flags_hold(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){
        .normalizer = "{\"type\":\"BertNormalizer\",\"clean_text\":false,\"handle_chinese_chars\":false,"
                      "\"strip_accents\":true,\"lowercase\":false}"});
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("the The"), 0, false, IDS(CLS, THE, UNK, SEP));
    tiny_expect(tok, TEXT("th\xC3\xA9 c\0at"), 0, false, IDS(CLS, THE, UNK, SEP));
    tiny_expect(tok,
                TEXT("a\xE4\xB8\xAD"
                     "a"),
                0, false, IDS(CLS, UNK, SEP));
    tokenizer_close(tok);
    tiny_write_json((tiny_parts){.normalizer = "{\"type\":\"BertNormalizer\",\"strip_accents\":false}"});
    tok = tiny_open();
    tiny_expect(tok, TEXT("THE TH\xC3\x89"), 0, false, IDS(CLS, THE, UNK, SEP));
    tokenizer_close(tok);
}

#define MODEL(fields, vocab) "{\"type\":\"WordPiece\"," fields "\"vocab\":" vocab "}"
#define FIELDS                                                                                               \
    "\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,"
#define TEMPLATE(single, tokens)                                                                             \
    "{\"type\":\"TemplateProcessing\",\"single\":[" single "],\"special_tokens\":{" tokens "}}"
#define CLS_TOKEN "\"[CLS]\":{\"id\":\"[CLS]\",\"ids\":[2],\"tokens\":[\"[CLS]\"]}"
#define USE_CLS "{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}}"
#define USE_TEXT "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define TWICE_16 "2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2"
#define NAMES_16                                                                                             \
    "\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\","   \
    "\"[CLS]\","                                                                                             \
    "\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\",\"[CLS]\""

static const struct {
    tiny_parts parts;
    aki_status status;
    const char *message; /* must be part of it */
} defects[] = {
    {{.version = "\"2.0\""}, AKI_MODEL_UNSUPPORTED, "another \"version\""},
    {{.normalizer = ""}, AKI_MODEL_UNSUPPORTED, "no \"normalizer\""},
    {{.normalizer = "null"}, AKI_MODEL_UNSUPPORTED, "no \"normalizer\""},
    {{.normalizer = "{\"type\":\"NFKC\"}"}, AKI_MODEL_UNSUPPORTED, "\"normalizer\" type 'NFKC'"},
    {{.normalizer = "{\"type\":\"BertNormalizer\",\"lowercase\":1}"},
     AKI_MODEL_INVALID,
     "\"lowercase\" must be"},
    {{.normalizer = "{\"type\":\"BertNormalizer\",\"strip_accents\":\"x\"}"},
     AKI_MODEL_INVALID,
     "\"strip_accents\""},
    {{.pre_tokenizer = "{\"type\":\"Whitespace\"}"},
     AKI_MODEL_UNSUPPORTED,
     "\"pre_tokenizer\" type 'Whitespace'"},
    {{.pre_tokenizer = "7"}, AKI_MODEL_UNSUPPORTED, "no \"pre_tokenizer\""},
    {{.model = "{\"type\":\"WordLevel\",\"vocab\":{}}"}, AKI_MODEL_UNSUPPORTED, "\"model\" type 'WordLevel'"},
    {{.model = ""}, AKI_MODEL_UNSUPPORTED, "no \"model\""},
    {{.model = MODEL("", TINY_VOCAB)}, AKI_MODEL_INVALID, "\"unk_token\""},
    {{.model = MODEL("\"unk_token\":\"[UNK]\",", TINY_VOCAB)},
     AKI_MODEL_INVALID,
     "\"continuing_subword_prefix\""},
    {{.model = MODEL("\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",", TINY_VOCAB)},
     AKI_MODEL_INVALID,
     "\"max_input_chars_per_word\""},
    {{.model = MODEL("\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"#\\u0000\",", TINY_VOCAB)},
     AKI_MODEL_INVALID,
     "without U+0000"},
    {{.model =
          MODEL("\"unk_token\":\"?\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":9,",
                TINY_VOCAB)},
     AKI_MODEL_INVALID,
     "unknown token '?' is not in the vocabulary"},
    {{.model = MODEL(FIELDS, "[]")}, AKI_MODEL_INVALID, "needs \"vocab\""},
    {{.model = MODEL(FIELDS, "{}"), .added_tokens = "[]"}, AKI_MODEL_INVALID, "the vocabulary is empty"},
    {{.model = MODEL(FIELDS, "{\"[UNK]\":0,\"a\":0}"), .added_tokens = "[]"},
     AKI_MODEL_INVALID,
     "'[UNK]' and 'a' both have the id 0"},
    {{.model = MODEL(FIELDS, "{\"[UNK]\":0,\"a\":2}"), .added_tokens = "[]"},
     AKI_MODEL_INVALID,
     "without holes"},
    {{.model = MODEL(FIELDS, "{\"[UNK]\":0,\"a\":4294967297}"), .added_tokens = "[]"},
     AKI_MODEL_INVALID,
     "'a' has the id 4294967297"},
    {{.model = MODEL(FIELDS, "{\"[UNK]\":0,\"a\":-1}"), .added_tokens = "[]"},
     AKI_MODEL_INVALID,
     "negative id -1"},
    {{.model = MODEL(FIELDS, "{\"[UNK]\":0,\"a\":1.0}"), .added_tokens = "[]"},
     AKI_MODEL_INVALID,
     "whole number"},
    {{.model = MODEL(FIELDS, "{\"[UNK]\":0,\"[UNK]\":1}")}, AKI_MODEL_INVALID, "not valid JSON"},
    {{.model = MODEL(FIELDS, "{\"[UNK]\":0,\"\xFF\":1}")}, AKI_MODEL_INVALID, "not valid JSON"},
    {{.added_tokens = "{}"}, AKI_MODEL_INVALID, "must be an array"},
    {{.added_tokens = "[{\"id\":1}]"}, AKI_MODEL_INVALID, "\"content\""},
    {{.added_tokens = "[{\"content\":\"x\"}]"}, AKI_MODEL_INVALID, "\"id\""},
    {{.added_tokens = "[" TINY_ADDED("[CLS]", 3) "]"}, AKI_MODEL_INVALID, "by the vocabulary it must be 2"},
    {{.added_tokens = "[" TINY_ADDED("<x>", 14) "]"}, AKI_MODEL_INVALID, "by the vocabulary it must be 13"},
    {{.added_tokens = "[" TINY_ADDED("the", 5) "," TINY_ADDED("the", 5) "]"},
     AKI_MODEL_INVALID,
     "'the' is there twice"},
    {{.added_tokens = "[" TINY_ADDED("<x>", 13) "," TINY_ADDED("<x>", 14) "]"},
     AKI_MODEL_INVALID,
     "'<x>' is there twice"},
    {{.added_tokens = "[" TINY_ADDED("a\\u0000b", 13) "]"}, AKI_MODEL_INVALID, "U+0000"},
    {{.added_tokens = "[{\"id\":13,\"content\":\"x\",\"lstrip\":\"no\"}]"}, AKI_MODEL_INVALID, "\"lstrip\""},
    {{.added_tokens = "[{\"id\":13,\"content\":\"\\u0301\",\"normalized\":true}]"},
     AKI_MODEL_INVALID,
     "nothing is left"},
    {{.added_tokens = "[{\"id\":13,\"content\":\"X\",\"normalized\":true},{\"id\":14,\"content\":\"x\","
                      "\"normalized\":true}]"},
     AKI_MODEL_INVALID,
     "the same as another one"},
    {{.post_processor = "null"}, AKI_MODEL_UNSUPPORTED, "no \"post_processor\""},
    {{.post_processor = "{\"type\":\"ByteLevel\"}"}, AKI_MODEL_UNSUPPORTED, "type 'ByteLevel'"},
    {{.post_processor = "{\"type\":\"RobertaProcessing\"}"}, AKI_MODEL_INVALID, "\"post_processor\" names"},
    {{.post_processor = "{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",3]}"},
     AKI_MODEL_INVALID,
     "\"post_processor\" names"},
    {{.post_processor = "{\"type\":\"BertProcessing\",\"cls\":[\"[CLS]\",3],\"sep\":[\"[SEP]\",3]}"},
     AKI_MODEL_INVALID,
     "'[CLS]' with the id 3"},
    {{.post_processor = TEMPLATE(USE_CLS "," USE_TEXT, "")}, AKI_MODEL_INVALID, "do not say what that is"},
    {{.post_processor = TEMPLATE(USE_CLS "," USE_TEXT, "\"[CLS]\":{\"ids\":[2],\"tokens\":[]}")},
     AKI_MODEL_INVALID,
     "do not say what that is"},
    {{.post_processor = TEMPLATE(USE_CLS "," USE_TEXT, "\"[CLS]\":{\"ids\":[99],\"tokens\":[\"[CLS]\"]}")},
     AKI_MODEL_INVALID,
     "with the id 99"},
    {{.post_processor = TEMPLATE(USE_CLS, CLS_TOKEN)}, AKI_MODEL_UNSUPPORTED, "0 times"},
    {{.post_processor = TEMPLATE(USE_TEXT "," USE_TEXT, CLS_TOKEN)}, AKI_MODEL_UNSUPPORTED, "2 times"},
    {{.post_processor = TEMPLATE("{\"Sequence\":{\"id\":\"B\"}}", CLS_TOKEN)},
     AKI_MODEL_INVALID,
     "something else"},
    {{.post_processor =
          TEMPLATE(USE_CLS "," USE_TEXT, "\"[CLS]\":{\"ids\":[" TWICE_16 "],\"tokens\":[" NAMES_16 "]}")},
     AKI_MODEL_UNSUPPORTED,
     "more than 16"},
};

static void each_defect_has_its_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        tokenizer *tok = (tokenizer *)1;
        aki_error error = {.message = ""};
        tiny_write_json(defects[i].parts);
        aki_status status = tokenizer_open(&tok, tiny_folder, 1000, &error);
        if (status != defects[i].status || tok != NULL || strstr(error.message, defects[i].message) == NULL ||
            strstr(error.message, "tokenizer.json'") == NULL)
            fail_msg("defect %zu: status %d, message: %s", i, status, error.message);
    }
}

static void refuses_files_that_are_no_tokenizer(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        aki_status status;
        const char *message;
    } files[] = {
        {"", AKI_MODEL_INVALID, "not valid JSON"},
        {"[]", AKI_MODEL_INVALID, "not a JSON object"},
        {"{\"version\":", AKI_MODEL_INVALID, "not valid JSON"},
        {"{}", AKI_MODEL_UNSUPPORTED, "no \"model\""},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        tokenizer *tok = NULL;
        aki_error error = {.message = ""};
        tiny_write("tokenizer.json", files[i].text);
        assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), files[i].status);
        assert_non_null(strstr(error.message, files[i].message));
        assert_null(tok);
    }
}

static void refuses_more_tokens_than_the_model_has_rows(void **state)
{
    (void)state;
    tokenizer *tok = NULL;
    aki_error error;
    tiny_write_json((tiny_parts){0});
    assert_int_equal(tokenizer_open(&tok, tiny_folder, TINY_COUNT - 1, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, "13 tokens, but the model's embedding table has only 12 rows"));
    assert_int_equal(tokenizer_open(&tok, tiny_folder, TINY_COUNT, &error), AKI_OK);
    tokenizer_close(tok);
}

static void refuses_tokens_that_are_too_long(void **state)
{
    (void)state;
    static char text[TOKENIZER_TOKEN_BYTES_MAX + 2], json[8 * TOKENIZER_TOKEN_BYTES_MAX];
    memset(text, 'z', TOKENIZER_TOKEN_BYTES_MAX + 1);
    snprintf(json, sizeof json, MODEL(FIELDS, "{\"[UNK]\":0,\"%s\":1}"), text);
    tokenizer *tok = NULL;
    aki_error error;
    tiny_write_json((tiny_parts){.model = json});
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), AKI_MODEL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "has 1025 bytes"));
    text[TOKENIZER_ADDED_TOKEN_BYTES_MAX + 1] = '\0';
    snprintf(json, sizeof json, "[{\"id\":13,\"content\":\"%s\"}]", text);
    tiny_write_json((tiny_parts){.added_tokens = json});
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), AKI_MODEL_UNSUPPORTED);
    assert_non_null(strstr(error.message, "has 257 bytes"));
}

#define TEST(name) cmocka_unit_test_teardown(name, tiny_reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_what_tokenizers_writes),
        TEST(version_added_tokens_and_model_type_may_be_missing),
        TEST(bert_processing),
        TEST(templates_of_several_tokens),
        TEST(added_tokens_after_the_vocabulary),
        TEST(normalizer_flags_hold),
        TEST(each_defect_has_its_error),
        TEST(refuses_files_that_are_no_tokenizer),
        TEST(refuses_more_tokens_than_the_model_has_rows),
        TEST(refuses_tokens_that_are_too_long),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
