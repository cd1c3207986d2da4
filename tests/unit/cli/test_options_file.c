#include "unit.h"

#include "base/buf.h"
#include "cli/options/help.h"
#include "cli/options/options.h"

static const char *const no_environment[] = {NULL};
static char folder[200], path[240];

static int open_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/a.ini", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static aki_status resolve_text(options *o, command_id command, const char *text, aki_error *error)
{
    unit_write_file(path, text, strlen(text));
    const char *const arguments[] = {"--config", path, NULL};
    return options_resolve(o, command, 2, arguments, no_environment, error);
}

static void refuse(const char *text, const char *message, const char *hint)
{
    options o;
    aki_error error;
    char whole[600];
    snprintf(whole, sizeof whole, "%s %s", path, message);
    assert_int_equal(resolve_text(&o, COMMAND_SERVE, text, &error), AKI_INVALID_ARGUMENT);
    assert_string_equal(error.message, whole);
    assert_non_null(strstr(error.hint, hint));
    options_free(&o);
}

static void test_reads_sections_comments_and_quotes(void **state)
{
    (void)state;
    options o;
    aki_error error = {.message = ""};
    assert_int_equal(resolve_text(&o, COMMAND_SERVE,
                                  "\xEF\xBB\xBF# comment\n; comment\n\nport = 1\nhost: \"quoted\"\n"
                                  "[embed]\nbatch_texts=3\n[serve]\r\nmax_body_bytes = 1MiB\r\nport=2",
                                  &error),
                     AKI_OK);
    assert_int_equal(option_number(&o, OPTION_PORT), 2);
    assert_string_equal(option_text(&o, OPTION_HOST), "quoted");
    assert_int_equal(option_size(&o, OPTION_MAX_BODY_BYTES), 1 << 20);
    char origin[300];
    snprintf(origin, sizeof origin, "%s line 10", path);
    assert_string_equal(o.values[OPTION_PORT].origin, origin);
    options_free(&o);
    assert_int_equal(
        resolve_text(&o, COMMAND_EMBED, "port = 1\n[serve]\nport=2\n[embed]\nbatch_texts=3\n", &error),
        AKI_OK);
    assert_int_equal(option_number(&o, OPTION_BATCH_TEXTS), 3);
    options_free(&o);
}

static void test_mistakes_name_file_and_line(void **state)
{
    (void)state;
    refuse("host = a\nport = 99999\n", "line 2: port = 99999: must be a whole number from 0 to 65535", "");
    refuse("\nprot = 1\n", "line 2: unknown key 'prot'", "Did you mean 'port'?");
    refuse("zzzzzzz = 1\n", "line 1: unknown key 'zzzzzzz'", "'_' for '-'");
    refuse("max-texts = 1\n", "line 1: unknown key 'max-texts'", "Did you mean 'max_texts'?");
    refuse("config = x\n", "line 1: unknown key 'config'", "");
    refuse("help = true\n", "line 1: unknown key 'help'", "");
    refuse("[server]\nport = 1\n", "line 1: unknown section [server]", "[serve]");
    refuse("[serve]\npooling = cls\n", "line 2: serve does not take 'pooling'", "Move the line");
    refuse("port = 1\n\nport = 2\n", "line 3: 'port' was already set in line 1", "Keep one");
    refuse("port = 1\nthis is nothing\n", "line 2: neither `key = value` nor a [section]", "comment");
    refuse("[embed]\nbatch_texts = 0.5\n",
           "line 2: batch_texts = 0.5: must be auto, or a whole number from 1 to 65536", "");
}

/* Each byte of a value comes through. */
static void test_values_are_whole(void **state)
{
    (void)state;
    char long_text[3000];
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    const struct {
        const char *written, *expected;
    } rows[] = {
        {"a ; b", "a ; b"},     {"a ;", "a ;"},
        {"; a", "; a"},         {"a # b", "a # b"},
        {"#a", "#a"},           {"a = b", "a = b"},
        {"a:b=c", "a:b=c"},     {"[a]", "[a]"},
        {"  a  b \t", "a  b"},  {"a\tb", "a\tb"},
        {"a\r", "a"},           {"a ; b\r", "a ; b"},
        {"\"a ; b\"", "a ; b"}, {"\" a \"", " a "},
        {"\"\"a\"\"", "\"a\""}, {"\"a", "\"a"},
        {"a\"", "a\""},         {"\"a\" ; b", "\"a\" ; b"},
        {"\"", "\""},           {"'a'", "'a'"},
        {"a\\", "a\\"},         {"\xC3\xA4 \xE2\x82\xAC", "\xC3\xA4 \xE2\x82\xAC"},
        {long_text, long_text},
    };
    static const char *const forms[] = {"model_name = %s\n", "model_name=%s", "  model_name\t:%s\nport = 1\n",
                                        "\xEF\xBB\xBFmodel_name =   %s\n[serve] ; of a command\nport=1\n"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
            options o;
            aki_error error = {.message = ""};
            buf text;
            buf_init(&text, 1 << 20);
            const char *hole = strstr(forms[form], "%s");
            buf_append(&text, forms[form], (size_t)(hole - forms[form]));
            buf_append_string(&text, rows[i].written);
            buf_append_string(&text, hole + 2);
            if (resolve_text(&o, COMMAND_SERVE, text.data, &error) != AKI_OK)
                fail_msg("'%.40s': %s", rows[i].written, error.message);
            assert_string_equal(option_text(&o, OPTION_MODEL_NAME), rows[i].expected);
            buf_free(&text);
            options_free(&o);
        }
}

static void test_comment_behind_a_value_is_explained(void **state)
{
    (void)state;
    refuse("port = 1 ; why\n", "line 1: port = 1 ; why: must be a whole number from 0 to 65535",
           "a line of its own");
    refuse("port = 1 # why\n", "line 1: port = 1 # why: must be a whole number from 0 to 65535",
           "a line of its own");
    refuse("model_name =\n", "line 1: model_name = : must be a text that is not empty", "");
    refuse("model_name = \"\"\n", "line 1: model_name = : must be a text that is not empty", "");
}

static void test_sections(void **state)
{
    (void)state;
    refuse("[serve\n", "line 1: a section is written [name]", "");
    refuse("[serve] x\n", "line 1: a section is written [name]", "");
    refuse("[]\n", "line 1: unknown section []", "[serve]");
    refuse("[ serve ]\nprot = 1\n", "line 2: unknown key 'prot'", "port");
    refuse("= 1\n", "line 1: unknown key ''", "");
    refuse("port = 1\n  and more\n", "line 2: neither `key = value` nor a [section]", "");
}

static void test_other_encodings_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *message;
    } rows[] = {
        {"\xFF\xFEp\0o\0r\0t\0=\0", 12, "line 1: byte 4 is a control character (0x00)"},
        {"port = 1\rhost = a\r", 18, "line 1: byte 9 is a control character (0x0D)"},
        {"port = 1\nhost = a\0b", 19, "line 2: byte 9 is a control character (0x00)"},
        {"port = 1\x7F", 9, "line 1: byte 9 is a control character (0x7F)"},
        {"port = 1\x1A", 9, "line 1: byte 9 is a control character (0x1A)"},
        {"# \x1B[0m\n", 7, "line 1: byte 3 is a control character (0x1B)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        options o;
        aki_error error;
        const char *const arguments[] = {"--config", path, NULL};
        unit_write_file(path, rows[i].bytes, rows[i].length);
        assert_int_equal(options_resolve(&o, COMMAND_SERVE, 2, arguments, no_environment, &error),
                         AKI_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, rows[i].message));
        options_free(&o);
    }
}

static void test_huge_file_is_refused(void **state)
{
    (void)state;
    options o;
    aki_error error;
    static const char *const arguments[] = {"--config=/dev/zero", NULL};
    assert_int_equal(options_resolve(&o, COMMAND_SERVE, 1, arguments, no_environment, &error),
                     AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "more than the 1048576 bytes"));
    options_free(&o);
    static const char *const folder_as_file[] = {"--config=/", NULL};
    assert_int_equal(options_resolve(&o, COMMAND_SERVE, 1, folder_as_file, no_environment, &error),
                     AKI_IO_ERROR);
    assert_string_equal(error.message, "cannot read the config file '/': Is a directory");
    options_free(&o);
}

static void test_missing_file(void **state)
{
    (void)state;
    options o;
    aki_error error;
    const char *const arguments[] = {"--config=/nonexistent/a.ini", NULL};
    assert_int_equal(options_resolve(&o, COMMAND_SERVE, 1, arguments, no_environment, &error), AKI_IO_ERROR);
    assert_string_equal(error.message,
                        "cannot open the config file '/nonexistent/a.ini': No such file or directory");
    options_free(&o);
}

static void test_printed_config_reads_back(void **state)
{
    (void)state;
    for (command_id command = 0; command < COMMAND_TOTAL; command++) {
        options o, again;
        aki_error error = {.message = ""};
        buf text;
        buf_init(&text, 1 << 20);
        const char *const arguments[] = {"--print-config", NULL};
        assert_int_equal(options_resolve(&o, command, 1, arguments, no_environment, &error), AKI_OK);
        help_effective_config(&text, &o);
        unit_write_file(path, text.data, text.length);
        const char *const config[] = {"--config", path, "--print-config", NULL};
        assert_int_equal(options_resolve(&again, command, 3, config, no_environment, &error), AKI_OK);
        for (option_id id = 0; id < OPTION_TOTAL; id++)
            if (option_table[id].variable != NULL && id != OPTION_CONFIG)
                assert_int_equal(option_number(&o, id), option_number(&again, id));
        buf_free(&text);
        options_free(&o);
        options_free(&again);
    }
}

static void test_printed_values_read_back(void **state)
{
    (void)state;
    static const char *const values[] = {"a ; b", " a ", "\"a\"", "\"a", "\"",
                                         "a # b", "\tx", "a = b", "; x"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        options o, again;
        aki_error error = {.message = ""};
        buf text;
        buf_init(&text, 1 << 20);
        const char *const arguments[] = {"--model-name", values[i], NULL};
        assert_int_equal(options_resolve(&o, COMMAND_SERVE, 2, arguments, no_environment, &error), AKI_OK);
        help_effective_config(&text, &o);
        assert_int_equal(resolve_text(&again, COMMAND_SERVE, text.data, &error), AKI_OK);
        assert_string_equal(option_text(&again, OPTION_MODEL_NAME), values[i]);
        buf_free(&text);
        options_free(&o);
        options_free(&again);
    }
}

static void test_control_characters_are_not_printed_as_values(void **state)
{
    (void)state;
    options o, again;
    aki_error error = {.message = ""};
    buf text;
    buf_init(&text, 1 << 20);
    static const char *const arguments[] = {"--model-name", "a\nport = 1", NULL};
    assert_int_equal(options_resolve(&o, COMMAND_SERVE, 2, arguments, no_environment, &error), AKI_OK);
    help_effective_config(&text, &o);
    assert_non_null(strstr(text.data, "# model_name is set, but has a control character"));
    assert_int_equal(resolve_text(&again, COMMAND_SERVE, text.data, &error), AKI_OK);
    assert_null(option_text(&again, OPTION_MODEL_NAME));
    buf_free(&text);
    options_free(&o);
    options_free(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_sections_comments_and_quotes),
        cmocka_unit_test(test_mistakes_name_file_and_line),
        cmocka_unit_test(test_values_are_whole),
        cmocka_unit_test(test_comment_behind_a_value_is_explained),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_other_encodings_are_refused),
        cmocka_unit_test(test_huge_file_is_refused),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_printed_config_reads_back),
        cmocka_unit_test(test_printed_values_read_back),
        cmocka_unit_test(test_control_characters_are_not_printed_as_values),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
