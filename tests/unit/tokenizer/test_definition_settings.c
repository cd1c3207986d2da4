/* Settings in the files beside the vocabulary. tests/parity compares many more with transformers. */
#include "tiny_model.h"

#include "tokenizer/tokenizer_limits.h"

#define VOCAB "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n##s\ndog\n##e\n,\na\n##a\n"

static void expect_error(aki_status status, size_t limit, const char *message, const char *hint)
{
    tokenizer *tok = NULL;
    aki_error error = {.message = ""};
    aki_status got = tokenizer_open(&tok, tiny_folder, limit, &error);
    if (got != status || tok != NULL || strstr(error.message, message) == NULL ||
        strstr(error.hint, hint) == NULL)
        fail_msg("status %d, message: %s, hint: %s", got, error.message, error.hint);
}

static void expect_ids(aki_text text, size_t max_tokens, bool truncated, const int32_t *ids)
{
    tokenizer *tok = tiny_open();
    tiny_expect(tok, text, max_tokens, truncated, ids);
    tokenizer_close(tok);
}

/* Writes a cased tokenizer.json, and settings that leave its normalizer to transformers. */
static void write_cased_json(const char *config)
{
    tiny_write_json((tiny_parts){.normalizer = "{\"type\":\"BertNormalizer\",\"clean_text\":true,"
                                               "\"handle_chinese_chars\":true,\"strip_accents\":false,"
                                               "\"lowercase\":false}"});
    tiny_write("tokenizer_config.json", config);
}

static void the_settings_win_over_the_normalizer(void **state)
{
    (void)state;
    write_cased_json("{\"do_lower_case\":true}");
    expect_ids(TEXT("The C\xC3\x81TS"), 0, false, IDS(CLS, THE, CAT, S_REST, SEP));
    write_cased_json("{}"); /* lower case is what BertTokenizer does where nothing is said */
    expect_ids(TEXT("The C\xC3\x81TS"), 0, false, IDS(CLS, THE, CAT, S_REST, SEP));
    assert_int_equal(unlink(tiny_file("tokenizer_config.json")), 0);
    expect_ids(TEXT("The C\xC3\x81TS"), 0, false, IDS(CLS, THE, CAT, S_REST, SEP));
    write_cased_json("{\"do_lower_case\":true,\"strip_accents\":false,\"tokenize_chinese_chars\":false}");
    expect_ids(TEXT("The c\xC3\xA1t"), 0, false, IDS(CLS, THE, UNK, SEP));
    write_cased_json("{\"do_lower_case\":false}");
    expect_ids(TEXT("The the"), 0, false, IDS(CLS, UNK, THE, SEP));
    write_cased_json("{\"do_lower_case\":true,\"tokenizer_class\":\"PreTrainedTokenizerFast\"}");
    expect_ids(TEXT("The the"), 0, false, IDS(CLS, UNK, THE, SEP));
}

/* BertTokenizer puts [CLS] and [SEP] around a text whatever the post-processor says, and has its own word limit. */
static void the_settings_win_over_template_and_model(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){
        .post_processor = "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\","
                          "\"type_id\":1}}],\"special_tokens\":{}}",
        .model = "{\"type\":\"WordPiece\",\"unk_token\":\"a\",\"continuing_subword_prefix\":\"@\","
                 "\"max_input_chars_per_word\":2,\"vocab\":" TINY_VOCAB "}"});
    tiny_write("tokenizer_config.json", "{\"sep_token\":\"[MASK]\"}");
    expect_ids(TEXT("cats x"), 0, false, IDS(CLS, CAT, S_REST, UNK, MASK));
}

static void tokens_beside_the_vocabulary(void **state)
{
    (void)state;
    tiny_write("vocab.txt", VOCAB);
    tiny_write("added_tokens.json", "{\"[DOC]\":13}");
    expect_ids(TEXT("[DOC] the [doc]cat"), 0, false, IDS(CLS, 13, THE, 13, CAT, SEP)); /* found normalised */
    tiny_write("special_tokens_map.json", "{\"mask_token\":\"[DOC]\"}");
    expect_ids(TEXT("[DOC] the [doc]"), 0, false, IDS(CLS, 13, THE, UNK, UNK, UNK, SEP));
    tiny_write("tokenizer_config.json",
               "{\"added_tokens_decoder\":{\"13\":{\"content\":\"<x>\",\"special\":true}}}");
    expect_ids(TEXT("<x>the"), 0, false, IDS(CLS, 13, THE, SEP)); /* the two other files do not count */
    tiny_write("tokenizer_config.json",
               "{\"additional_special_tokens\":[\"<y>\",\"the\"],\"z_token\":\"<z>\"}");
    expect_ids(TEXT("<y><z>catthe [DOC]"), 0, false, IDS(CLS, 15, 14, CAT, THE, 13, SEP));
    tiny_reset(state);
    tiny_write_json((tiny_parts){0});
    tiny_write("added_tokens.json", "{\"[DOC]\":13}");
    expect_ids(TEXT("[DOC] the"), 0, false, IDS(CLS, 13, THE, SEP));
}

static void names_of_special_tokens(void **state)
{
    (void)state;
    tiny_write("vocab.txt", VOCAB);
    tiny_write("tokenizer_config.json", "{\"cls_token\":\"the\"}");
    tiny_write("special_tokens_map.json", "{\"cls_token\":\"dog\",\"sep_token\":{\"content\":\"cat\"},"
                                          "\"do_lower_case\":false}");
    expect_ids(TEXT("The dogcat"), 0, false, IDS(DOG, UNK, DOG, CAT, CAT));
}

static void a_text_can_be_cut_on_its_left(void **state)
{
    (void)state;
    tiny_write("vocab.txt", VOCAB);
    tiny_write("tokenizer_config.json", "{\"truncation_side\":\"left\"}");
    expect_ids(TEXT("the cats, dog"), 5, true, IDS(CLS, S_REST, COMMA, DOG, SEP));
    expect_ids(TEXT("the cats, dog"), 2, true, IDS(CLS, SEP));
    expect_ids(TEXT("the cats, dog"), 7, false, IDS(CLS, THE, CAT, S_REST, COMMA, DOG, SEP));
    static char text[40000];
    for (size_t i = 0; i < sizeof text; i += 4)
        memcpy(text + i, i + 8 < sizeof text ? "the " : "cat ", 4);
    expect_ids((aki_text){text, sizeof text}, 5, true, IDS(CLS, THE, CAT, CAT, SEP));
}

static void token_types_are_refused_where_they_would_be_passed(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){.post_processor =
                                     "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{"
                                     "\"id\":\"A\",\"type_id\":1}}],\"special_tokens\":{}}"});
    expect_ids(TEXT("the"), 0, false, IDS(THE)); /* by its class, the tokenizer passes none */
    tiny_write("tokenizer_config.json",
               "{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"model_input_names\":["
               "\"input_ids\",\"token_type_ids\",\"attention_mask\"]}");
    expect_error(AKI_MODEL_UNSUPPORTED, 1000, "tokenizer.json': \"post_processor\" gives", "");
}

static tokenizer *open_static(bool drops_unknown)
{
    tokenizer *tok = NULL;
    aki_error error;
    if (tokenizer_open_static(&tok, tiny_folder, 1000, drops_unknown, &error) != AKI_OK)
        fail_msg("%s", error.message);
    return tok;
}

static void a_static_model_takes_the_file_alone(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){0});
    tiny_write("tokenizer_config.json", "{\"do_lower_case\":false,\"truncation_side\":\"left\"}");
    tokenizer *tok = open_static(false);
    tiny_expect(tok, TEXT("The cats x"), 0, false, IDS(THE, CAT, S_REST, UNK));
    tiny_expect(tok, TEXT("the cats x"), 2, true, IDS(THE, CAT));
    assert_int_equal(tokenizer_most_tokens(tok), 3);
    assert_int_equal(tokenizer_most_chars(tok, 512), 0);
    tokenizer_close(tok);
    tiny_reset(NULL);
    aki_error error;
    tiny_write("vocab.txt", "[UNK]");
    assert_int_equal(tokenizer_open_static(&tok, tiny_folder, 1000, false, &error), AKI_MODEL_NOT_FOUND);
    assert_null(tok);
}

/* The tokens have 3 characters at the median. */
static void a_static_model_leaves_unknown_tokens_out(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){0});
    tokenizer *tok = open_static(true);
    assert_int_equal(tokenizer_most_tokens(tok), 0);
    assert_int_equal(tokenizer_most_chars(tok, 512), 512 * 3);
    tiny_expect(tok, TEXT("the x [UNK] cats x"), 0, false, IDS(THE, CAT, S_REST));
    tiny_expect(tok, TEXT("x x a a"), 3, true, IDS(A)); /* they count for the limit */
    tiny_expect(tok, TEXT("x a a"), 3, false, IDS(A, A));
    tiny_expect(tok, TEXT("the cat"), 2, true, IDS(THE)); /* cut to "the ca" */
    tiny_expect(tok, TEXT("\xC3\xA9\xC3\xA9\xC3\xA9 a a"), 2, true, IDS(A));
    tiny_expect(tok, TEXT("a     "), 2, false, IDS(A));
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    token_span span;
    aki_error error;
    assert_int_equal(tokenizer_encode(tok, scratch, TEXT("x y"), 0, &span, &error), AKI_NO_TOKENS);
    assert_non_null(strstr(error.message, "no token that the model knows"));
    assert_int_equal(tokenizer_encode(tok, scratch, TEXT("      a"), 2, &span, &error), AKI_NO_TOKENS);
    tokenizer_scratch_close(scratch);
    tokenizer_close(tok);
}

static void nothing_is_left_of_a_text(void **state)
{
    (void)state;
    tiny_write_json((tiny_parts){.post_processor =
                                     "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{"
                                     "\"id\":\"A\",\"type_id\":0}}],\"special_tokens\":{}}"});
    tokenizer *tok = tiny_open();
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    token_span span;
    aki_error error;
    assert_int_equal(tokenizer_encode(tok, scratch, TEXT(" "), 0, &span, &error), AKI_NO_TOKENS);
    assert_non_null(strstr(error.message, "no token"));
    assert_int_equal(tokenizer_encode(tok, scratch, TEXT("\xCC\x81\t"), 9, &span, NULL), AKI_NO_TOKENS);
    assert_int_equal(tokenizer_encode(tok, scratch, TEXT("the"), 0, &span, NULL), AKI_OK);
    tokenizer_scratch_close(scratch);
    tokenizer_close(tok);
}

/* "[MASK]" stands in no text by itself: without a row for it, only texts that write it out could not be computed. */
static void a_mask_without_a_row_is_left_out(void **state)
{
    (void)state;
    tiny_write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n");
    tokenizer *tok = NULL;
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 5, NULL), AKI_OK);
    assert_int_equal(tokenizer_vocabulary_size(tok), 5);
    tokenizer_close(tok);
    tok = tiny_open(); /* with rows to spare, transformers takes the next one */
    assert_int_equal(tokenizer_vocabulary_size(tok), 6);
    tokenizer_close(tok);
    tiny_write("tokenizer_config.json", "{\"cls_token\":\"<s>\"}");
    expect_error(AKI_MODEL_INVALID, 5,
                 "'<s>' would have the id 5, but the model's embedding table has only 5",
                 "another download brings the same");
}

/* Hints must help: another download would bring the same file. */
static void ids_that_contradict_each_other(void **state)
{
    static const struct {
        const char *name, *text, *message;
    } rows[] = {
        {"added_tokens.json", "{\"[DOC]\":14}", "added_tokens.json': the token '[DOC]' has the id 14"},
        {"added_tokens.json", "{\"a\":13}", "'a' has the id 13, but by the vocabulary it must be 11"},
        {"added_tokens.json", "{\"<x>\":13,\"<y>\":13}", "'<x>' and '<y>' both have the id 13"},
        {"added_tokens.json", "{\"<x>\":987}", "the token '<x>' has the id 987"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"13\":{\"content\":\"the\"}}}",
         "'the' has the id 13"},
        {"vocab.txt", "[PAD]\na\na\n", "'a' stands on lines 2 and 3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tiny_write("vocab.txt", VOCAB);
        tiny_write(rows[i].name, rows[i].text);
        expect_error(AKI_MODEL_INVALID, 1000, rows[i].message, "another download brings the same");
        tiny_reset(state);
    }
    static const char *const vocabularies[] = {"{\"[UNK]\":0,\"a\":0}", "{\"[UNK]\":0,\"a\":2}"};
    for (size_t i = 0; i < 2; i++) {
        char model[200];
        snprintf(model, sizeof model,
                 "{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
                 "\"max_input_chars_per_word\":100,\"vocab\":%s}",
                 vocabularies[i]);
        tiny_write_json((tiny_parts){.added_tokens = "[]", .model = model});
        expect_error(AKI_MODEL_INVALID, 1000, "tokenizer.json'", "another download brings the same");
    }
}

static void defects_of_token_lists(void **state)
{
    static const struct {
        aki_status status;
        const char *name, *text, *message;
    } rows[] = {
        {AKI_MODEL_INVALID, "added_tokens.json", "{\"a\":\"11\"}",
         "the id of token 'a' is not a whole number"},
        {AKI_MODEL_INVALID, "added_tokens.json", "{\"a\":-1}", "not a whole number"},
        {AKI_MODEL_INVALID, "added_tokens.json", "{\"a\":1e30}", "not a whole number"},
        {AKI_MODEL_INVALID, "special_tokens_map.json", "{\"extra_special_tokens\":5}", "must be a list"},
        {AKI_MODEL_INVALID, "special_tokens_map.json", "{\"pad_token\":7}",
         "\"pad_token\" holds a token that is"},
        {AKI_MODEL_INVALID, "special_tokens_map.json", "{\"pad_token\":{\"content\":\"a\",\"lstrip\":1}}",
         "\"lstrip\" must be true or false"},
        {AKI_MODEL_INVALID, "tokenizer_config.json", "{\"additional_special_tokens\":[\"a\\u0000\"]}",
         "U+0000"},
        {AKI_MODEL_INVALID, "tokenizer_config.json", "{\"added_tokens_decoder\":[]}", "must be an object"},
        {AKI_MODEL_INVALID, "tokenizer_config.json", "{\"added_tokens_decoder\":null}", "must be an object"},
        {AKI_MODEL_INVALID, "tokenizer_config.json", "{\"added_tokens_decoder\":{\"x\":{}}}", "and not 'x'"},
        {AKI_MODEL_INVALID, "tokenizer_config.json",
         "{\"added_tokens_decoder\":{\"99999999999999999999\":{}}}", "each under its id"},
        {AKI_MODEL_UNSUPPORTED, "tokenizer_config.json",
         "{\"bos_token\":\"a\",\"eos_token\":{\"content\":\"a\",\"lstrip\":true}}", "twice with other flags"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tiny_write("vocab.txt", VOCAB);
        tiny_write(rows[i].name, rows[i].text);
        expect_error(rows[i].status, 1000, rows[i].message, "");
        expect_error(rows[i].status, 1000, rows[i].name, "");
        tiny_reset(state);
    }
    char text[TOKENIZER_ADDED_TOKEN_BYTES_MAX + 10] = "{\"";
    memset(text + 2, 'x', TOKENIZER_ADDED_TOKEN_BYTES_MAX + 1);
    strncat(text, "\":13}", 6);
    tiny_write("vocab.txt", VOCAB);
    tiny_write("added_tokens.json", text);
    expect_error(AKI_MODEL_UNSUPPORTED, 1000, "added_tokens.json': a token has 257 bytes", "");
}

static void empty_lines_leave_no_id_for_a_new_token(void **state)
{
    (void)state;
    tiny_write("vocab.txt", VOCAB "\n\n");
    tiny_write("added_tokens.json", "{\"[DOC]\":13}");
    expect_error(AKI_MODEL_UNSUPPORTED, 1000, "has empty lines", "");
}

/* A list as long as the limit of the file allows takes linear time. */
static void many_tokens(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    tiny_write("vocab.txt", VOCAB);
    FILE *added = fopen(tiny_file("added_tokens.json"), "wb");
    assert_non_null(added);
    for (int i = 0; i < COUNT; i++)
        fprintf(added, "%s\"<%d>\":%d", i == 0 ? "{" : ",", i, TINY_COUNT + i);
    fprintf(added, "}");
    assert_int_equal(fclose(added), 0);
    FILE *config = fopen(tiny_file("tokenizer_config.json"), "wb");
    assert_non_null(config);
    for (int i = 0; i < COUNT; i++)
        fprintf(config, "%s\"<%d>\"", i == 0 ? "{\"extra_special_tokens\":[" : ",", i);
    fprintf(config, "]}");
    assert_int_equal(fclose(config), 0);
    tokenizer *tok = NULL;
    assert_int_equal(tokenizer_open(&tok, tiny_folder, SIZE_MAX, NULL), AKI_OK);
    tiny_expect(tok, TEXT("<49999>the<0>"), 0, false, IDS(CLS, TINY_COUNT + COUNT - 1, THE, TINY_COUNT, SEP));
    tokenizer_close(tok);
}

#define TEST(name) cmocka_unit_test_teardown(name, tiny_reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_settings_win_over_the_normalizer),
        TEST(the_settings_win_over_template_and_model),
        TEST(tokens_beside_the_vocabulary),
        TEST(names_of_special_tokens),
        TEST(a_text_can_be_cut_on_its_left),
        TEST(token_types_are_refused_where_they_would_be_passed),
        TEST(nothing_is_left_of_a_text),
        TEST(a_static_model_takes_the_file_alone),
        TEST(a_static_model_leaves_unknown_tokens_out),
        TEST(a_mask_without_a_row_is_left_out),
        TEST(ids_that_contradict_each_other),
        TEST(defects_of_token_lists),
        TEST(empty_lines_leave_no_id_for_a_new_token),
        TEST(many_tokens),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
