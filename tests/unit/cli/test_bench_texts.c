#include "unit.h"

#include "cli/bench/texts.h"

/* The tokens are made up. */
static const bench_word words[] = {{"one", 3, 1}, {"threefold", 9, 3}, {"\xc3\xa9", 2, 0}, {"two", 3, 2}};

static void expect_cut(buf *out, size_t *next, size_t wanted, const char *text, size_t tokens)
{
    buf_clear(out);
    assert_int_equal(bench_cut(out, words, 4, next, wanted), tokens);
    assert_int_equal(out->length, strlen(text));
    if (out->length > 0)
        assert_string_equal(out->data, text);
}

static void test_cut_has_the_wanted_tokens(void **state)
{
    (void)state;
    buf out;
    size_t next = 0;
    buf_init(&out, 1000);
    expect_cut(&out, &next, 4, "one threefold", 4);
    assert_int_equal(next, 2);
    expect_cut(&out, &next, 3, "two one", 3); /* goes on where the last text ended, round the end */
    assert_int_equal(next, 1);
    expect_cut(&out, &next, 2, "two", 2); /* leaves out what is too much */
    expect_cut(&out, &next, 12, "one threefold two one threefold two", 12);
    expect_cut(&out, &next, 0, "", 0);
    buf_free(&out);
}

static void test_cut_ends_when_nothing_fits(void **state)
{
    (void)state;
    buf out;
    size_t next = 0;
    static const bench_word large[] = {{"fourfold", 8, 4}}, none[] = {{"x", 1, 0}};
    buf_init(&out, 1000);
    assert_int_equal(bench_cut(&out, large, 1, &next, 3), 0);
    assert_int_equal(bench_cut(&out, large, 1, &next, 6), 4);
    assert_string_equal(out.data, "fourfold");
    assert_int_equal(bench_cut(&out, none, 1, &next, 6), 0);
    buf_free(&out);
}

/* What the cutting relies on. */
static void test_prose_is_plain_words_with_single_spaces(void **state)
{
    (void)state;
    size_t bytes = 0;
    for (size_t s = 0; bench_prose[s] != NULL; s++) {
        const char *sentence = bench_prose[s];
        size_t length = strlen(sentence);
        assert_true(length > 0 && sentence[0] != ' ' && sentence[length - 1] != ' ');
        assert_null(strstr(sentence, "  "));
        for (size_t i = 0; i < length; i++)
            assert_true(sentence[i] >= ' ' && sentence[i] <= '~');
        bytes += length;
    }
    assert_true(bytes > 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_has_the_wanted_tokens),
        cmocka_unit_test(test_cut_ends_when_nothing_fits),
        cmocka_unit_test(test_prose_is_plain_words_with_single_spaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
