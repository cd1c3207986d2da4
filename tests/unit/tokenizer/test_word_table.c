#include "unit.h"

#include "tokenizer/word_table.h"

static void finds_words_of_every_length(void **state)
{
    (void)state;
    word_table table;
    assert_true(word_table_init(&table, 20));
    for (size_t length = 0; length <= WORD_TABLE_BYTES + 1; length++)
        word_table_put(&table, "abcdefghijkl", length, (int32_t)length);
    for (size_t length = 1; length <= WORD_TABLE_BYTES; length++) {
        assert_int_equal(word_table_get(&table, word_key_copy("abcdefghijkl", length)), length);
        assert_int_equal(word_table_get(&table, word_key_copy("bbcdefghijkl", length)), WORD_TABLE_NONE);
    }
    word_table_free(&table);
}

static void zeros_at_the_end_count(void **state)
{
    (void)state;
    word_table table;
    assert_true(word_table_init(&table, 2));
    word_table_put(&table, "a", 1, 1);
    word_table_put(&table, "a\0\0", 3, 3);
    assert_int_equal(word_table_get(&table, word_key_copy("a", 1)), 1);
    assert_int_equal(word_table_get(&table, word_key_copy("a\0", 2)), WORD_TABLE_NONE);
    assert_int_equal(word_table_get(&table, word_key_copy("a\0\0", 3)), 3);
    assert_int_equal(word_table_get(&table, word_key_copy("\0", 1)), WORD_TABLE_NONE);
    word_table_free(&table);
}

static void a_key_leaves_out_what_follows_the_word(void **state)
{
    (void)state;
    const char text[] = "\xFF\xFE\xFD\xFC\xFB\xFA\xF9\xF8\xF7\xF6\xF5\xF4";
    for (size_t length = 1; length <= WORD_TABLE_BYTES; length++) {
        word_key loaded = word_key_load(text, length), copied = word_key_copy(text, length);
        assert_true(loaded.low == copied.low && loaded.high == copied.high);
    }
}

/* As many words as it was made for: nearly all are found, none is found as another, and no look-up goes beyond the
 * neighbourhood, not even the last one's. */
static void holds_what_it_was_made_for(void **state)
{
    (void)state;
    enum { COUNT = 24000 };
    word_table table;
    assert_true(word_table_init(&table, COUNT));
    char word[12];
    for (int32_t i = 0; i < COUNT; i++)
        word_table_put(&table, word, (size_t)snprintf(word, sizeof word, "w%x", (unsigned)i), i);
    size_t missing = 0;
    for (int32_t i = 0; i < COUNT; i++) {
        int32_t id = word_table_get(
            &table, word_key_copy(word, (size_t)snprintf(word, sizeof word, "w%x", (unsigned)i)));
        missing += id == WORD_TABLE_NONE;
        assert_true(id == WORD_TABLE_NONE || id == i);
    }
    assert_true(missing < COUNT / 50);
    for (uint64_t low = 0; low < 1000000; low++)
        assert_int_equal(word_table_get(&table, (word_key){low, 0x01000000U}), WORD_TABLE_NONE);
    word_table_free(&table);
}

static void refuses_sizes_that_do_not_fit(void **state)
{
    (void)state;
    word_table table;
    assert_false(word_table_init(&table, SIZE_MAX));
    word_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_words_of_every_length),
        cmocka_unit_test(zeros_at_the_end_count),
        cmocka_unit_test(a_key_leaves_out_what_follows_the_word),
        cmocka_unit_test(holds_what_it_was_made_for),
        cmocka_unit_test(refuses_sizes_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
