#include "unit.h"

#include "base/siphash.h"
#include "resilience/jitter.h"
#include "scheduler/result_cache.h"

#include <pthread.h>

#define DIMENSION 8
#define MEGABYTE 1000000

static const siphash_key hash_key = {1, 2};

static cache_key key_of(const char *text)
{
    size_t length = strlen(text);
    return (cache_key){.text = {text, length}, .hash = siphash(hash_key, text, length)};
}

static void vector_of(const cache_key *key, float *vector)
{
    for (size_t d = 0; d < DIMENSION; d++)
        vector[d] = (float)(key->hash % 1000) + (float)key->text.length + (float)d;
}

static void keep(result_cache *cache, const cache_key *key, aki_text_info info)
{
    float vector[DIMENSION];
    vector_of(key, vector);
    cache_entry *entry = result_cache_prepare(cache, key, info);
    assert_non_null(entry);
    assert_true(cache_entry_bytes(entry) > sizeof vector + key->text.length);
    result_cache_insert(cache, entry, vector, result_cache_generation(cache));
}

static bool has(result_cache *cache, const cache_key *key)
{
    float vector[DIMENSION], expected[DIMENSION];
    aki_text_info info;
    vector_of(key, expected);
    if (!result_cache_find(cache, key, false, vector, &info))
        return false;
    assert_memory_equal(vector, expected, sizeof expected);
    return true;
}

static void finds_exactly_what_was_kept(void **state)
{
    (void)state;
    result_cache *cache = result_cache_open(MEGABYTE, DIMENSION);
    cache_key key = key_of("a text"), other = key_of("a texT");
    assert_false(has(cache, &key));
    keep(cache, &key, (aki_text_info){5, false});
    float vector[DIMENSION];
    aki_text_info info = {0};
    assert_true(result_cache_find(cache, &key, false, vector, &info));
    assert_int_equal(info.tokens, 5);
    assert_false(has(cache, &other));
    other.hash = key.hash; /* a collision of the hash is no hit */
    assert_false(has(cache, &other));
    cache_key options = key;
    options.pooling = AKI_POOLING_MAX;
    assert_false(has(cache, &options));
    options = key;
    options.normalize = AKI_OFF;
    assert_false(has(cache, &options));
    assert_true(has(cache, &key));
    keep(cache, &key, (aki_text_info){5, false}); /* again: nothing changes */
    result_cache_stats stats;
    result_cache_read_stats(cache, &stats);
    assert_int_equal(stats.entries, 1);
    assert_int_equal(stats.insertions, 1);
    assert_int_equal(stats.hits, 2);
    assert_int_equal(stats.misses, 5);
    result_cache_close(cache);
}

static void recalls_by_an_entry_to_be(void **state)
{
    (void)state;
    result_cache *cache = result_cache_open(MEGABYTE, DIMENSION);
    cache_key key = key_of("a text"), other = key;
    other.normalize = AKI_OFF;
    keep(cache, &key, (aki_text_info){5, false});
    cache_entry *same = result_cache_prepare(cache, &key, (aki_text_info){5, false});
    cache_entry *different = result_cache_prepare(cache, &other, (aki_text_info){5, false});
    float vector[DIMENSION] = {0}, expected[DIMENSION];
    vector_of(&key, expected);
    assert_false(result_cache_recall(cache, different, vector));
    assert_true(result_cache_recall(cache, same, vector));
    assert_memory_equal(vector, expected, sizeof expected);
    result_cache_discard(same);
    result_cache_discard(different);
    result_cache_stats stats;
    result_cache_read_stats(cache, &stats);
    assert_int_equal(stats.hits + stats.misses, 0);
    result_cache_close(cache);
}

static void hides_truncated_texts_from_those_who_refuse_them(void **state)
{
    (void)state;
    result_cache *cache = result_cache_open(MEGABYTE, DIMENSION);
    cache_key key = key_of("a long text");
    keep(cache, &key, (aki_text_info){256, true});
    float vector[DIMENSION];
    aki_text_info info;
    assert_true(result_cache_find(cache, &key, false, vector, &info));
    assert_true(info.truncated);
    assert_false(result_cache_find(cache, &key, true, vector, &info));
    result_cache_close(cache);
}

static void stays_within_its_bytes(void **state)
{
    (void)state;
    result_cache *cache = result_cache_open(MEGABYTE / 2, DIMENSION);
    jitter j;
    jitter_init(&j, 1);
    static char text[60000];
    memset(text, 'x', sizeof text);
    result_cache_stats stats;
    for (int i = 0; i < 20000; i++) {
        int length = snprintf(text, sizeof text, "%d", (int)jitter_between(&j, 0, 5000));
        text[length] = 'x';
        aki_text span = {text, (size_t)jitter_between(&j, length, i % 100 == 0 ? (int64_t)sizeof text : 300)};
        cache_key key = {.text = span, .hash = siphash(hash_key, span.data, span.length)};
        if (has(cache, &key))
            continue;
        cache_entry *entry = result_cache_prepare(cache, &key, (aki_text_info){1, false});
        if (entry == NULL) {
            assert_true(span.length > 5000);
            continue;
        }
        float vector[DIMENSION];
        vector_of(&key, vector);
        result_cache_insert(cache, entry, vector, result_cache_generation(cache));
        assert_true(has(cache, &key));
        if (i % 64 == 0) {
            result_cache_read_stats(cache, &stats);
            assert_true(stats.bytes <= MEGABYTE / 2);
        }
    }
    result_cache_read_stats(cache, &stats);
    assert_true(stats.evictions > 1000);
    assert_int_equal(stats.entries, stats.insertions - stats.evictions);
    result_cache_close(cache);
}

/* A few texts that come again and again survive a stream of texts that come once, many times the cache's size. */
static void keeps_what_comes_again(void **state)
{
    (void)state;
    enum { HOT = 200 };
    result_cache *cache = result_cache_open(MEGABYTE / 2, DIMENSION);
    char text[32];
    size_t found = 0, asked = 0;
    for (int i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, i % 2 == 0 ? "hot %d" : "once %d", i % 2 == 0 ? i / 2 % HOT : i);
        cache_key key = key_of(text);
        bool hit = has(cache, &key);
        if (!hit)
            keep(cache, &key, (aki_text_info){1, false});
        asked += i % 2 == 0;
        found += i % 2 == 0 && hit;
    }
    assert_true(found > asked * 95 / 100);
    result_cache_close(cache);
}

static void *look_up_and_keep(void *argument)
{
    result_cache *cache = argument;
    jitter j;
    jitter_init(&j, (uint64_t)(uintptr_t)&j);
    for (int i = 0; i < 20000; i++) {
        char text[32];
        snprintf(text, sizeof text, "text %d", (int)jitter_between(&j, 0, 3000));
        cache_key key = key_of(text);
        if (!has(cache, &key))
            keep(cache, &key, (aki_text_info){1, false});
    }
    return NULL;
}

static void serves_threads_at_once(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    result_cache *cache = result_cache_open(MEGABYTE / 4, DIMENSION);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_and_keep, cache), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    result_cache_stats stats;
    result_cache_read_stats(cache, &stats);
    assert_int_equal(stats.hits + stats.misses, THREADS * 20000);
    assert_true(stats.hits > 0 && stats.bytes <= MEGABYTE / 4);
    result_cache_close(cache);
}

/* A failed check drops entries from after the begin of the last passed check, keeps older ones, and keeps out vectors
 * that are being computed. */
static void drops_what_no_check_vouches_for(void **state)
{
    (void)state;
    result_cache *cache = result_cache_open(MEGABYTE, DIMENSION);
    cache_key good[40], during[40], after[40], late = key_of("late");
    char texts[3][40][16];
    for (size_t i = 0; i < 40; i++) {
        for (size_t k = 0; k < 3; k++)
            snprintf(texts[k][i], sizeof texts[k][i], "%zu of %zu", i, k);
        good[i] = key_of(texts[0][i]);
        during[i] = key_of(texts[1][i]);
        after[i] = key_of(texts[2][i]);
        keep(cache, &good[i], (aki_text_info){5, false});
    }
    const uint64_t check = result_cache_begin_check(cache);
    for (size_t i = 0; i < 40; i++)
        keep(cache, &during[i], (aki_text_info){5, false});
    result_cache_vouch(cache, check);
    for (size_t i = 0; i < 40; i++)
        keep(cache, &after[i], (aki_text_info){5, false});
    result_cache_begin_check(cache); /* fails */
    const uint64_t generation = result_cache_generation(cache);
    assert_int_equal(result_cache_drop(cache), 80);
    float vector[DIMENSION] = {0};
    result_cache_insert(cache, result_cache_prepare(cache, &late, (aki_text_info){5, false}), vector,
                        generation);
    assert_false(has(cache, &late));
    for (size_t i = 0; i < 40; i++) {
        assert_true(has(cache, &good[i]));
        assert_false(has(cache, &during[i]));
        assert_false(has(cache, &after[i]));
        keep(cache, &after[i], (aki_text_info){5, false});
        assert_true(has(cache, &after[i]));
    }
    result_cache_stats stats;
    result_cache_read_stats(cache, &stats);
    assert_int_equal(stats.dropped, 80);
    assert_int_equal(stats.entries, 80);
    result_cache_close(cache);
}

/* Dropping moves the hand of the search for victims to what is still there. */
static void evicts_after_a_drop(void **state)
{
    (void)state;
    result_cache *cache = result_cache_open(MEGABYTE / 10, DIMENSION);
    char text[24];
    for (int i = 0; i < 6000; i++) {
        snprintf(text, sizeof text, "text %d", i);
        const cache_key key = key_of(text);
        keep(cache, &key, (aki_text_info){5, false});
        if (i % 500 == 250)
            result_cache_vouch(cache, result_cache_begin_check(cache));
        if (i % 500 == 499)
            assert_true(result_cache_drop(cache) > 0);
    }
    result_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_what_no_check_vouches_for),
        cmocka_unit_test(evicts_after_a_drop),
        cmocka_unit_test(finds_exactly_what_was_kept),
        cmocka_unit_test(recalls_by_an_entry_to_be),
        cmocka_unit_test(hides_truncated_texts_from_those_who_refuse_them),
        cmocka_unit_test(stays_within_its_bytes),
        cmocka_unit_test(keeps_what_comes_again),
        cmocka_unit_test(serves_threads_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
