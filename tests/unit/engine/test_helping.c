#include "unit.h"

#include "engine/helping.h"

static void finds_who_has_the_fewest_helpers(void **state)
{
    (void)state;
    helping h;
    unsigned index = 99;
    assert_true(helping_open(&h, 3));
    assert_false(helping_find(&h, &index));
    helping_ask(&h, 2);
    assert_true(helping_find(&h, &index));
    assert_int_equal(index, 2);
    helping_enter(&h, 2);
    helping_ask(&h, 1);
    assert_true(helping_find(&h, &index));
    assert_int_equal(index, 1);
    helping_end(&h, 1);
    assert_true(helping_find(&h, &index));
    assert_int_equal(index, 2);
    helping_end(&h, 2);
    assert_false(helping_find(&h, &index));
    helping_close(&h);
}

static void a_team_is_full_at_some_size(void **state)
{
    (void)state;
    helping h;
    unsigned index;
    assert_true(helping_open(&h, 1));
    helping_ask(&h, 0);
    for (unsigned i = 1; i < HELPING_MOST_TEAM; i++) {
        assert_true(helping_find(&h, &index));
        helping_enter(&h, index);
    }
    assert_false(helping_find(&h, &index));
    assert_int_equal(helping_team(0), 1);
    assert_int_equal(helping_team(2), 3);
    assert_int_equal(helping_team(100), HELPING_MOST_TEAM);
    helping_close(&h);
}

/* Who comes back by itself has found nothing more to do; nobody goes there again. Who was called away may return. */
static void a_pass_that_has_nothing_left_is_left_alone(void **state)
{
    (void)state;
    helping h;
    unsigned index;
    assert_true(helping_open(&h, 2));
    helping_ask(&h, 0);
    uint64_t pass = helping_enter(&h, 0);
    atomic_store(&h.call_away, 1);
    helping_leave(&h, 0, pass);
    assert_true(helping_find(&h, &index));
    atomic_store(&h.call_away, 0);
    pass = helping_enter(&h, 0);
    helping_leave(&h, 0, pass);
    assert_false(helping_find(&h, &index));
    helping_close(&h);
}

/* The leader is in its next pass when a helper of the last one comes back. */
static void a_late_return_says_nothing_about_the_next_pass(void **state)
{
    (void)state;
    helping h;
    unsigned index;
    assert_true(helping_open(&h, 2));
    helping_ask(&h, 0);
    uint64_t pass = helping_enter(&h, 0);
    helping_end(&h, 0);
    helping_ask(&h, 0);
    helping_leave(&h, 0, pass);
    assert_true(helping_find(&h, &index));
    helping_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_who_has_the_fewest_helpers),
        cmocka_unit_test(a_team_is_full_at_some_size),
        cmocka_unit_test(a_pass_that_has_nothing_left_is_left_alone),
        cmocka_unit_test(a_late_return_says_nothing_about_the_next_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
