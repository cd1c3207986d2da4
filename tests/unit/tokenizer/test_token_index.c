#include "unit.h"

#include "tokenizer/token_index.h"
#include "tokenizer/tokenizer_limits.h"

static void expect_longest(const token_index *index, const char *text, int32_t value, size_t length)
{
    size_t matched = 0;
    assert_int_equal(token_index_longest(index, text, strlen(text), &matched), value);
    if (value != TOKEN_INDEX_NONE)
        assert_int_equal(matched, length);
}

static void finds_the_longest_entry_a_text_begins_with(void **state)
{
    (void)state;
    token_index index;
    assert_true(token_index_init(&index, 6));
    const char *entries[] = {"un", "unable", "\xC3\xA9", "\xC3\xA9t\xC3\xA9", "x", "[MASK]"};
    for (int32_t i = 0; i < 6; i++)
        assert_true(token_index_add(&index, entries[i], strlen(entries[i]), i));
    expect_longest(&index, "unable to", 1, 6);
    expect_longest(&index, "unabl", 0, 2);
    expect_longest(&index, "u", TOKEN_INDEX_NONE, 0);
    expect_longest(&index, "", TOKEN_INDEX_NONE, 0);
    expect_longest(&index, "\xC3\xA9t\xC3\xA9s", 3, 5);
    expect_longest(&index, "\xC3\xA9t\xC3\xAA", 2, 2);
    expect_longest(&index, "\xC3\xAA", TOKEN_INDEX_NONE, 0);
    expect_longest(&index, "[MASK]]", 5, 6);
    assert_int_equal(token_index_find(&index, "unable", 6), 1);
    assert_int_equal(token_index_find(&index, "unabl", 5), TOKEN_INDEX_NONE);
    assert_int_equal(token_index_find(&index, "", 0), TOKEN_INDEX_NONE);
    token_index_free(&index);
    token_index_free(&index);
}

static void keeps_the_first_of_two_equal_entries(void **state)
{
    (void)state;
    token_index index;
    assert_true(token_index_init(&index, 2));
    assert_true(token_index_add(&index, "a", 1, 7));
    assert_false(token_index_add(&index, "a", 1, 8));
    assert_int_equal(token_index_find(&index, "a", 1), 7);
    token_index_free(&index);
}

static void an_empty_index_matches_nothing(void **state)
{
    (void)state;
    token_index index;
    assert_true(token_index_init(&index, 0));
    expect_longest(&index, "a", TOKEN_INDEX_NONE, 0);
    token_index_free(&index);
}

/* Against the plain definition, with entries over few letters so that every kind of overlap occurs. */
static void agrees_with_a_search_through_all_entries(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static char entries[COUNT][12];
    token_index index;
    assert_true(token_index_init(&index, COUNT));
    uint32_t random = 12345;
    for (int32_t i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        size_t length = 1 + (random >> 8) % 11;
        for (size_t k = 0; k < length; k++)
            entries[i][k] =
                "abc"[(random = random * 1664525 + 1013904223) >> 16 & 1 ? (random >> 20) % 3 : 0];
        token_index_add(&index, entries[i], length, i);
    }
    for (int trial = 0; trial < 2000; trial++) {
        char text[20];
        for (size_t k = 0; k < 19; k++)
            text[k] = "abc"[((random = random * 1664525 + 1013904223) >> 20) % 3];
        text[19] = '\0';
        size_t best = 0, matched = 0;
        for (int32_t i = 0; i < COUNT; i++)
            if (strlen(entries[i]) > best && strncmp(entries[i], text, strlen(entries[i])) == 0)
                best = strlen(entries[i]);
        int32_t value = token_index_longest(&index, text, 19, &matched);
        assert_int_equal(value == TOKEN_INDEX_NONE ? 0 : matched, best);
        assert_true(value == TOKEN_INDEX_NONE || strncmp(entries[value], text, best) == 0);
    }
    token_index_free(&index);
}

static void takes_the_longest_token_allowed(void **state)
{
    (void)state;
    static char text[TOKENIZER_TOKEN_BYTES_MAX + 100];
    memset(text, 'z', sizeof text);
    token_index index;
    assert_true(token_index_init(&index, 1));
    assert_true(token_index_add(&index, text, TOKENIZER_TOKEN_BYTES_MAX, 3));
    size_t matched = 0;
    assert_int_equal(token_index_longest(&index, text, sizeof text, &matched), 3);
    assert_int_equal(matched, TOKENIZER_TOKEN_BYTES_MAX);
    assert_int_equal(token_index_longest(&index, text, TOKENIZER_TOKEN_BYTES_MAX - 1, &matched),
                     TOKEN_INDEX_NONE);
    token_index_free(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_longest_entry_a_text_begins_with),
        cmocka_unit_test(keeps_the_first_of_two_equal_entries),
        cmocka_unit_test(an_empty_index_matches_nothing),
        cmocka_unit_test(agrees_with_a_search_through_all_entries),
        cmocka_unit_test(takes_the_longest_token_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
