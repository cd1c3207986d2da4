/* Entries: which is found, which go, and that threads do not harm each other. */
#include "unit.h"

#include "base/memory.h"
#include "base/thread.h"
#include "engine/prefix_cache.h"

#define LAYERS 3
#define ROW_BYTES 64
#define TOKEN_BYTES (LAYERS * ROW_BYTES + sizeof(int32_t))
#define PROMPT 40

/* Ids of a text behind prompt number `prompt`, whose last ones differ from text to text. */
static void make_text(int32_t *ids, size_t count, int prompt, int text)
{
    for (size_t i = 0; i < count; i++)
        ids[i] = i < PROMPT ? prompt * 1000 + (int32_t)i : text * 1000 + (int32_t)i;
}

/* Each row has a value that follows from its layer, its token's id and its place. */
static unsigned char row_value(size_t layer, size_t token, int32_t id)
{
    return (unsigned char)(layer * 91 + token * 7 + (size_t)id);
}

static void fill(const prefix_entry *entry, size_t from)
{
    for (size_t l = 0; l < LAYERS; l++)
        for (size_t t = from; t < entry->tokens; t++)
            memset(entry->rows + (l * entry->tokens + t) * ROW_BYTES, row_value(l, t, entry->ids[t]),
                   ROW_BYTES);
}

static bool is_filled(const prefix_entry *entry, const int32_t *ids, size_t tokens)
{
    for (size_t l = 0; l < LAYERS; l++)
        for (size_t t = 0; t < tokens; t++)
            for (size_t i = 0; i < ROW_BYTES; i++)
                if (entry->rows[(l * entry->tokens + t) * ROW_BYTES + i] != row_value(l, t, ids[t]))
                    return false;
    return true;
}

/* The tokens that were there already. */
static size_t keep(prefix_cache *cache, const int32_t *ids, size_t tokens)
{
    size_t filled;
    prefix_entry *entry = prefix_cache_make(cache, ids, tokens, &filled);
    assert_non_null(entry);
    assert_true(is_filled(entry, ids, filled));
    fill(entry, filled);
    prefix_cache_keep(cache, entry);
    prefix_cache_release(cache, entry);
    return filled;
}

static size_t find(prefix_cache *cache, const int32_t *ids, size_t count)
{
    prefix_entry *entry;
    const size_t tokens = prefix_cache_find(cache, ids, count, &entry);
    assert_int_equal(entry != NULL, tokens > 0);
    assert_true(entry == NULL || is_filled(entry, ids, tokens));
    prefix_cache_release(cache, entry);
    return tokens;
}

static prefix_cache_stats stats_of(prefix_cache *cache)
{
    prefix_cache_stats stats;
    prefix_cache_read_stats(cache, &stats);
    return stats;
}

static void a_beginning_is_worth_an_entry_the_second_time(void **state)
{
    (void)state;
    int32_t ids[60];
    prefix_cache *cache = prefix_cache_open(1 << 20, LAYERS, ROW_BYTES);
    assert_non_null(cache);
    make_text(ids, 60, 1, 1);
    assert_int_equal(prefix_cache_note(cache, ids, 60), 0);
    assert_int_equal(prefix_cache_note(cache, ids, 60), 0); /* the text itself again */
    make_text(ids, 60, 2, 2);
    assert_int_equal(prefix_cache_note(cache, ids, 60), 0);
    make_text(ids, 50, 1, 3);
    assert_int_equal(prefix_cache_note(cache, ids, 50), PROMPT);
    assert_int_equal(keep(cache, ids, PROMPT), 0);
    make_text(ids, 60, 1, 4);
    assert_int_equal(prefix_cache_note(cache, ids, 60), 0); /* it is there */
    assert_int_equal(find(cache, ids, 60), PROMPT);
    /* The last token is never taken over. */
    assert_int_equal(find(cache, ids, PROMPT), PROMPT - 1);
    assert_int_equal(find(cache, ids, PREFIX_LEAST_TOKENS), 0);
    assert_int_equal(find(cache, ids, PREFIX_LEAST_TOKENS + 1), PREFIX_LEAST_TOKENS);
    /* A part of an entry serves as well. */
    ids[30] = -1;
    assert_int_equal(find(cache, ids, 60), 30);
    ids[0] = -1;
    assert_int_equal(find(cache, ids, 60), 0);
    prefix_cache_close(cache);
}

static void a_longer_entry_takes_the_place_of_those_in_it(void **state)
{
    (void)state;
    int32_t ids[100], other[100];
    prefix_cache *cache = prefix_cache_open(1 << 20, LAYERS, ROW_BYTES);
    assert_non_null(cache);
    make_text(ids, 100, 1, 1);
    make_text(other, 100, 2, 1);
    keep(cache, other, 50);
    assert_int_equal(keep(cache, ids, 30), 0);
    assert_int_equal(keep(cache, ids, 80), 30);
    assert_int_equal(stats_of(cache).entries, 2);
    assert_int_equal(find(cache, ids, 100), 80);
    keep(cache, ids, 20); /* it is a part of one: not kept */
    assert_int_equal(stats_of(cache).entries, 2);
    assert_int_equal(find(cache, ids, 100), 80);
    assert_int_equal(find(cache, other, 100), 50);
    assert_int_equal(stats_of(cache).bytes, 130 * TOKEN_BYTES);
    prefix_cache_close(cache);
}

static void memory_has_a_limit(void **state)
{
    (void)state;
    int32_t ids[64];
    size_t filled;
    prefix_cache *cache = prefix_cache_open(100 * TOKEN_BYTES, LAYERS, ROW_BYTES);
    assert_non_null(cache);
    make_text(ids, 64, 0, 0);
    assert_null(prefix_cache_make(cache, ids, 51, &filled)); /* half of the limit at most */
    for (int prompt = 0; prompt < 5; prompt++) {
        make_text(ids, 64, prompt, 0);
        keep(cache, ids, PROMPT);
        assert_true(stats_of(cache).bytes <= 100 * TOKEN_BYTES);
        make_text(ids, 64, 0, 0);
        assert_int_equal(find(cache, ids, 64), PROMPT); /* the one in use stays */
    }
    assert_int_equal(stats_of(cache).entries, 2);
    make_text(ids, 64, 3, 0);
    assert_int_equal(find(cache, ids, 64), 0);
    make_text(ids, 64, 4, 0);
    assert_int_equal(find(cache, ids, 64), PROMPT);
    /* Entries in use are not freed; where they leave no room, no new entry is made. */
    prefix_entry *held[2];
    for (int i = 0; i < 2; i++) {
        make_text(ids, 64, i == 0 ? 0 : 4, 0);
        assert_int_equal(prefix_cache_find(cache, ids, 64, &held[i]), PROMPT);
    }
    make_text(ids, 64, 7, 0);
    assert_null(prefix_cache_make(cache, ids, PROMPT, &filled));
    make_text(ids, 64, 0, 0);
    assert_true(is_filled(held[0], ids, PROMPT));
    for (int i = 0; i < 2; i++)
        prefix_cache_release(cache, held[i]);
    make_text(ids, 64, 7, 0);
    keep(cache, ids, PROMPT);
    prefix_cache_close(cache);
}

static void what_is_not_kept_leaves_nothing(void **state)
{
    (void)state;
    int32_t ids[64];
    size_t filled;
    prefix_cache *cache = prefix_cache_open(1 << 20, LAYERS, ROW_BYTES);
    assert_non_null(cache);
    make_text(ids, 64, 1, 1);
    prefix_entry *entry = prefix_cache_make(cache, ids, PROMPT, &filled);
    assert_non_null(entry);
    assert_true(stats_of(cache).bytes > 0);
    prefix_cache_release(cache, entry);
    assert_int_equal(stats_of(cache).bytes, 0);
    assert_int_equal(find(cache, ids, 64), 0);
    prefix_cache_close(cache);
}

static void too_little_memory_for_any_entry(void **state)
{
    (void)state;
    int32_t ids[64];
    size_t filled;
    prefix_cache *cache = prefix_cache_open(0, LAYERS, ROW_BYTES);
    assert_non_null(cache);
    for (int text = 0; text < 3; text++) {
        make_text(ids, 64, 1, text);
        assert_int_equal(prefix_cache_note(cache, ids, 64), 0);
    }
    assert_null(prefix_cache_make(cache, ids, 1, &filled));
    assert_null(prefix_cache_make(cache, ids, SIZE_MAX, &filled));
    prefix_cache_close(cache);
}

typedef struct user {
    prefix_cache *cache;
    pthread_t thread;
    unsigned number, wrong;
} user;

/* Prompts in turn, more than there is room for. */
static void *use(void *argument)
{
    user *u = argument;
    int32_t ids[70];
    for (int i = 0; i < 400; i++) {
        const int prompt = (int)((unsigned)i * (u->number + 1) % 7);
        make_text(ids, 70, prompt, (int)u->number * 1000 + i);
        const size_t tokens = prefix_cache_note(u->cache, ids, 70);
        size_t filled;
        prefix_entry *entry = tokens > 0 ? prefix_cache_make(u->cache, ids, tokens, &filled) : NULL;
        if (entry != NULL) {
            u->wrong += !is_filled(entry, ids, filled);
            fill(entry, filled);
            if (i % 5 != 0)
                prefix_cache_keep(u->cache, entry);
            prefix_cache_release(u->cache, entry);
        }
        const size_t found = prefix_cache_find(u->cache, ids, 70, &entry);
        prefix_cache_count(u->cache, found);
        u->wrong += entry != NULL && !is_filled(entry, ids, found);
        prefix_cache_release(u->cache, entry);
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    enum { USERS = 4 };
    user users[USERS];
    prefix_cache *cache = prefix_cache_open(4 * PROMPT * TOKEN_BYTES, LAYERS, ROW_BYTES);
    assert_non_null(cache);
    for (unsigned i = 0; i < USERS; i++) {
        users[i] = (user){.cache = cache, .number = i};
        assert_true(thread_start(&users[i].thread, use, &users[i], "user"));
    }
    for (unsigned i = 0; i < USERS; i++) {
        pthread_join(users[i].thread, NULL);
        assert_int_equal(users[i].wrong, 0);
    }
    const prefix_cache_stats stats = stats_of(cache);
    assert_int_equal(stats.hits + stats.misses, USERS * 400);
    assert_true(stats.hits > 0 && stats.saved_tokens >= stats.hits * PREFIX_LEAST_TOKENS);
    assert_true(stats.bytes <= 4 * PROMPT * TOKEN_BYTES);
    prefix_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_beginning_is_worth_an_entry_the_second_time),
        cmocka_unit_test(a_longer_entry_takes_the_place_of_those_in_it),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(what_is_not_kept_leaves_nothing),
        cmocka_unit_test(too_little_memory_for_any_entry),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
