#include "unit.h"

#include "base/buf.h"
#include "cli/options/commands.h"
#include "cli/options/help.h"

#define HELP_MAX ((size_t)1 << 20)

static void test_overview_names_every_command(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, HELP_MAX);
    help_overview(&out);
    for (command_id id = 0; id < COMMAND_TOTAL; id++) {
        char line[200];
        snprintf(line, sizeof line, "  %-12s%s\n", command_table[id].name, command_table[id].summary);
        assert_non_null(strstr(out.data, line));
    }
    assert_non_null(strstr(out.data, "Exit codes"));
    buf_free(&out);
}

/* Each option of the command stands there with its flag, variable and default, and no others do. */
static void test_command_help_lists_its_options(void **state)
{
    (void)state;
    for (command_id command = 0; command < COMMAND_TOTAL; command++) {
        buf out;
        buf_init(&out, HELP_MAX);
        help_command(&out, command);
        assert_non_null(strstr(out.data, command_table[command].examples));
        for (option_id id = 0; id < OPTION_TOTAL; id++) {
            const option_row *row = &option_table[id];
            char plain[80], negated[80];
            snprintf(plain, sizeof plain, "\n  --%s", row->flag);
            snprintf(negated, sizeof negated, "\n  --[no-]%s", row->flag);
            bool listed = strstr(out.data, plain) != NULL || strstr(out.data, negated) != NULL ||
                          id == OPTION_HELP || id == OPTION_VERSION;
            if ((row->commands >> command & 1) != 0)
                assert_true(listed);
            else
                assert_null(strstr(out.data, negated));
        }
        for (const char *line = out.data; line != NULL && *line != '\0';) {
            const char *end = strchr(line, '\n');
            size_t length = end != NULL ? (size_t)(end - line) : strlen(line);
            if (strncmp(line, "  curl", 6) != 0)
                assert_true(length <= 120);
            line = end != NULL ? end + 1 : NULL;
        }
        buf_free(&out);
    }
}

static void test_docs_equal_the_table(void **state)
{
    (void)state;
    const char *root = getenv("AKIDB_SOURCE_ROOT");
    assert_non_null(root);
    char path[1000];
    snprintf(path, sizeof path, "%s/docs/OPTIONS.md", root);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char text[1 << 18];
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    buf out;
    buf_init(&out, HELP_MAX);
    help_markdown(&out);
    if (strcmp(out.data, text) != 0)
        print_error(
            "docs/OPTIONS.md is old: write it anew with `akidb-embed help --markdown > docs/OPTIONS.md`\n");
    assert_string_equal(out.data, text);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overview_names_every_command),
        cmocka_unit_test(test_command_help_lists_its_options),
        cmocka_unit_test(test_docs_equal_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
