#include "unit.h"

#include "base/memory.h"
#include "cli/options/commands.h"
#include "cli/options/options.h"
#include "server/server.h"

static const char *const no_environment[] = {NULL};

typedef struct outcome {
    options o;
    aki_error error;
    aki_status status;
} outcome;

static outcome resolve(command_id command, const char *const *environment, const char *const *arguments)
{
    outcome result = {.error = {.message = "", .hint = ""}};
    int count = 0;
    while (arguments[count] != NULL)
        count++;
    result.status = options_resolve(&result.o, command, count, arguments, environment, &result.error);
    return result;
}
#define RESOLVE(command, environment, ...)                                                                   \
    resolve(command, environment, (const char *const[]){__VA_ARGS__, NULL})

static void expect_refusal(outcome result, const char *message, const char *hint_part)
{
    assert_int_equal(result.status, AKI_INVALID_ARGUMENT);
    assert_string_equal(result.error.message, message);
    assert_non_null(strstr(result.error.hint, hint_part));
    options_free(&result.o);
}

static void test_table_is_complete_and_its_names_are_unique(void **state)
{
    (void)state;
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        const option_row *row = &option_table[id];
        assert_non_null(row->flag);
        assert_non_null(row->section);
        assert_true(row->help != NULL && strlen(row->help) > 10);
        assert_int_not_equal(row->help[strlen(row->help) - 1], '.');
        assert_int_not_equal(row->commands, 0);
        assert_int_equal(row->commands >> COMMAND_TOTAL, 0);
        assert_true(row->type == OPTION_TYPE_CHOICE ? row->choices != NULL : row->choices == NULL);
        assert_int_equal(option_by_flag(row->flag, strlen(row->flag)), id);
        char key[80];
        option_key(id, key, sizeof key);
        assert_int_equal(option_by_key(key), id);
        if (row->variable != NULL)
            assert_int_equal(strncmp(row->variable, "AKIDB_", 6), 0);
        for (option_id other = 0; other < id; other++)
            if (row->variable != NULL && option_table[other].variable != NULL)
                assert_string_not_equal(row->variable, option_table[other].variable);
    }
}

static void test_rows_of_a_section_stand_together(void **state)
{
    (void)state;
    for (option_id id = 1; id < OPTION_TOTAL; id++)
        for (option_id other = 0; other + 1 < id; other++)
            if (strcmp(option_table[id].section, option_table[other].section) == 0)
                assert_string_equal(option_table[id].section, option_table[other + 1].section);
}

static void test_every_default_is_valid(void **state)
{
    (void)state;
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        option_value value = {.text = NULL};
        aki_error error = {.message = ""};
        if (option_table[id].default_text == NULL)
            continue;
        assert_int_equal(option_parse(id, "default", option_table[id].default_text, &value, &error), AKI_OK);
        mem_free(value.text);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    outcome r = RESOLVE(COMMAND_SERVE, no_environment, NULL);
    assert_int_equal(r.status, AKI_OK);
    assert_string_equal(option_text(&r.o, OPTION_HOST), "127.0.0.1");
    assert_int_equal(option_number(&r.o, OPTION_PORT), 8080);
    assert_string_equal(option_text(&r.o, OPTION_MODEL), "sentence-transformers/all-MiniLM-L6-v2");
    assert_int_equal(option_size(&r.o, OPTION_MAX_TEXTS), 2048);
    assert_int_equal(option_size(&r.o, OPTION_MAX_BODY_BYTES), 8 << 20);
    assert_int_equal(option_number(&r.o, OPTION_REQUEST_TIMEOUT), 10000);
    assert_null(option_text(&r.o, OPTION_MODEL_NAME));
    assert_false(option_given(&r.o, OPTION_PORT));
    options_free(&r.o);
}

static int64_t member(const option_row *row, const server_settings *settings)
{
    const char *at = (const char *)settings + row->place;
    return row->size == sizeof(bool)       ? *(const bool *)at
           : row->size == sizeof(uint16_t) ? *(const uint16_t *)at
           : row->size == sizeof(unsigned) ? *(const unsigned *)at
                                           : *(const int64_t *)at;
}

static bool is_text(const option_row *row)
{
    return row->type == OPTION_TYPE_TEXT || row->type == OPTION_TYPE_PATH;
}

/* A member that is too narrow for the row's maximum would lose bits of a value that the row accepts. */
static void test_members_of_the_settings_hold_every_value_of_their_rows(void **state)
{
    (void)state;
    size_t members = 0;
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        const option_row *row = &option_table[id];
        server_settings settings, empty;
        memset(&settings, 0, sizeof settings);
        memset(&empty, 0, sizeof empty);
        if (row->size == 0)
            continue;
        members++;
        assert_int_equal(row->commands, BY_SERVE);
        if (is_text(row)) {
            option_set(row, &settings, "text", 0);
            assert_int_equal(row->size, sizeof(char *));
            assert_string_equal(*(const char **)((char *)&settings + row->place), "text");
            continue;
        }
        const int64_t most = row->type == OPTION_TYPE_SWITCH ? 1 : row->maximum;
        assert_int_equal(row->type == OPTION_TYPE_SWITCH, row->size == sizeof(bool));
        option_set(row, &settings, NULL, most);
        assert_true(member(row, &settings) == most * row->unit);
        memset((char *)&settings + row->place, 0, row->size);
        assert_memory_equal(&settings, &empty, sizeof empty); /* and nothing beside it was written */
    }
    assert_true(members > 30);
}

static void test_a_server_without_a_command_line_has_the_defaults_of_the_options(void **state)
{
    (void)state;
    server_settings settings;
    server_settings_init(&settings);
    outcome r = RESOLVE(COMMAND_SERVE, no_environment, NULL);
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        const option_row *row = &option_table[id];
        if (row->size != 0 && !is_text(row))
            assert_true(member(row, &settings) == option_number(&r.o, id) * row->unit);
    }
    assert_string_equal(option_text(&r.o, OPTION_HOST), settings.host);
    assert_int_equal(settings.unix_socket_mode, 0660);
    assert_null(settings.tls_key);
    assert_null(settings.admin_host);
    options_free(&r.o);
}

static void test_flags_in_every_form(void **state)
{
    (void)state;
    outcome r = RESOLVE(COMMAND_EMBED, no_environment, "--input", "a.txt", "--output=b.npy", "--no-normalize",
                        "--skip-empty", "--header=false", "--truncate", "--no-truncate", "--field=");
    expect_refusal(r, "--field=: must be a text that is not empty", "");
    r = RESOLVE(COMMAND_EMBED, no_environment, "--input", "a.txt", "--output=b.npy", "--no-normalize",
                "--skip-empty", "--header=false", "--truncate", "--no-truncate", "--field=a=b");
    assert_int_equal(r.status, AKI_OK);
    assert_string_equal(option_text(&r.o, OPTION_INPUT), "a.txt");
    assert_string_equal(option_text(&r.o, OPTION_OUTPUT), "b.npy");
    assert_string_equal(option_text(&r.o, OPTION_FIELD), "a=b");
    assert_true(option_given(&r.o, OPTION_NORMALIZE));
    assert_false(option_on(&r.o, OPTION_NORMALIZE));
    assert_true(option_on(&r.o, OPTION_SKIP_EMPTY));
    assert_false(option_on(&r.o, OPTION_HEADER));
    assert_false(option_on(&r.o, OPTION_TRUNCATE)); /* the last one counts */
    options_free(&r.o);
}

static void test_precedence(void **state)
{
    (void)state;
    char folder[200], path[240];
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/a.ini", folder);
    const char *text = "port = 1\nhost = general\nmax_texts = 7\n[serve]\nport = 2\nhost = section\n";
    unit_write_file(path, text, strlen(text));
    char config[300];
    snprintf(config, sizeof config, "AKIDB_CONFIG=%s", path);
    const char *const environment[] = {config, "AKIDB_PORT=3", "AKIDB_HOST=", NULL};
    outcome r = RESOLVE(COMMAND_SERVE, environment, "--port", "4");
    assert_int_equal(r.status, AKI_OK);
    assert_int_equal(option_number(&r.o, OPTION_PORT), 4);
    assert_string_equal(r.o.values[OPTION_PORT].origin, "--port");
    assert_string_equal(option_text(&r.o, OPTION_HOST), "section"); /* an empty variable is none */
    assert_int_equal(option_number(&r.o, OPTION_MAX_TEXTS), 7);
    options_free(&r.o);
    r = RESOLVE(COMMAND_SERVE, environment, NULL);
    assert_int_equal(option_number(&r.o, OPTION_PORT), 3);
    assert_string_equal(r.o.values[OPTION_PORT].origin, "AKIDB_PORT");
    assert_int_equal(r.o.values[OPTION_PORT].source, OPTION_FROM_VARIABLE);
    options_free(&r.o);
    const char *const only_file[] = {config, NULL};
    r = RESOLVE(COMMAND_SERVE, only_file, NULL);
    assert_int_equal(option_number(&r.o, OPTION_PORT), 2);
    options_free(&r.o);
    unlink(path);
    rmdir(folder);
}

static void test_second_variable_counts_after_the_first(void **state)
{
    (void)state;
    const char *const both[] = {"RUST_LOG=debug", "AKIDB_LOG=warn", NULL};
    const char *const one[] = {"RUST_LOG=debug", NULL};
    outcome r = RESOLVE(COMMAND_SERVE, both, NULL);
    assert_string_equal(option_text(&r.o, OPTION_LOG), "warn");
    options_free(&r.o);
    r = RESOLVE(COMMAND_SERVE, one, NULL);
    assert_string_equal(option_text(&r.o, OPTION_LOG), "debug");
    options_free(&r.o);
}

static void test_errors_name_their_source(void **state)
{
    (void)state;
    const char *const environment[] = {"AKIDB_PORT=99999", NULL};
    expect_refusal(RESOLVE(COMMAND_SERVE, environment, NULL),
                   "AKIDB_PORT=99999: must be a whole number from 0 to 65535", "");
    expect_refusal(RESOLVE(COMMAND_SERVE, no_environment, "--port", "x"),
                   "--port=x: must be a whole number from 0 to 65535", "");
    expect_refusal(RESOLVE(COMMAND_SERVE, no_environment, "--prot", "1"), "unknown option '--prot'",
                   "Did you mean --port?");
    expect_refusal(RESOLVE(COMMAND_SERVE, no_environment, "--prot=1"), "unknown option '--prot'",
                   "Did you mean --port?");
    expect_refusal(RESOLVE(COMMAND_SERVE, no_environment, "--zzzzzzzz"), "unknown option '--zzzzzzzz'",
                   "help serve");
    expect_refusal(RESOLVE(COMMAND_SERVE, no_environment, "-p"), "unknown option '-p'", "two dashes");
    expect_refusal(RESOLVE(COMMAND_SERVE, no_environment, "--pooling", "cls"),
                   "serve does not take --pooling", "help serve");
    expect_refusal(RESOLVE(COMMAND_SERVE, no_environment, "--port"),
                   "--port needs a value: a whole number from 0 to 65535", "--port VALUE");
    expect_refusal(RESOLVE(COMMAND_SERVE, no_environment, "--port", "--host"),
                   "--port needs a value: a whole number from 0 to 65535", "--port VALUE");
    expect_refusal(RESOLVE(COMMAND_SERVE, no_environment, "--no-port"), "unknown option '--no-port'", "");
    expect_refusal(RESOLVE(COMMAND_EMBED, no_environment, "file.txt"), "unexpected argument 'file.txt'",
                   "--input");
    expect_refusal(RESOLVE(COMMAND_PULL, no_environment, NULL), "pull needs <id>", "Name one model");
    expect_refusal(RESOLVE(COMMAND_PULL, no_environment, "a/b", "c/d"), "unexpected argument 'c/d'",
                   "Name one model");
}

static void test_variables_of_other_commands_are_left_alone(void **state)
{
    (void)state;
    const char *const environment[] = {"AKIDB_PORT=99999", NULL};
    outcome r = RESOLVE(COMMAND_MODELS, environment, NULL);
    assert_int_equal(r.status, AKI_OK);
    options_free(&r.o);
}

static void test_argument_and_end_of_options(void **state)
{
    (void)state;
    outcome r = RESOLVE(COMMAND_PULL, no_environment, "--revision", "v1", "a/b");
    assert_int_equal(r.status, AKI_OK);
    assert_string_equal(r.o.argument, "a/b");
    options_free(&r.o);
    r = RESOLVE(COMMAND_PULL, no_environment, "--", "--strange");
    assert_int_equal(r.status, AKI_OK);
    assert_string_equal(r.o.argument, "--strange");
    options_free(&r.o);
}

static void test_help_wins_over_mistakes(void **state)
{
    (void)state;
    const char *const environment[] = {"AKIDB_PORT=99999", NULL};
    outcome r = RESOLVE(COMMAND_SERVE, environment, "--prot", "-h");
    assert_int_equal(r.status, AKI_OK);
    assert_true(option_on(&r.o, OPTION_HELP));
    options_free(&r.o);
    r = RESOLVE(COMMAND_SERVE, environment, "-V");
    assert_true(option_on(&r.o, OPTION_VERSION));
    options_free(&r.o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_complete_and_its_names_are_unique),
        cmocka_unit_test(test_rows_of_a_section_stand_together),
        cmocka_unit_test(test_every_default_is_valid),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_members_of_the_settings_hold_every_value_of_their_rows),
        cmocka_unit_test(test_a_server_without_a_command_line_has_the_defaults_of_the_options),
        cmocka_unit_test(test_flags_in_every_form),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_second_variable_counts_after_the_first),
        cmocka_unit_test(test_errors_name_their_source),
        cmocka_unit_test(test_variables_of_other_commands_are_left_alone),
        cmocka_unit_test(test_argument_and_end_of_options),
        cmocka_unit_test(test_help_wins_over_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
