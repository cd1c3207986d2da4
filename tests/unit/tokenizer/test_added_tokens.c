#include "unit.h"

#include "tokenizer/added_tokens.h"

static word_classes classes;

static int build(void **state)
{
    (void)state;
    return word_classes_build(&classes) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    word_classes_free(&classes);
    return 0;
}

/* Writes the pieces as "text|<id>|text". */
static void expect(const added_tokens *set, const char *text, const char *pieces)
{
    char found[400] = "";
    added_tokens_cursor cursor = added_tokens_search(set, &classes, text, strlen(text));
    added_tokens_piece piece;
    while (added_tokens_next(&cursor, &piece)) {
        size_t used = strlen(found);
        if (piece.id != ADDED_TOKENS_TEXT)
            snprintf(found + used, sizeof found - used, "%s<%d>", used > 0 ? "|" : "", piece.id);
        else
            snprintf(found + used, sizeof found - used, "%s%.*s", used > 0 ? "|" : "",
                     (int)(piece.end - piece.start), text + piece.start);
    }
    assert_string_equal(found, pieces);
    assert_false(added_tokens_next(&cursor, &piece));
}

static void put(added_tokens *set, const char *text, added_token token)
{
    assert_true(added_tokens_put(set, text, strlen(text), token));
}

static void finds_the_leftmost_longest(void **state)
{
    (void)state;
    added_tokens set;
    assert_true(added_tokens_init(&set, 4));
    put(&set, "[CLS]", (added_token){.id = 2});
    put(&set, "[MASK]", (added_token){.id = 4});
    expect(&set, "plain", "plain");
    expect(&set, "", "");
    expect(&set, "[CLS]", "<2>");
    expect(&set, "a[CLS]b [MASK]", "a|<2>|b |<4>");
    expect(&set, "[CLS][MASK]", "<2>|<4>");
    expect(&set, "[[CLS]][CL", "[|<2>|][CL");
    expect(&set, "[cls][MASK", "[cls][MASK");
    put(&set, "<a>", (added_token){.id = 7});
    put(&set, "<a><b>", (added_token){.id = 8});
    assert_false(added_tokens_put(&set, "<a>", 3, (added_token){.id = 9}));
    expect(&set, "<a><b><a><a>b>", "<8>|<7>|<7>|b>");
    expect(&set, "[CLS]<a", "<2>|<a");
    added_tokens_free(&set);
    added_tokens_free(&set);
}

static void a_single_word_has_no_word_character_beside_it(void **state)
{
    (void)state;
    added_tokens set;
    assert_true(added_tokens_init(&set, 2));
    put(&set, "ab", (added_token){.id = 1, .single_word = true});
    put(&set, "bc", (added_token){.id = 2});
    expect(&set, "ab", "<1>");
    expect(&set, "ab,ab", "<1>|,|<1>");
    expect(&set, "xab", "xab");
    expect(&set, "ab_", "ab_");
    expect(&set,
           "\xC3\xA9"
           "ab",
           "\xC3\xA9"
           "ab");
    expect(&set, "ab\xCC\x81", "ab\xCC\x81"); /* a combining mark is a word character */
    expect(&set,
           "\xE2\x82\xAC"
           "ab",
           "\xE2\x82\xAC|<1>");
    expect(&set, "abc", "abc"); /* the search goes on after what was refused: "bc" is not seen */
    added_tokens_free(&set);
}

static void strips_white_space_beside_it(void **state)
{
    (void)state;
    added_tokens set;
    assert_true(added_tokens_init(&set, 3));
    put(&set, "<l>", (added_token){.id = 1, .strip_left = true});
    put(&set, "<r>", (added_token){.id = 2, .strip_right = true});
    put(&set, "<b>", (added_token){.id = 3, .strip_left = true, .strip_right = true});
    expect(&set, "a <l> b", "a|<1>| b");
    expect(&set, "a <r> b", "a |<2>|b");
    expect(&set, "a\xE3\x80\x80\t<b>\xC2\xA0\n b", "a|<3>|b");
    expect(&set, "  <b>  ", "<3>");
    expect(&set, "<r>  <l>", "<2>|<1>");
    expect(&set, "<b> <b> <b>", "<3>|<3>|<3>");
    added_tokens_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_leftmost_longest),
        cmocka_unit_test(a_single_word_has_no_word_character_beside_it),
        cmocka_unit_test(strips_white_space_beside_it),
    };
    return cmocka_run_group_tests(tests, build, tear_down);
}
