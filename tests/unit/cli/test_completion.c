#include "unit.h"

#include "cli/options/commands.h"
#include "cli/options/help.h"

#define SCRIPT_MAX ((size_t)1 << 20)

/* How the scripts write a flag: "--port " in bash, "--port=" or "--port[" or "--help}" in zsh, "-l port " in fish. */
static bool has_flag(const char *script, const char *flag)
{
    static const char *const ends[] = {" ", "=", "[", "}"};
    char text[200];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(text, sizeof text, "--%s%s", flag, ends[i]);
        if (strstr(script, text) != NULL)
            return true;
    }
    snprintf(text, sizeof text, " -l %s ", flag);
    return strstr(script, text) != NULL;
}

static void test_every_command_and_option_is_in_each_script(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMPLETION_SHELLS; i++) {
        buf out;
        buf_init(&out, SCRIPT_MAX);
        completion_table[i].write(&out);
        assert_false(out.failed);
        for (command_id id = 0; id < COMMAND_TOTAL; id++)
            assert_non_null(strstr(out.data, command_table[id].name));
        for (option_id id = 0; id < OPTION_TOTAL; id++) {
            const option_row *row = &option_table[id];
            char negated[120];
            snprintf(negated, sizeof negated, "no-%s", row->flag);
            assert_true(has_flag(out.data, row->flag));
            assert_int_equal(has_flag(out.data, negated),
                             row->type == OPTION_TYPE_SWITCH && row->variable != NULL);
        }
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_and_option_is_in_each_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
