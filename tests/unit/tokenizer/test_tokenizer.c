/* The stages together, on the tiny model and, where AKIDB_TEST_MODEL names it, on the real one. */
#include "tiny_model.h"

#include <pthread.h>

static void cleans_splits_and_looks_up(void **state)
{
    tokenizer *tok = *state;
    tiny_expect(tok, TEXT("The cats, the D\xC3\x93G"), 0, false,
                IDS(CLS, THE, CAT, S_REST, COMMA, THE, DOG, SEP));
    tiny_expect(tok, TEXT("thecat,,"), 0, false, IDS(CLS, UNK, COMMA, COMMA, SEP));
    tiny_expect(tok, TEXT("c\0a\xEF\xBF\xBDt\x01s"), 0, false, IDS(CLS, CAT, S_REST, SEP));
    tiny_expect(tok,
                TEXT("cat\xE4\xB8\xAD"
                     "cat"),
                0, false, IDS(CLS, CAT, UNK, CAT, SEP));
    tiny_expect(tok, TEXT("\xF0\x9F\x98\x80 the"), 0, false, IDS(CLS, UNK, THE, SEP));
}

static void nothing_left_is_only_the_special_tokens(void **state)
{
    tiny_expect(*state, TEXT(" "), 0, false, IDS(CLS, SEP));
    tiny_expect(*state, TEXT("\t\r\n\xE3\x80\x80"), 0, false, IDS(CLS, SEP));
    tiny_expect(*state, TEXT("\0"), 0, false, IDS(CLS, SEP));
    tiny_expect(*state, TEXT("\xCC\x81\xCC\x81"), 2, false, IDS(CLS, SEP));
}

static void special_tokens_in_the_text(void **state)
{
    tokenizer *tok = *state;
    tiny_expect(tok, TEXT("the[SEP]cat"), 0, false, IDS(CLS, THE, SEP, CAT, SEP));
    tiny_expect(tok, TEXT("[CLS][MASK] [PAD][UNK]"), 0, false, IDS(CLS, CLS, MASK, PAD, UNK, SEP));
    tiny_expect(tok, TEXT("[mask]"), 0, false, IDS(CLS, UNK, UNK, UNK, SEP)); /* three words: case counts */
    tiny_expect(tok, TEXT("[MASK"), 0, false, IDS(CLS, UNK, UNK, SEP));
    tiny_expect(tok, TEXT("[M\0ASK]"), 0, false,
                IDS(CLS, UNK, UNK, UNK, SEP)); /* looked for before cleaning */
    tiny_expect(tok, TEXT("ca[PAD]ts"), 0, false, IDS(CLS, UNK, PAD, UNK, SEP));
}

static void words_of_more_than_a_hundred_characters(void **state)
{
    char text[400] = "", *at = text;
    for (int i = 0; i < 100; i++)
        *at++ = 'a';
    int32_t ids[103] = {CLS, A};
    for (int i = 2; i <= 100; i++)
        ids[i] = A_REST;
    ids[101] = SEP;
    ids[102] = -1;
    tiny_expect(*state, (aki_text){text, 100}, 0, false, ids);
    text[100] = 'a';
    tiny_expect(*state, (aki_text){text, 101}, 0, false, IDS(CLS, UNK, SEP));
    for (int i = 0; i < 101; i++)
        memcpy(text + 2 * i, "\xC3\xA1", 2); /* 200 bytes, but 100 characters */
    tiny_expect(*state, (aki_text){text, 200}, 0, false, ids);
    tiny_expect(*state, (aki_text){text, 202}, 0, false, IDS(CLS, UNK, SEP));
}

static void truncated_is_exact(void **state)
{
    tokenizer *tok = *state;
    tiny_expect(tok, TEXT("the cat"), 4, false, IDS(CLS, THE, CAT, SEP));
    tiny_expect(tok, TEXT("the cat \t \0 "), 4, false, IDS(CLS, THE, CAT, SEP));
    tiny_expect(tok, TEXT("the cat a"), 4, true, IDS(CLS, THE, CAT, SEP));
    tiny_expect(tok, TEXT("the cat,"), 4, true, IDS(CLS, THE, CAT, SEP));
    tiny_expect(tok, TEXT("the cat[PAD]"), 4, true, IDS(CLS, THE, CAT, SEP));
    tiny_expect(tok, TEXT("the cats"), 4, true, IDS(CLS, THE, CAT, SEP)); /* in the middle of a word */
    tiny_expect(tok, TEXT("the"), 2, true, IDS(CLS, SEP));
    tiny_expect(tok, TEXT(" "), 2, false, IDS(CLS, SEP));
    tiny_expect(tok, TEXT("[MASK][MASK]"), 3, true, IDS(CLS, MASK, SEP));
}

/* Words, special tokens and held-back marks across the borders of the windows the text is handled in. */
static void windows_leave_no_trace(void **state)
{
    enum { WORDS = 3000 };
    static const char marked[] = "c\xCC\x81"
                                 "ats[MASK]",
                      precomposed[] = "c\xC3\xA1ts\xC2\xA0";
    tokenizer *tok = *state;
    for (size_t shift = 0; shift < 12; shift++) {
        static char text[20 * WORDS];
        static int32_t ids[3 * WORDS + 3];
        size_t length = 0, count = 0;
        ids[count++] = CLS;
        memset(text, ' ', shift);
        length = shift;
        for (int i = 0; i < WORDS; i++) {
            bool special = i % 97 == 0;
            const char *piece = special ? marked : precomposed;
            memcpy(text + length, piece, strlen(piece));
            length += strlen(piece);
            ids[count++] = CAT;
            ids[count++] = S_REST;
            if (special)
                ids[count++] = MASK;
        }
        ids[count++] = SEP;
        ids[count] = -1;
        tiny_expect(tok, (aki_text){text, length}, 0, false, ids);
    }
}

static void very_long_words(void **state)
{
    enum { LENGTH = 1 << 20 };
    char *text = malloc(LENGTH);
    assert_non_null(text);
    memset(text, 'a', LENGTH);
    tiny_expect(*state, (aki_text){text, LENGTH}, 0, false, IDS(CLS, UNK, SEP));
    memcpy(text + LENGTH - 4, " the", 4);
    tiny_expect(*state, (aki_text){text, LENGTH}, 0, false, IDS(CLS, UNK, THE, SEP));
    tiny_expect(*state, (aki_text){text, LENGTH}, 3, true, IDS(CLS, UNK, SEP));
    memset(text, '[', LENGTH);
    tiny_expect(*state, (aki_text){text, LENGTH}, 4, true, IDS(CLS, UNK, UNK, SEP));
    for (int i = 0; i < LENGTH; i += 2)
        memcpy(text + i, "\xCC\x81", 2);
    memcpy(text, "ca", 2);
    memcpy(text + LENGTH - 2, "ts", 2);
    tiny_expect(*state, (aki_text){text, LENGTH}, 0, false, IDS(CLS, CAT, S_REST, SEP));
    free(text);
}

static void refuses_what_is_no_text(void **state)
{
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    token_span span;
    aki_error error;
    assert_int_equal(tokenizer_encode(*state, scratch, (aki_text){"", 0}, 0, &span, &error), AKI_EMPTY_TEXT);
    assert_int_equal(tokenizer_encode(*state, scratch,
                                      TEXT("the \xFF"
                                           "cat"),
                                      0, &span, &error),
                     AKI_INVALID_UTF8);
    assert_non_null(strstr(error.message, "byte 4 (0xFF)"));
    /* Over the whole length, also where the text is cut before. */
    assert_int_equal(tokenizer_encode(*state, scratch, TEXT("the cat the cat \xC3"), 3, &span, &error),
                     AKI_INVALID_UTF8);
    assert_non_null(strstr(error.message, "byte 16"));
    assert_int_equal(tokenizer_encode(*state, scratch, TEXT("the"), 1, &span, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no room for the 2 special tokens"));
    tokenizer_scratch_close(scratch);
    tokenizer_scratch_close(NULL);
}

static void a_scratch_carries_nothing_over(void **state)
{
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    token_span span;
    /* Cut in the middle of a word with marks still held back. */
    static const char marks[] = "a a a\xF0\x9D\x85\xAD\xF0\x9D\x85\xA5";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tokenizer_encode(*state, scratch, TEXT(marks), 3, &span, NULL), AKI_OK);
        assert_true(span.truncated && span.count == 3);
        assert_int_equal(tokenizer_encode(*state, scratch, TEXT("cats"), 0, &span, NULL), AKI_OK);
        assert_int_equal(span.count, 4);
        assert_int_equal(span.ids[1], CAT);
    }
    tokenizer_scratch_close(scratch);
}

static void *encode_many(void *argument)
{
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    bool good = scratch != NULL;
    for (int i = 0; good && i < 2000; i++) {
        token_span span;
        good = tokenizer_encode(argument, scratch, TEXT("The cats [MASK] D\xC3\x93G, \xEA\xB0\x81"), 0, &span,
                                NULL) == AKI_OK &&
               span.count == 9 && span.ids[4] == MASK;
    }
    tokenizer_scratch_close(scratch);
    return good ? argument : NULL;
}

static void threads_share_a_tokenizer(void **state)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_many, *state), 0);
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, *state);
    }
}

static void the_real_model(void **state)
{
    (void)state;
    const char *folder = getenv("AKIDB_TEST_MODEL");
    if (folder == NULL || access(folder, R_OK) != 0) {
        print_message("AKIDB_TEST_MODEL names no model folder: skipped\n");
        skip();
    }
    tokenizer *tok = NULL;
    aki_error error = {.message = ""};
    if (tokenizer_open(&tok, folder, 30522, &error) != AKI_OK)
        fail_msg("%s", error.message);
    assert_int_equal(tokenizer_vocabulary_size(tok), 30522);
    tiny_expect(tok, TEXT("Hello, World!"), 0, false, IDS(101, 7592, 1010, 2088, 999, 102));
    tiny_expect(tok, TEXT("unaffable caf\xC3\xA9"), 0, false, IDS(101, 14477, 20961, 3468, 7668, 102));
    tokenizer_close(tok);
    assert_int_equal(tokenizer_open(&tok, folder, 30521, &error), AKI_MODEL_INVALID);
    assert_null(tok);
}

static int open_tiny(void **state)
{
    tiny_setup(state);
    tiny_write_json((tiny_parts){0});
    *state = tiny_open();
    return 0;
}

static int close_tiny(void **state)
{
    tokenizer_close(*state);
    tokenizer_close(NULL);
    return tiny_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleans_splits_and_looks_up),
        cmocka_unit_test(nothing_left_is_only_the_special_tokens),
        cmocka_unit_test(special_tokens_in_the_text),
        cmocka_unit_test(words_of_more_than_a_hundred_characters),
        cmocka_unit_test(truncated_is_exact),
        cmocka_unit_test(windows_leave_no_trace),
        cmocka_unit_test(very_long_words),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(a_scratch_carries_nothing_over),
        cmocka_unit_test(threads_share_a_tokenizer),
        cmocka_unit_test(the_real_model),
    };
    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}
