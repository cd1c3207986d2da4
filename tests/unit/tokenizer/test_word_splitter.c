#include "unit.h"

#include "tokenizer/word_splitter.h"

static word_classes classes;
static vocabulary vocab;
static wordpiece model;

enum { UNKNOWN, A, B, DOT, E_ACUTE, QUESTION };

static int build(void **state)
{
    (void)state;
    const char *texts[] = {"[UNK]", "a", "b", ".", "\xC3\xA9", "\xE2\x81\x87"};
    if (!word_classes_build(&classes) || vocabulary_init(&vocab, 6, 6, "test", NULL) != AKI_OK)
        return -1;
    for (int64_t i = 0; i < 6; i++)
        if (vocabulary_put(&vocab, i, texts[i], strlen(texts[i]), NULL) != AKI_OK)
            return -1;
    return wordpiece_build(&model, &vocab, 6, "##", "[UNK]", 3, NULL) == AKI_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    wordpiece_free(&model);
    vocabulary_free(&vocab);
    word_classes_free(&classes);
    return 0;
}

/* In two pieces, cut at every character. */
static void expect(const char *text, size_t stop_count, const int32_t *ids)
{
    size_t length = strlen(text), count = 0;
    while (ids[count] >= 0)
        count++;
    for (size_t cut = 0; cut <= length; cut++) {
        if (cut < length && ((unsigned char)text[cut] & 0xC0) == 0x80)
            continue;
        id_list out = {0};
        word_splitter splitter = {
            .classes = &classes, .model = &model, .out = &out, .stop_count = stop_count};
        assert_true(word_splitter_run(&splitter, text, 0, cut));
        if (!word_splitter_stopped(&splitter))
            assert_true(word_splitter_run(&splitter, text, cut, length));
        assert_true(word_splitter_finish(&splitter, text, length));
        assert_int_equal(out.count, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(out.ids[i], ids[i]);
        id_list_free(&out);
    }
}

#define EXPECT(text, ...) expect(text, SIZE_MAX, (const int32_t[]){__VA_ARGS__, -1})

static void cuts_at_white_space_of_every_kind(void **state)
{
    (void)state;
    EXPECT("a b", A, B);
    EXPECT("  a\t\nb ", A, B);
    EXPECT("a\xC2\xA0"
           "b\xE3\x80\x80"
           "a\xE2\x80\xA9"
           "b\xC2\x85"
           "a",
           A, B, A, B, A);
    EXPECT("a\xE2\x80\x8B"
           "b",
           UNKNOWN); /* U+200B is none */
    expect(" \t ", SIZE_MAX, (const int32_t[]){-1});
    expect("", SIZE_MAX, (const int32_t[]){-1});
}

static void punctuation_is_a_word_each(void **state)
{
    (void)state;
    EXPECT("a.b", A, DOT, B);
    EXPECT("...", DOT, DOT, DOT);
    EXPECT(".a.", DOT, A, DOT);
    EXPECT("a\xE2\x81\x87"
           "b",
           A, QUESTION, B);       /* U+2047 */
    EXPECT("a$b", A, UNKNOWN, B); /* ASCII symbols count as punctuation */
    EXPECT("a\xE2\x82\xAC"
           "b",
           UNKNOWN); /* others, here the euro sign, do not */
    EXPECT("a\xD8\x9D"
           "b",
           UNKNOWN); /* U+061D: punctuation only since Unicode 14 */
}

static void counts_characters_not_bytes(void **state)
{
    (void)state;
    EXPECT("\xC3\xA9 \xC3\xA9\xC3\xA9\xC3\xA9 b", E_ACUTE, UNKNOWN, B);
    EXPECT("aaaaaaaaaaaaaaaaaaaa b", UNKNOWN, B);
}

static void stops_when_it_has_enough(void **state)
{
    (void)state;
    expect("a b a b a b", 3, (const int32_t[]){A, B, A, -1});
    expect("a.b.a", 2, (const int32_t[]){A, DOT, -1});
    expect("a b", 2, (const int32_t[]){A, B, -1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_at_white_space_of_every_kind),
        cmocka_unit_test(punctuation_is_a_word_each),
        cmocka_unit_test(counts_characters_not_bytes),
        cmocka_unit_test(stops_when_it_has_enough),
    };
    return cmocka_run_group_tests(tests, build, tear_down);
}
