/* Merging: equal to doing the merges one by one, for words of every length, of symbols with and without numbers, and merges of every
 * kind. */
#include "unit.h"

#include "base/memory.h"
#include "tokenizer/bpe_merges.h"

#include <string.h>

#define LETTERS 3
#define TOKENS_MAX 64

/* Merges drawn by chance. The text of each token is kept, so that merges make the token of both texts together. */
typedef struct rules {
    bpe_merge list[200];
    size_t count, tokens;
    char text[TOKENS_MAX][64];
} rules;

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 33) % below;
}

static int32_t token_of(rules *r, const char *text)
{
    for (size_t i = 0; i < r->tokens; i++)
        if (strcmp(r->text[i], text) == 0)
            return (int32_t)i;
    if (r->tokens == TOKENS_MAX)
        return -1;
    snprintf(r->text[r->tokens], sizeof r->text[0], "%s", text);
    return (int32_t)r->tokens++;
}

static void draw_rules(rules *r, uint64_t *state, size_t count)
{
    *r = (rules){.tokens = 0};
    for (char c = 'a'; c < 'a' + LETTERS; c++)
        token_of(r, (const char[]){c, '\0'});
    for (size_t i = 0; i < count; i++) {
        const int32_t left = (int32_t)draw(state, (uint32_t)r->tokens),
                      right = (int32_t)draw(state, (uint32_t)r->tokens);
        char joined[128];
        snprintf(joined, sizeof joined, "%s%s", r->text[left], r->text[right]);
        const int32_t result = strlen(joined) < sizeof r->text[0] ? token_of(r, joined) : -1;
        if (result >= 0)
            r->list[r->count++] = (bpe_merge){left, right, result};
    }
}

/* The last one of a pair counts. */
static size_t rank_of(const rules *r, int32_t left, int32_t right)
{
    for (size_t i = r->count; i-- > 0;)
        if (r->list[i].left == left && r->list[i].right == right)
            return i;
    return SIZE_MAX;
}

static size_t merge_plainly(const rules *r, int32_t *ids, size_t count)
{
    for (;;) {
        size_t best = SIZE_MAX, at = 0;
        for (size_t i = 0; i + 1 < count; i++) {
            const size_t rank = rank_of(r, ids[i], ids[i + 1]);
            if (rank < best) {
                best = rank;
                at = i;
            }
        }
        if (best == SIZE_MAX)
            return count;
        ids[at] = r->list[best].result;
        memmove(ids + at + 1, ids + at + 2, (count - at - 2) * sizeof *ids);
        count--;
    }
}

/* Of a letter. */
static uint8_t number_of(int32_t letter)
{
    return (uint8_t)(0xFF - letter);
}

static void build(const rules *r, bpe_merges *merges)
{
    int32_t ids[256];
    for (size_t i = 0; i < 256; i++)
        ids[i] = -1;
    for (int32_t letter = 0; letter < LETTERS; letter++)
        ids[number_of(letter)] = letter;
    assert_true(bpe_merges_build(merges, r->list, r->count, TOKENS_MAX));
    assert_true(bpe_merges_start(merges, ids));
}

static void check_word(const rules *r, const bpe_merges *merges, bpe_merge_scratch *scratch,
                       const int32_t *word, size_t length)
{
    id_list found = {0};
    int32_t *expected = mem_alloc(length, sizeof *expected);
    assert_non_null(expected);
    memcpy(expected, word, length * sizeof *word);
    const size_t count = merge_plainly(r, expected, length);
    uint8_t *numbers = mem_alloc(length, sizeof *numbers);
    assert_non_null(numbers);
    for (size_t i = 0; i < length; i++)
        numbers[i] = number_of(word[i]);
    for (int numbered = 0; numbered < 2; numbered++) {
        found.count = 0;
        assert_true(
            bpe_merge_word(merges, scratch, &(bpe_word){word, numbered ? numbers : NULL, length}, &found));
        assert_int_equal(found.count, count);
        assert_memory_equal(found.ids, expected, count * sizeof *expected);
    }
    id_list_free(&found);
    mem_free(numbers);
    mem_free(expected);
}

/* kind: letters by chance, one letter, or a period. */
static void draw_word(int32_t *word, size_t length, uint64_t *state, uint32_t kind)
{
    const uint32_t period = 1 + draw(state, 5);
    for (size_t i = 0; i < length; i++)
        word[i] = kind == 0 || i < period ? (int32_t)draw(state, LETTERS)
                  : kind == 1             ? word[0]
                                          : word[i - period];
}

static void words_become_what_single_merges_make_of_them(void **state)
{
    (void)state;
    static const size_t lengths[] = {1,  2,   3,   7,   8,   9,   15,  16,  17,  63, 64,
                                     65, 100, 127, 128, 129, 130, 200, 255, 256, 257};
    uint64_t random = UINT64_C(88172645463325252);
    bpe_merge_scratch scratch = {0};
    for (size_t round = 0; round < 200; round++) {
        rules r;
        bpe_merges merges;
        int32_t word[1100];
        draw_rules(&r, &random, round % 60);
        build(&r, &merges);
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            draw_word(word, lengths[i], &random, draw(&random, 3));
            check_word(&r, &merges, &scratch, word, lengths[i]);
        }
        if (round % 20 == 0) {
            draw_word(word, 1100, &random, (uint32_t)round / 20 % 3);
            check_word(&r, &merges, &scratch, word, 1100);
        }
        bpe_merges_free(&merges);
    }
    bpe_merge_scratch_free(&scratch);
}

/* Blocks that are repeated for several windows, with letters by chance between them: only their ends are merged. */
static void words_that_repeat_become_what_single_merges_make_of_them(void **state)
{
    (void)state;
    uint64_t random = UINT64_C(0x9E3779B97F4A7C15);
    bpe_merge_scratch scratch = {0};
    for (size_t round = 0; round < 40; round++) {
        rules r;
        bpe_merges merges;
        int32_t word[1000];
        draw_rules(&r, &random, 10 + round % 50);
        build(&r, &merges);
        for (size_t at = 0, end; at < 1000; at = end) {
            const size_t block = 1 + draw(&random, 6), start = at;
            end = at + 300 + draw(&random, 400);
            end = end < 1000 ? end : 1000;
            for (; at < end; at++)
                word[at] =
                    at < start + block || at + 5 > end ? (int32_t)draw(&random, LETTERS) : word[at - block];
        }
        check_word(&r, &merges, &scratch, word, 1000);
        bpe_merges_free(&merges);
    }
    bpe_merge_scratch_free(&scratch);
}

/* Tokens of 1, 2, 4 … 4,096 letters: no window has two of the longest, so that windows never agree. */
static void tokens_longer_than_any_window(void **state)
{
    (void)state;
    bpe_merge list[12];
    bpe_merges merges;
    bpe_merge_scratch scratch = {0};
    for (int32_t i = 0; i < 12; i++)
        list[i] = (bpe_merge){i, i, i + 1};
    assert_true(bpe_merges_build(&merges, list, 12, 13));
    int32_t *word = mem_zalloc(10000, sizeof *word);
    assert_non_null(word);
    id_list found = {0};
    assert_true(bpe_merge_word(&merges, &scratch, &(bpe_word){word, NULL, 10000}, &found));
    const int32_t expected[] = {12, 12, 10, 9, 8, 4}; /* 10,000 = 4,096 + 4,096 + 1,024 + 512 + 256 + 16 */
    assert_int_equal(found.count, sizeof expected / sizeof expected[0]);
    assert_memory_equal(found.ids, expected, sizeof expected);
    assert_true(bpe_merge_word(&merges, &scratch, &(bpe_word){word, NULL, 0}, &found));
    assert_int_equal(found.count, sizeof expected / sizeof expected[0]);
    id_list_free(&found);
    mem_free(word);
    bpe_merges_free(&merges);
    bpe_merge_scratch_free(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_what_single_merges_make_of_them),
        cmocka_unit_test(words_that_repeat_become_what_single_merges_make_of_them),
        cmocka_unit_test(tokens_longer_than_any_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
