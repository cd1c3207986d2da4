#include "unit.h"

#include "base/buf.h"
#include "cli/help.h"
#include "cli/options.h"

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
                                  "\xEF\xBB\xBF# comment\n; comment\n\nport = 1 ; why\nhost: \"quoted\"\n"
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
    refuse("[server]\nport = 1\n", "line 2: unknown section [server]", "[serve]");
    refuse("[serve]\npooling = cls\n", "line 2: serve does not take 'pooling'", "Move the line");
    refuse("port = 1\n\nport = 2\n", "line 3: 'port' was already set in line 1", "Keep one");
    refuse("port = 1\nthis is nothing\n", "line 2: neither `key = value` nor a [section]", "comment");
    refuse("[embed]\nbatch_texts = 0.5\n",
           "line 2: batch_texts = 0.5: must be auto, or a whole number from 1 to 65536", "");
}

static void test_long_line_is_refused_not_cut(void **state)
{
    (void)state;
    char text[600] = "port = 1\nhost = ";
    memset(text + strlen(text), 'a', 400);
    options o;
    aki_error error;
    assert_int_equal(resolve_text(&o, COMMAND_SERVE, text, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "line 2: longer than the "));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_sections_comments_and_quotes),
        cmocka_unit_test(test_mistakes_name_file_and_line),
        cmocka_unit_test(test_long_line_is_refused_not_cut),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_printed_config_reads_back),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
