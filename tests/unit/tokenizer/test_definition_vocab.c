/* vocab.txt and tokenizer_config.json. */
#include "tiny_model.h"

#define VOCAB "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n##s\ndog\n##e\n,\na\n##a\n"

static void expect_error(aki_status status, const char *message)
{
    tokenizer *tok = NULL;
    aki_error error = {.message = ""};
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 1000, &error), status);
    assert_null(tok);
    if (strstr(error.message, message) == NULL)
        fail_msg("%s", error.message);
}

static void expect_tiny_model(void)
{
    tokenizer *tok = tiny_open();
    assert_int_equal(tokenizer_vocabulary_size(tok), TINY_COUNT);
    tiny_expect(tok,
                TEXT("The C\xC3\x81TS [MASK]\xE4\xB8\xAD"
                     "a"),
                0, false, IDS(CLS, THE, CAT, S_REST, MASK, UNK, A, SEP));
    tokenizer_close(tok);
}

static void a_line_is_a_token(void **state)
{
    (void)state;
    tiny_write("vocab.txt", VOCAB);
    expect_tiny_model();
}

static void line_ends_may_differ(void **state)
{
    (void)state;
    tiny_write("vocab.txt", "[PAD]\r\n[UNK]\r\n[CLS]\n[SEP] \n[MASK]\nthe\ncat\n##s\ndog\n##e\n,\na\t\n##a");
    expect_tiny_model();
    tiny_write("vocab.txt", VOCAB "\n\r\n\n"); /* empty lines at the end are no tokens */
    expect_tiny_model();
}

static void empty_lines_in_the_middle_keep_their_number(void **state)
{
    (void)state;
    tiny_write("vocab.txt", "[UNK]\n\n[CLS]\n\xC2\xA0\n[SEP]\nthe\n[PAD]\n[MASK]\n");
    tokenizer *tok = tiny_open();
    assert_int_equal(tokenizer_vocabulary_size(tok), 8);
    assert_string_equal(tokenizer_token_text(tok, 3), "");
    tiny_expect(tok, TEXT("the \xC2\xA0 x"), 0, false, IDS(2, 5, 0, 4));
    tokenizer_close(tok);
}

static void tokenizer_json_goes_first(void **state)
{
    (void)state;
    tiny_write("vocab.txt", "nothing of use\n");
    tiny_write_json((tiny_parts){0});
    expect_tiny_model();
}

static void the_config_sets_case_accents_and_chinese(void **state)
{
    (void)state;
    tiny_write("vocab.txt", VOCAB);
    tiny_write("tokenizer_config.json", "{\"do_lower_case\":false}");
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("the The c\xC3\xA1t"), 0, false, IDS(CLS, THE, UNK, UNK, SEP));
    tokenizer_close(tok);
    tiny_write("tokenizer_config.json",
               "{\"do_lower_case\":true,\"strip_accents\":false,\"tokenize_chinese_chars\":false}");
    tok = tiny_open();
    tiny_expect(tok,
                TEXT("The c\xC3\xA1t a\xE4\xB8\xAD"
                     "a"),
                0, false, IDS(CLS, THE, UNK, UNK, SEP));
    tokenizer_close(tok);
    tiny_write("tokenizer_config.json", "{\"do_lower_case\":null,\"strip_accents\":null}");
    expect_tiny_model();
}

static void the_config_names_the_special_tokens(void **state)
{
    (void)state;
    tiny_write("vocab.txt", "<unk>\n<s>\nthe\n[PAD]\n[MASK]\n");
    tiny_write("tokenizer_config.json", "{\"unk_token\":\"<unk>\",\"cls_token\":{\"content\":\"<s>\","
                                        "\"normalized\":false},\"sep_token\":\"<s>\"}");
    tokenizer *tok = tiny_open();
    tiny_expect(tok, TEXT("the<s> x"), 0, false, IDS(1, 2, 1, 0, 1));
    tokenizer_close(tok);
}

static void each_defect_has_its_error(void **state)
{
    (void)state;
    expect_error(AKI_MODEL_NOT_FOUND, "neither tokenizer.json nor vocab.txt");
    static const struct {
        const char *vocab, *config;
        const char *message;
    } rows[] = {
        {"", NULL, "vocab.txt': the vocabulary is empty"},
        {"\n\n", NULL, "the vocabulary is empty"},
        {"a\nb\na\n", NULL, "'a' stands on lines 1 and 3"},
        {"[UNK]\n[CLS]\n\xC3(\n", NULL, "vocab.txt' is not valid UTF-8 at byte 12"},
        {"[CLS]\n[SEP]\n", NULL, "no token '[UNK]', the model's unk_token"},
        {VOCAB, "[1]", "tokenizer_config.json' is not a JSON object"},
        {VOCAB, "{", "tokenizer_config.json' is not valid JSON"},
        {VOCAB, "{\"do_lower_case\":\"yes\"}", "\"do_lower_case\" must be true or false"},
        {VOCAB, "{\"unk_token\":5}", "\"unk_token\" holds a token that is not a string"},
        {VOCAB, "{\"cls_token\":{\"content\":5}}", "\"cls_token\" holds a token that is not a string"},
        {VOCAB, "{\"unk_token\":\"<s>\"}", "no token '<s>', the model's unk_token"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tiny_reset(NULL);
        tiny_write("vocab.txt", rows[i].vocab);
        if (rows[i].config != NULL)
            tiny_write("tokenizer_config.json", rows[i].config);
        expect_error(AKI_MODEL_INVALID, rows[i].message);
    }
}

static void refuses_more_tokens_than_the_model_has_rows(void **state)
{
    (void)state;
    tiny_write("vocab.txt", VOCAB);
    tokenizer *tok = NULL;
    aki_error error;
    assert_int_equal(tokenizer_open(&tok, tiny_folder, 12, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, "only 12 rows"));
}

#define TEST(name) cmocka_unit_test_teardown(name, tiny_reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_a_token),
        TEST(line_ends_may_differ),
        TEST(empty_lines_in_the_middle_keep_their_number),
        TEST(tokenizer_json_goes_first),
        TEST(the_config_sets_case_accents_and_chinese),
        TEST(the_config_names_the_special_tokens),
        TEST(each_defect_has_its_error),
        TEST(refuses_more_tokens_than_the_model_has_rows),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
