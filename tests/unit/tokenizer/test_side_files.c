/* tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json: which settings are read, and
 * which are refused. */
#include "tiny_model.h"

#include "tokenizer/side_files.h"

static void expect_error(aki_status status, const char *file, const char *message)
{
    tokenizer *tok = NULL;
    aki_error error = {.message = ""};
    aki_status got = tokenizer_open(&tok, tiny_folder, 1000, &error);
    if (got != status || tok != NULL || strstr(error.message, message) == NULL ||
        strstr(error.message, file) == NULL || error.hint[0] == '\0')
        fail_msg("status %d, message: %s, hint: %s", got, error.message, error.hint);
}

/* A name that the folder lists is never treated as absent, be it a link that leads nowhere or a folder. */
static void a_name_that_leads_nowhere_is_an_error(void **state)
{
    static const char *const names[] = {"tokenizer.json",          "tokenizer_config.json", "vocab.txt",
                                        "special_tokens_map.json", "added_tokens.json",     "config.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], "vocab.txt") != 0)
            tiny_write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n");
        assert_int_equal(symlink("../nowhere", tiny_file(names[i])), 0);
        expect_error(AKI_MODEL_NOT_FOUND, names[i], "No such file");
        assert_int_equal(unlink(tiny_file(names[i])), 0);
        assert_int_equal(mkdir(tiny_file(names[i]), 0700), 0);
        expect_error(AKI_IO_ERROR, names[i], "not a regular file");
        assert_int_equal(rmdir(tiny_file(names[i])), 0);
        if (strcmp(names[i], "vocab.txt") != 0) {
            tiny_write(names[i], "");
            expect_error(AKI_MODEL_INVALID, names[i], "not valid JSON");
        }
        tiny_reset(state);
    }
}

static void the_class_decides_who_has_the_say(void **state)
{
    static const struct {
        const char *file, *text;
        tokenizer_class class;
    } rows[] = {
        {"tokenizer_config.json", "{}", TOKENIZER_CLASS_BERT},
        {"tokenizer_config.json", "{\"tokenizer_class\":null}", TOKENIZER_CLASS_BERT},
        {"tokenizer_config.json", "{\"tokenizer_class\":\"BertTokenizerFast\"}", TOKENIZER_CLASS_BERT},
        {"tokenizer_config.json", "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}", TOKENIZER_CLASS_FILE},
        {"config.json", "{\"tokenizer_class\":\"TokenizersBackend\"}", TOKENIZER_CLASS_FILE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        side_files side;
        tiny_write(rows[i].file, rows[i].text);
        assert_int_equal(side_files_read(&side, tiny_folder, NULL), AKI_OK);
        assert_int_equal(side.class, rows[i].class);
        side_files_free(&side);
        tiny_reset(state);
    }
    tiny_write("config.json", "{\"tokenizer_class\":\"BertTokenizer\"}");
    tiny_write("vocab.txt", "a\n");
    tiny_write("tokenizer_config.json", "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}");
    expect_error(AKI_MODEL_UNSUPPORTED, tiny_folder, "no tokenizer.json, which the tokenizer class 'PreTr");
}

static void what_is_not_implemented_is_refused_by_name(void **state)
{
    static const struct {
        aki_status status;
        const char *text, *message;
    } rows[] = {
        {AKI_MODEL_UNSUPPORTED, "{\"tokenizer_class\":\"BertJapaneseTokenizer\"}", "'BertJapaneseTokenizer'"},
        {AKI_MODEL_UNSUPPORTED, "{\"tokenizer_class\":\"\"}", "\"tokenizer_class\" is ''"},
        {AKI_MODEL_INVALID, "{\"tokenizer_class\":[]}", "\"tokenizer_class\" must be a string"},
        {AKI_MODEL_UNSUPPORTED, "{\"split_special_tokens\":true}", "\"split_special_tokens\" is set"},
        {AKI_MODEL_UNSUPPORTED, "{\"padding_side\":\"left\"}", "padded on the left"},
        {AKI_MODEL_UNSUPPORTED, "{\"auto_map\":{\"AutoTokenizer\":[\"a\",null]}}", "\"auto_map\" is set"},
        {AKI_MODEL_UNSUPPORTED, "{\"fast_tokenizer_files\":[\"tokenizer.4.json\"]}",
         "\"fast_tokenizer_files\""},
        {AKI_MODEL_UNSUPPORTED, "{\"model_input_names\":[\"input_ids\"]}", "\"model_input_names\" is set"},
        {AKI_MODEL_UNSUPPORTED, "{\"vocab\":{\"a\":0}}", "\"vocab\" is set"},
        {AKI_MODEL_UNSUPPORTED, "{\"cls_token\":null}", "\"cls_token\" is null"},
        {AKI_MODEL_UNSUPPORTED, "{\"sep_token\":\"a b\"}", "\"sep_token\" is 'a b'"},
        {AKI_MODEL_INVALID, "{\"truncation_side\":\"middle\"}", "\"left\" or \"right\""},
        {AKI_MODEL_INVALID, "{\"truncation_side\":5}", "\"truncation_side\" must be a string"},
        {AKI_MODEL_INVALID, "{\"tokenize_chinese_chars\":0}",
         "\"tokenize_chinese_chars\" must be true or false"},
        {AKI_MODEL_INVALID, "[]", "is not a JSON object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tiny_write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n");
        tiny_write("tokenizer_config.json", rows[i].text);
        expect_error(rows[i].status, "tokenizer_config.json", rows[i].message);
        tiny_reset(state);
    }
}

/* Deeper than the parser goes, and larger than any file may be: an error, without a crash or endless reading. */
static void hostile_files_are_refused(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    static char deep[DEPTH + 20];
    tiny_write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n");
    memcpy(deep, "{\"a\":", 5);
    memset(deep + 5, '[', DEPTH);
    tiny_write("added_tokens.json", deep);
    expect_error(AKI_MODEL_INVALID, "added_tokens.json", "not valid JSON");
    tiny_write("added_tokens.json", "{}");
    assert_int_equal(truncate(tiny_file("added_tokens.json"), (off_t)1 << 40), 0);
    expect_error(AKI_IO_ERROR, "added_tokens.json", "larger than");
}

#define TEST(name) cmocka_unit_test_teardown(name, tiny_reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_that_leads_nowhere_is_an_error),
        TEST(the_class_decides_who_has_the_say),
        TEST(what_is_not_implemented_is_refused_by_name),
        TEST(hostile_files_are_refused),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
