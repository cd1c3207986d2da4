#include "unit.h"

#include "tokenizer/normalizer.h"

typedef struct row {
    const char *text;
    size_t length;
    const char *becomes;
} row;

#define ROW(text, becomes)                                                                                   \
    {                                                                                                        \
        text, sizeof(text) - 1, becomes                                                                      \
    }

/* Also in pieces of every length that does not cut a character: the outcome must not depend on it. */
static void expect(normalizer_flags flags, const row *rows, size_t count)
{
    normalizer norm;
    assert_true(normalizer_build(&norm, flags));
    normalizer_state state = {0};
    buf out;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        for (size_t cut = 0; cut <= rows[i].length; cut++) {
            if (cut < rows[i].length && ((unsigned char)rows[i].text[cut] & 0xC0) == 0x80)
                continue;
            buf_clear(&out);
            assert_true(normalizer_run(&norm, &state, rows[i].text, cut, &out));
            assert_true(normalizer_run(&norm, &state, rows[i].text + cut, rows[i].length - cut, &out));
            assert_true(normalizer_finish(&state, &out));
            if (strcmp(out.data, rows[i].becomes) != 0)
                fail_msg("row %zu: '%s' instead of '%s'", i, out.data, rows[i].becomes);
        }
    }
    buf_free(&out);
    normalizer_state_free(&state);
    normalizer_free(&norm);
    normalizer_free(&norm);
}

#define EXPECT(flags, rows) expect(flags, rows, sizeof rows / sizeof rows[0])

static void cleans_text(void **state)
{
    (void)state;
    static const row rows[] = {
        ROW("A\tb\nc\rd", "A b c d"),
        ROW("a\0b\x01\x0b\x0c\x1f\x7f"
            "c",
            "abc"), /* controls, some of them white space */
        ROW("a\xC2\x85"
            "b\xC2\xAD"
            "c",
            "abc"), /* U+0085, soft hyphen */
        ROW("a\xEF\xBF\xBD"
            "b\xE2\x80\x8B"
            "c\xEF\xBB\xBF",
            "abc"), /* U+FFFD, U+200B, U+FEFF */
        ROW("a\xC2\xA0"
            "b\xE3\x80\x80"
            "c\xE2\x80\xA8"
            "d",
            "a b c d"),
        ROW("a\xEE\x80\x80"
            "b\xF4\x8F\xBF\xBD",
            "ab"),                                                     /* private use */
        ROW("a\xF4\x8F\xBF\xBE\xCD\xB8", "a\xF4\x8F\xBF\xBE\xCD\xB8"), /* no character, unassigned: kept */
        ROW("\xC3\x89\xE4\xB8\xAD", "\xC3\x89\xE4\xB8\xAD"),
    };
    EXPECT(((normalizer_flags){.clean_text = true}), rows);
}

static void sets_chinese_characters_apart(void **state)
{
    (void)state;
    static const row rows[] = {
        ROW("a\xE4\xB8\xAD"
            "b",
            "a \xE4\xB8\xAD b"),
        ROW("\xE4\xB8\x80\xE9\xBF\xBF", " \xE4\xB8\x80  \xE9\xBF\xBF "), /* U+4E00, U+9FFF */
        ROW("\xE4\xB7\xBF\xEA\x80\x80", "\xE4\xB7\xBF\xEA\x80\x80"),     /* U+4DFF, U+A000 */
        ROW("\xF0\xA0\x80\x80", " \xF0\xA0\x80\x80 "),                   /* U+20000 */
        ROW("\xF0\xAB\xA0\xA0", "\xF0\xAB\xA0\xA0"), /* U+2B820: left out, as in the library */
        ROW("\xEF\xA4\x80", " \xEF\xA4\x80 "),       /* U+F900 */
        ROW("\xE3\x81\x82\xEA\xB0\x80", "\xE3\x81\x82\xEA\xB0\x80"), /* Hiragana, Hangul */
        ROW("A\t", "A\t"),
    };
    EXPECT(((normalizer_flags){.handle_chinese_chars = true}), rows);
}

static void lowers_the_case_of_each_character(void **state)
{
    (void)state;
    static const row rows[] = {
        ROW("ABCxyz", "abcxyz"),
        ROW("\xC4\xB0", "i\xCC\x87"),                                /* U+0130: two characters */
        ROW("\xCE\xA3\xCE\x91\xCE\xA3", "\xCF\x83\xCE\xB1\xCF\x83"), /* no final sigma */
        ROW("\xC8\xBA", "\xE2\xB1\xA5"),                             /* U+023A: a longer encoding */
        ROW("\xE1\xBA\x9E\xE2\x84\xAB", "\xC3\x9F\xC3\xA5"),         /* sharp s, angstrom sign */
        ROW("\xF0\x90\x90\x80", "\xF0\x90\x90\xA8"),                 /* Deseret */
        ROW("\xC3\x89\xEA\xB0\x80", "\xC3\xA9\xEA\xB0\x80"),
    };
    EXPECT(((normalizer_flags){.lowercase = true}), rows);
}

static void strips_accents(void **state)
{
    (void)state;
    static const row rows[] = {
        ROW("\xC3\x89t\xC3\xA9", "Ete"),
        ROW("e\xCC\x81\xCC\xA7", "e"),
        ROW("\xEA\xB0\x81", "\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8"), /* Hangul: three jamo */
        ROW("\xEA\xB0\x80", "\xE1\x84\x80\xE1\x85\xA1"),             /* two */
        ROW("\xCD\xBE", ";"),                                        /* Greek question mark */
        ROW("\xC4\xB0", "I"),
        ROW("\xE0\xB7\x9C", "\xE0\xB7\x99\xE0\xB7\x8F"), /* U+0DDC: two vowel signs */
        ROW("\xE0\xB3\x80", "\xE0\xB3\x95"),             /* U+0CC0: the first of them dropped */
        ROW("\xF0\xAF\xA0\x80", "\xE4\xB8\xBD"),         /* U+2F800 */
        ROW("\xE0\xA3\xA1\xE0\xA3\xA3", "\xE0\xA3\xA1"), /* Mn since Unicode 9: kept; since 8: dropped */
    };
    EXPECT(((normalizer_flags){.strip_accents = true}), rows);
}

#define MARK_216 "\xF0\x9D\x85\xA5" /* U+1D165, spacing */
#define MARK_226 "\xF0\x9D\x85\xAD" /* U+1D16D, spacing */
#define MARK_224 "\xE3\x80\xAE"     /* U+302E, spacing here */
#define MARK_230 "\xCC\x81"         /* U+0301, dropped */

static void puts_kept_marks_in_canonical_order(void **state)
{
    (void)state;
    static const row rows[] = {
        ROW("a" MARK_226 MARK_216, "a" MARK_216 MARK_226),
        ROW("a" MARK_226 MARK_230 MARK_216, "a" MARK_216 MARK_226),       /* a dropped mark is no barrier */
        ROW("a" MARK_226 "\xE0\xB2\xBF" MARK_216, "a" MARK_226 MARK_216), /* one of class 0 (U+0CBF) is */
        ROW("a" MARK_226 "b" MARK_216, "a" MARK_226 "b" MARK_216),
        ROW("a" MARK_226 "\0" MARK_216 "b", "a" MARK_216 MARK_226 "b"), /* cleaned away before */
        ROW("a" MARK_226 "\xE2\x80\x8B" MARK_216 "b", "a" MARK_216 MARK_226 "b"),
        ROW("a" MARK_226 "\xC3\xA9" MARK_216, "a" MARK_226 "e" MARK_216),
        ROW("a" MARK_226 MARK_216 MARK_226 MARK_216, "a" MARK_216 MARK_216 MARK_226 MARK_226),
        ROW(MARK_226 MARK_216, MARK_216 MARK_226),
    };
    EXPECT(((normalizer_flags){.clean_text = true, .strip_accents = true}), rows);
    static const row kept[] = {ROW("a" MARK_226 MARK_216, "a" MARK_226 MARK_216)};
    EXPECT(((normalizer_flags){.clean_text = true}), kept);
}

static void takes_the_steps_in_order(void **state)
{
    (void)state;
    static const row rows[] = {
        ROW("\xEF\xA4\x80", " \xE8\xB1\x88 "), /* set apart, then decomposed */
        ROW("\xC4\xB0\xC3\x89", "ie"),         /* decomposed, then lowered: no dot is left */
        ROW("\xE2\x84\xA6", "\xCF\x89"),       /* ohm sign */
        ROW("\xE2\x80\x81", " "),              /* U+2001 is made a space before it could decompose */
        ROW("A\xC2\xAD"
            "B",
            "ab"),
    };
    EXPECT(((normalizer_flags){true, true, true, true}), rows);
}

static void does_nothing_without_flags(void **state)
{
    (void)state;
    static const row rows[] = {ROW("A\t\xC3\x89\xE4\xB8\xAD\xEA\xB0\x80 \x01" MARK_226 MARK_216,
                                   "A\t\xC3\x89\xE4\xB8\xAD\xEA\xB0\x80 \x01" MARK_226 MARK_216)};
    EXPECT(((normalizer_flags){.clean_text = false}), rows);
}

/* More than one reservation of output, more marks than fit the first allocation. */
static void takes_long_texts(void **state)
{
    (void)state;
    enum { PAIRS = 20000 };
    static const char high[] = MARK_226, low[] = MARK_216;
    normalizer norm;
    assert_true(normalizer_build(&norm, (normalizer_flags){true, true, true, true}));
    normalizer_state marks = {0};
    buf in, out;
    buf_init(&in, 1 << 20);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < PAIRS; i++)
        assert_true(buf_append_string(&in, high) && buf_append_string(&in, low));
    assert_true(normalizer_run(&norm, &marks, in.data, in.length, &out) && normalizer_finish(&marks, &out));
    assert_int_equal(out.length, in.length);
    for (size_t i = 0; i < 2 * PAIRS; i++)
        assert_memory_equal(out.data + 4 * i, i < PAIRS ? low : high, 4);
    buf_free(&in);
    buf_free(&out);
    normalizer_state_free(&marks);
    normalizer_free(&norm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleans_text),
        cmocka_unit_test(sets_chinese_characters_apart),
        cmocka_unit_test(lowers_the_case_of_each_character),
        cmocka_unit_test(strips_accents),
        cmocka_unit_test(puts_kept_marks_in_canonical_order),
        cmocka_unit_test(takes_the_steps_in_order),
        cmocka_unit_test(does_nothing_without_flags),
        cmocka_unit_test(takes_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
