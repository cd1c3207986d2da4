#include "unit.h"

#include "tokenizer/piece_automaton.h"

#define TOKENS_MAX 600
#define WORD_MAX 40

/* The specification: at each place the longest token that goes on there. */
static size_t cut_plainly(const piece_text *initial, size_t initial_count, const piece_text *continuing,
                          size_t continuing_count, const char *word, size_t length, int32_t *ids)
{
    size_t count = 0;
    for (size_t at = 0; at < length;) {
        const piece_text *tokens = at == 0 ? initial : continuing, *best = NULL;
        for (size_t i = 0; i < (at == 0 ? initial_count : continuing_count); i++)
            if (tokens[i].length <= length - at && memcmp(tokens[i].text, word + at, tokens[i].length) == 0 &&
                (best == NULL || tokens[i].length > best->length))
                best = &tokens[i];
        if (best == NULL)
            return 0;
        ids[count++] = best->id;
        at += best->length;
    }
    return count;
}

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525U + 1013904223U;
    return (uint32_t)((uint64_t)random_state * limit >> 32);
}

static size_t random_text(char *text, uint32_t letters, uint32_t longest)
{
    size_t length = 1 + random_below(longest);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(letters > 26 ? random_below(256) : 'a' + random_below(letters));
    return length;
}

typedef struct vocabulary_sample {
    char texts[TOKENS_MAX][16];
    piece_text tokens[TOKENS_MAX];
    size_t count;
} vocabulary_sample;

static void sample_fill(vocabulary_sample *sample, size_t wanted, uint32_t letters, uint32_t longest,
                        int32_t first_id)
{
    sample->count = 0;
    for (size_t i = 0; i < wanted; i++)
        sample->tokens[i] =
            (piece_text){sample->texts[i], (uint32_t)random_text(sample->texts[i], letters, longest),
                         first_id + (int32_t)i};
    qsort(sample->tokens, wanted, sizeof *sample->tokens, piece_text_order);
    for (size_t i = 0; i < wanted; i++) {
        const piece_text *token = &sample->tokens[i];
        const piece_text *last = i > 0 ? &sample->tokens[sample->count - 1] : NULL;
        if (last == NULL || last->length != token->length ||
            memcmp(last->text, token->text, token->length) != 0)
            sample->tokens[sample->count++] = *token;
    }
}

static size_t depth_of(const piece_automaton *automaton, uint32_t state)
{
    size_t depth = 0;
    for (; automaton->states[state].parent != TRIE_STATE_NONE; depth++)
        state = automaton->states[state].parent;
    return depth;
}

/* What makes a cut linear: a byte goes one level down, and a fail link up by at least as many levels as it writes ids. */
static void check_links(const piece_automaton *automaton)
{
    for (uint32_t state = 0; state < automaton->room; state++) {
        const piece_state *s = &automaton->states[state];
        if (s->fail == TRIE_STATE_NONE)
            continue;
        size_t depth = depth_of(automaton, state), rest = depth_of(automaton, s->fail);
        assert_true(rest < depth);
        assert_in_range(automaton->pops[s->pops].count, 1, depth - rest);
    }
}

static void check_against_plain_cut(uint32_t letters, uint32_t longest)
{
    static vocabulary_sample initial, continuing;
    for (int round = 0; round < 40; round++) {
        sample_fill(&initial, random_below(TOKENS_MAX), letters, longest, 0);
        sample_fill(&continuing, random_below(TOKENS_MAX), letters, longest, TOKENS_MAX);
        piece_automaton automaton;
        assert_true(piece_automaton_build(&automaton, initial.tokens, initial.count, continuing.tokens,
                                          continuing.count));
        check_links(&automaton);
        for (int k = 0; k < 2000; k++) {
            char word[WORD_MAX];
            int32_t expected[WORD_MAX], ids[WORD_MAX];
            size_t length = random_text(word, letters, WORD_MAX);
            size_t count = cut_plainly(initial.tokens, initial.count, continuing.tokens, continuing.count,
                                       word, length, expected);
            assert_int_equal(piece_automaton_cut(&automaton, word, length, ids), count);
            assert_memory_equal(ids, expected, count * sizeof *ids);
        }
        piece_automaton_free(&automaton);
    }
}

static void cuts_as_the_plain_search_does(void **state)
{
    (void)state;
    random_state = 1;
    check_against_plain_cut(1, 15);
    check_against_plain_cut(2, 6);
    check_against_plain_cut(2, 15);
    check_against_plain_cut(5, 3);
    check_against_plain_cut(256, 1);
    check_against_plain_cut(256, 2);
}

static void every_token_is_one_piece(void **state)
{
    (void)state;
    static vocabulary_sample sample;
    random_state = 7;
    sample_fill(&sample, TOKENS_MAX, 256, 15, 0);
    piece_automaton automaton;
    assert_true(piece_automaton_build(&automaton, sample.tokens, sample.count, NULL, 0));
    for (size_t i = 0; i < sample.count; i++) {
        int32_t ids[16];
        assert_int_equal(piece_automaton_cut(&automaton, sample.tokens[i].text, sample.tokens[i].length, ids),
                         1);
        assert_int_equal(ids[0], sample.tokens[i].id);
    }
    piece_automaton_free(&automaton);
}

/* A rest that only a long look ahead shows to be cut otherwise: "abc" + "d" … although "abcdx" is nearly there. */
static void takes_back_what_it_ran_ahead(void **state)
{
    (void)state;
    piece_text initial[] = {{"a", 1, 0}, {"abcdx", 5, 1}};
    piece_text continuing[] = {{"b", 1, 10}, {"bcd", 3, 11}, {"c", 1, 12}, {"d", 1, 13}};
    piece_automaton automaton;
    assert_true(piece_automaton_build(&automaton, initial, 2, continuing, 4));
    int32_t ids[8];
    assert_int_equal(piece_automaton_cut(&automaton, "abcd", 4, ids), 2);
    assert_memory_equal(ids, ((int32_t[]){0, 11}), 8);
    assert_int_equal(piece_automaton_cut(&automaton, "abcdb", 5, ids), 3);
    assert_memory_equal(ids, ((int32_t[]){0, 11, 10}), 12);
    assert_int_equal(piece_automaton_cut(&automaton, "abccd", 5, ids), 5);
    assert_memory_equal(ids, ((int32_t[]){0, 10, 12, 12, 13}), 20);
    assert_int_equal(piece_automaton_cut(&automaton, "abcdx", 5, ids), 1);
    assert_int_equal(piece_automaton_cut(&automaton, "abca", 4, ids), 0);
    assert_int_equal(piece_automaton_cut(&automaton, "x", 1, ids), 0);
    piece_automaton_free(&automaton);
}

static void may_be_empty(void **state)
{
    (void)state;
    piece_automaton automaton;
    int32_t ids[1];
    assert_true(piece_automaton_build(&automaton, NULL, 0, NULL, 0));
    assert_int_equal(piece_automaton_cut(&automaton, "a", 1, ids), 0);
    assert_int_equal(piece_automaton_cut(&automaton, "\xFF", 1, ids), 0);
    piece_automaton_free(&automaton);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_as_the_plain_search_does),
        cmocka_unit_test(every_token_is_one_piece),
        cmocka_unit_test(takes_back_what_it_ran_ahead),
        cmocka_unit_test(may_be_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
