/* Tries of random texts, walked through an array of the test's own. */
#include "unit.h"

#include "tokenizer/trie_build.h"

#define TEXTS 3000
#define LETTERS 6 /* of one text */

typedef struct state {
    uint32_t base, parent, depth;
    int32_t own; /* -1 = none */
} state;

typedef struct array {
    state *states;
    size_t room, added, most; /* most: states that are added before the array refuses */
    uint32_t depth;           /* of the last one added */
} array;

static bool grow(void *owner, size_t room)
{
    array *a = owner;
    assert_true(room > a->room);
    a->states = realloc(a->states, room * sizeof *a->states);
    assert_non_null(a->states);
    for (size_t i = a->room; i < room; i++)
        a->states[i] = (state){.parent = TRIE_STATE_NONE, .own = -1};
    a->room = room;
    return true;
}

static void set_base(void *owner, uint32_t at, uint32_t base)
{
    array *a = owner;
    assert_true(at < a->room && (size_t)base + 255 < a->room);
    a->states[at].base = base;
}

static bool add(void *owner, uint32_t at, uint32_t parent, unsigned char byte, const piece_text *own)
{
    array *a = owner;
    state *s = &a->states[at];
    assert_int_equal(s->parent, TRIE_STATE_NONE); /* the place was free */
    assert_int_equal(at, a->states[parent].base + byte);
    s->parent = parent;
    s->depth = a->states[parent].depth + 1;
    assert_true(s->depth >= a->depth);
    a->depth = s->depth;
    if (own != NULL) {
        assert_int_equal(own->length, s->depth);
        s->own = own->id;
    }
    return ++a->added <= a->most;
}

static const trie_owner functions = {grow, set_base, add};

static int32_t find(const array *a, uint32_t root, const char *text, uint32_t length)
{
    uint32_t at = root;
    for (uint32_t i = 0; i < length; i++) {
        const uint32_t child = a->states[at].base + (unsigned char)text[i];
        if (a->states[child].parent != at)
            return -1;
        at = child;
    }
    return a->states[at].own;
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static char letters[2][TEXTS][LETTERS];
static piece_text texts[2][TEXTS];

/* Few letters, so that many texts begin alike or are equal, and bytes from 0x80. */
static void make_texts(size_t which)
{
    uint32_t seed = 1 + (uint32_t)which;
    for (size_t i = 0; i < TEXTS; i++) {
        texts[which][i] = (piece_text){letters[which][i], 1 + next(&seed) % LETTERS, (int32_t)i};
        for (size_t k = 0; k < LETTERS; k++)
            letters[which][i][k] = (char)(next(&seed) % 5 * 60);
    }
    qsort(texts[which], TEXTS, sizeof texts[which][0], piece_text_order);
}

static bool are_equal(const piece_text *a, const piece_text *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

static void each_text_is_found_in_its_own_trie(void **unused)
{
    (void)unused;
    make_texts(0);
    make_texts(1);
    const trie_texts both[] = {{texts[0], TEXTS}, {texts[1], TEXTS}};
    array a = {.most = SIZE_MAX};
    assert_true(trie_build(both, 2, &functions, &a));
    size_t owned = 0, distinct = 0;
    for (size_t which = 0; which < 2; which++)
        for (size_t i = 0; i < TEXTS; i++) {
            const piece_text *text = &texts[which][i];
            if (i + 1 < TEXTS && are_equal(text, text + 1))
                continue; /* the last of equal ones counts */
            assert_int_equal(find(&a, (uint32_t)which, text->text, text->length), text->id);
            distinct++;
        }
    for (size_t i = 0; i < a.room; i++)
        owned += a.states[i].own >= 0;
    assert_int_equal(owned, distinct); /* and no other text */
    free(a.states);
}

static void a_trie_may_be_empty(void **unused)
{
    (void)unused;
    const trie_texts none = {NULL, 0};
    array a = {.most = SIZE_MAX};
    assert_true(trie_build(&none, 1, &functions, &a));
    assert_int_equal(a.added, 0);
    assert_int_equal(find(&a, 0, "a", 1), -1);
    free(a.states);
}

static void the_owner_can_end_it(void **unused)
{
    (void)unused;
    make_texts(0);
    const trie_texts one = {texts[0], TEXTS};
    array a = {.most = 10};
    assert_false(trie_build(&one, 1, &functions, &a));
    assert_int_equal(a.added, 11);
    free(a.states);
}

static void texts_are_in_the_order_of_their_bytes(void **unused)
{
    (void)unused;
    piece_text order[] = {{"b", 1, 0}, {"ab", 2, 1}, {"a", 1, 3}, {"a", 1, 2}, {"\xC3", 1, 4}};
    static const int32_t wanted[] = {2, 3, 1, 0, 4};
    qsort(order, 5, sizeof order[0], piece_text_order);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(order[i].id, wanted[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_is_found_in_its_own_trie),
        cmocka_unit_test(a_trie_may_be_empty),
        cmocka_unit_test(the_owner_can_end_it),
        cmocka_unit_test(texts_are_in_the_order_of_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
