#include "unit.h"

#include "base/utf8.h"
#include "model/quote.h"

static void assert_quoted(const char *name, size_t length, const char *expected)
{
    const quote q = quote_name(name, length);
    assert_string_equal(q.text, expected);
    assert_true(utf8_valid(q.text, strlen(q.text), NULL));
}

static void short_names_stay_but_for_control_characters(void **state)
{
    (void)state;
    assert_quoted("", 0, "");
    assert_quoted("weight", 6, "weight");
    assert_quoted("a\0b\nc\x1b[2J\x7f", 10, "a?b?c?[2J?");
    assert_quoted("caf\xc3\xa9", 5, "caf\xc3\xa9");
}

static void the_bound_itself_is_not_cut(void **state)
{
    (void)state;
    char name[QUOTE_MAX_BYTES + 1], expected[QUOTE_MAX_BYTES + sizeof "..."];
    memset(name, 'n', sizeof name);
    snprintf(expected, sizeof expected, "%.*s", QUOTE_MAX_BYTES, name);
    assert_quoted(name, QUOTE_MAX_BYTES, expected);
    snprintf(expected, sizeof expected, "%.*s...", QUOTE_MAX_BYTES, name);
    assert_quoted(name, QUOTE_MAX_BYTES + 1, expected);
}

/* Wherever in a character the bound falls. */
static void no_character_is_cut_in_two(void **state)
{
    (void)state;
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t c = 0; c < 3; c++) {
        const size_t bytes = strlen(characters[c]);
        for (size_t before = 0; before < bytes; before++) {
            char name[QUOTE_MAX_BYTES + 20], expected[sizeof name];
            const size_t whole = (QUOTE_MAX_BYTES - before) / bytes;
            size_t used = before;
            memset(name, 'n', before);
            for (; used < QUOTE_MAX_BYTES + 8; used += bytes)
                memcpy(name + used, characters[c], bytes);
            snprintf(expected, sizeof expected, "%.*s...", (int)(before + whole * bytes), name);
            assert_quoted(name, used, expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_names_stay_but_for_control_characters),
        cmocka_unit_test(the_bound_itself_is_not_cut),
        cmocka_unit_test(no_character_is_cut_in_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
