#include "unit.h"

#include "tokenizer/wordpiece.h"

static void fill(vocabulary *vocab, const char *const *texts, size_t count)
{
    assert_int_equal(vocabulary_init(vocab, count, 1000, "test", NULL), AKI_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(vocabulary_put(vocab, (int64_t)i, texts[i], strlen(texts[i]), NULL), AKI_OK);
}

static void expect(const wordpiece *model, const char *word, size_t chars, const char *ids)
{
    int32_t found[200];
    char text[800] = "";
    size_t count = wordpiece_encode(model, word, strlen(word), strlen(word), chars, found);
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), i > 0 ? " %d" : "%d", found[i]);
    assert_string_equal(text, ids);
}

static void takes_the_longest_piece_each_time(void **state)
{
    (void)state;
    const char *texts[] = {"[UNK]", "un", "##aff", "##able", "##a", "unaf", "\xC3\xA9", "##\xC3\xA9"};
    vocabulary vocab;
    wordpiece model;
    fill(&vocab, texts, 8);
    assert_int_equal(wordpiece_build(&model, &vocab, 8, "##", "[UNK]", 100, NULL), AKI_OK);
    expect(&model, "unaffable", 9, "0"); /* "unaf" first, and nothing goes on with "fable" */
    expect(&model, "un", 2, "1");
    expect(&model, "unable", 6, "1 3");
    expect(&model, "unaa", 4, "1 4 4");
    expect(&model, "\xC3\xA9\xC3\xA9", 2, "6 7");
    expect(&model, "able", 4, "0");
    expect(&model, "unx", 3, "0");
    expect(&model, "##able", 6, "3"); /* a whole word may be a piece's own text */
    wordpiece_free(&model);
    vocabulary_free(&vocab);
}

static void words_over_the_limit_are_unknown(void **state)
{
    (void)state;
    const char *texts[] = {"[UNK]", "a", "##a"};
    vocabulary vocab;
    wordpiece model;
    fill(&vocab, texts, 3);
    assert_int_equal(wordpiece_build(&model, &vocab, 3, "##", "[UNK]", 4, NULL), AKI_OK);
    expect(&model, "aaaa", 4, "1 2 2 2");
    expect(&model, "aaaaa", 5, "0");
    wordpiece_free(&model);
    vocabulary_free(&vocab);
}

static void other_prefixes(void **state)
{
    (void)state;
    const char *texts[] = {"?", "ab", "a", "b", "@@b", "@@"};
    vocabulary vocab;
    wordpiece model;
    fill(&vocab, texts, 6);
    assert_int_equal(wordpiece_build(&model, &vocab, 6, "@@", "?", 100, NULL), AKI_OK);
    expect(&model, "abb", 3, "1 4");
    expect(&model, "aba", 3, "0");
    wordpiece_free(&model);
    assert_int_equal(wordpiece_build(&model, &vocab, 6, "", "?", 100, NULL), AKI_OK);
    expect(&model, "abaab", 5, "1 2 1");
    expect(&model, "b@@", 3, "3 5");
    wordpiece_free(&model);
    vocabulary_free(&vocab);
}

/* Tokens after the first `count` are added ones: not for words. */
static void knows_only_its_own_tokens(void **state)
{
    (void)state;
    const char *texts[] = {"[UNK]", "a", "added"};
    vocabulary vocab;
    wordpiece model;
    fill(&vocab, texts, 3);
    assert_int_equal(wordpiece_build(&model, &vocab, 2, "##", "[UNK]", 100, NULL), AKI_OK);
    expect(&model, "added", 5, "0");
    wordpiece_free(&model);
    aki_error error;
    assert_int_equal(wordpiece_build(&model, &vocab, 2, "##", "added", 100, &error), AKI_MODEL_INVALID);
    assert_non_null(strstr(error.message, "'added' is not in the vocabulary"));
    vocabulary_free(&vocab);
}

static void refuses_a_token_given_twice(void **state)
{
    (void)state;
    const char *texts[] = {"[UNK]", "a", "a"};
    vocabulary vocab;
    wordpiece model;
    aki_error error;
    fill(&vocab, texts, 3);
    assert_int_equal(wordpiece_build(&model, &vocab, 3, "##", "[UNK]", 100, &error), AKI_MODEL_INVALID);
    assert_string_equal(error.message, "'test': token 'a' is there twice, with the ids 1 and 2");
    vocabulary_free(&vocab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_longest_piece_each_time),
        cmocka_unit_test(words_over_the_limit_are_unknown),
        cmocka_unit_test(other_prefixes),
        cmocka_unit_test(knows_only_its_own_tokens),
        cmocka_unit_test(refuses_a_token_given_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
