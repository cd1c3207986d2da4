#include "unit.h"

#include "tokenizer/char_table.h"

static void gives_back_every_value(void **state)
{
    (void)state;
    uint32_t *values = calloc(UNICODE_LIMIT, sizeof *values);
    assert_non_null(values);
    for (uint32_t c = 0; c < UNICODE_LIMIT; c += 7)
        values[c] = c % 1009 < 500 ? c * 2654435761U : 0;
    char_table table;
    assert_true(char_table_build(&table, values));
    for (uint32_t c = 0; c < UNICODE_LIMIT; c++)
        if (char_table_get(&table, c) != values[c])
            fail_msg("U+%04X", c);
    char_table_free(&table);
    char_table_free(&table);
    free(values);
}

static void ranges_ascend_and_stay_within_unicode(void **state)
{
    (void)state;
    static const struct {
        const unicode_range *ranges;
        const size_t *count;
    } tables[] = {
        {unicode_removed, &unicode_removed_count},       {unicode_spaces, &unicode_spaces_count},
        {unicode_chinese, &unicode_chinese_count},       {unicode_punctuation, &unicode_punctuation_count},
        {unicode_nonspacing, &unicode_nonspacing_count}, {unicode_word, &unicode_word_count},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        assert_true(*tables[i].count > 0);
        for (size_t k = 0; k < *tables[i].count; k++) {
            const unicode_range *range = &tables[i].ranges[k];
            assert_true(range->first <= range->last && range->last < UNICODE_LIMIT);
            assert_true(k == 0 || range->first > range[-1].last + 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_every_value),
        cmocka_unit_test(ranges_ascend_and_stay_within_unicode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
