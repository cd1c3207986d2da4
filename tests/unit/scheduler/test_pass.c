#include "scheduler/requests.h"

#include "scheduler/pass.h"

static bool add(pass *p, scheduler_request *r, size_t index, size_t share)
{
    size_t cost;
    return pass_add(p, r, index, share, 100, &cost);
}

static void takes_sequences_until_it_is_full(void **state)
{
    (void)state;
    pass p;
    assert_true(pass_init(&p, 4));
    scheduler_request *r = make_request(SCHEDULER_PRIORITY_BULK, 0, 8, 40), *one = make_request(1, 0, 1, 20),
                      *large = make_request(1, 0, 1, 101);
    assert_true(add(&p, r, 0, 100));
    assert_true(add(&p, r, 1, 100));
    assert_false(add(&p, r, 2, 100)); /* 120 tokens */
    assert_true(add(&p, one, 0, 100));
    assert_int_equal(p.tokens, 100);
    pass_clear(&p);
    assert_true(add(&p, r, 0, 41));
    assert_true(add(&p, r, 1, 41));
    assert_false(add(&p, one, 0, 41)); /* over the share */
    pass_clear(&p);
    assert_true(add(&p, large, 0, 41)); /* the first goes in whatever its length */
    assert_false(add(&p, one, 0, 200));
    pass_free(&p);
    scheduler_request_free(r);
    scheduler_request_free(one);
    scheduler_request_free(large);
}

static void computes_equal_sequences_once(void **state)
{
    (void)state;
    pass p;
    assert_true(pass_init(&p, 4));
    scheduler_request *a = make_request(1, 0, 2, 50), *b = make_request(1, 0, 3, 50);
    memcpy(b->ids, a->ids, 50 * sizeof *a->ids);
    memcpy(b->ids + 50, a->ids, 50 * sizeof *a->ids);
    b->hashes[0] = b->hashes[1] = a->hashes[0];
    b->sequences[1].pooling = AKI_POOLING_MAX; /* equal but for this */
    b->hashes[2] = a->hashes[0];               /* a collision */
    size_t cost = 1;
    assert_true(pass_add(&p, a, 0, 200, 200, &cost));
    assert_int_equal(cost, 50);
    assert_true(pass_add(&p, b, 0, 200, 200, &cost));
    assert_int_equal(cost, 0);
    assert_true(pass_add(&p, b, 1, 200, 200, &cost));
    assert_int_equal(cost, 50);
    assert_true(pass_add(&p, b, 2, 200, 200, &cost));
    assert_int_equal(cost, 50);
    assert_false(pass_add(&p, a, 1, 200, 200, &cost)); /* no more owners */
    assert_int_equal(p.count, 3);
    assert_int_equal(p.tokens, 150);
    assert_int_equal(p.owners_count, 4);
    for (size_t i = 0; i < p.count; i++)
        for (size_t d = 0; d < REQUESTS_DIMENSION; d++)
            p.sequences[i].vector[d] = (float)(10 * i + d);
    pass_spread(&p);
    const float expected[3][REQUESTS_DIMENSION] = {{0, 1}, {10, 11}, {20, 21}};
    assert_memory_equal(a->vectors, expected[0], sizeof expected[0]);
    assert_memory_equal(b->vectors, expected, sizeof expected);
    pass_free(&p);
    scheduler_request_free(a);
    scheduler_request_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_sequences_until_it_is_full),
        cmocka_unit_test(computes_equal_sequences_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
