#include "unit.h"

#include "cli/options/commands.h"
#include "cli/options/help.h"

#define MANUAL_MAX ((size_t)1 << 20)

/* As a man page has it: '-' is "\-" and an apostrophe "\(aq". */
static void escape(const char *text, char *out, size_t room)
{
    size_t used = 0;
    for (; *text != '\0' && used + 5 < room; text++) {
        const char *escaped = *text == '-' ? "\\-" : *text == '\'' ? "\\(aq" : (char[]){*text, '\0'};
        used += (size_t)snprintf(out + used, room - used, "%s", escaped);
    }
    out[used] = '\0';
}

static void test_overview_names_every_command(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, MANUAL_MAX);
    manual_overview(&out);
    assert_false(out.failed);
    for (command_id id = 0; id < COMMAND_TOTAL; id++) {
        char line[300], summary[200];
        escape(command_table[id].summary, summary, sizeof summary);
        snprintf(line, sizeof line, "\n.BR akidb\\-embed\\-%s (1)\n%s\n", command_table[id].name, summary);
        assert_non_null(strstr(out.data, line));
    }
    buf_free(&out);
}

static void test_command_pages_list_their_options(void **state)
{
    (void)state;
    for (command_id command = 0; command < COMMAND_TOTAL; command++) {
        buf out;
        buf_init(&out, MANUAL_MAX);
        manual_command(&out, command);
        assert_false(out.failed);
        for (option_id id = 0; id < OPTION_TOTAL; id++) {
            const option_row *row = &option_table[id];
            char flag[120], line[200];
            escape(row->flag, flag, sizeof flag);
            snprintf(line, sizeof line, "\\fB\\-\\-%s\\fR", flag);
            assert_int_equal(strstr(out.data, line) != NULL, option_taken_by(id, command));
            if (option_taken_by(id, command) && row->variable != NULL) {
                snprintf(line, sizeof line, "\nVariable: %s", row->variable);
                assert_non_null(strstr(out.data, line));
            }
        }
        buf_free(&out);
    }
}

/* No line of text is taken for a request, and no character for a typographic one. */
static void test_text_is_printed_as_it_is(void **state)
{
    (void)state;
    for (command_id command = 0; command < COMMAND_TOTAL; command++) {
        buf out;
        buf_init(&out, MANUAL_MAX);
        manual_command(&out, command);
        const char *text = strstr(out.data, ".SH NAME");
        assert_non_null(text);
        assert_null(strpbrk(text, "'`^~"));
        for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
            if (*line == '.')
                assert_true(line[1] >= 'A' && line[1] <= 'z');
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overview_names_every_command),
        cmocka_unit_test(test_command_pages_list_their_options),
        cmocka_unit_test(test_text_is_printed_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
