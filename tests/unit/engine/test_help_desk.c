#include "unit.h"

#include "engine/help_desk.h"

static void finds_who_has_the_fewest_helpers(void **state)
{
    (void)state;
    help_desk desk;
    unsigned index = 99;
    assert_true(help_desk_open(&desk, 3));
    assert_false(help_desk_find(&desk, &index));
    help_desk_ask(&desk, 2);
    assert_true(help_desk_find(&desk, &index));
    assert_int_equal(index, 2);
    help_desk_enter(&desk, 2);
    help_desk_ask(&desk, 1);
    assert_true(help_desk_find(&desk, &index));
    assert_int_equal(index, 1);
    help_desk_thank(&desk, 1);
    assert_true(help_desk_find(&desk, &index));
    assert_int_equal(index, 2);
    help_desk_thank(&desk, 2);
    assert_false(help_desk_find(&desk, &index));
    help_desk_close(&desk);
}

static void a_team_is_full_at_some_size(void **state)
{
    (void)state;
    help_desk desk;
    unsigned index;
    assert_true(help_desk_open(&desk, 1));
    help_desk_ask(&desk, 0);
    for (unsigned i = 1; i < HELP_DESK_MOST_TEAM; i++) {
        assert_true(help_desk_find(&desk, &index));
        help_desk_enter(&desk, index);
    }
    assert_false(help_desk_find(&desk, &index));
    assert_int_equal(help_desk_team(0), 1);
    assert_int_equal(help_desk_team(2), 3);
    assert_int_equal(help_desk_team(100), HELP_DESK_MOST_TEAM);
    help_desk_close(&desk);
}

/* Who comes back by itself has found nothing more to do; nobody goes there again. Who was called away may return. */
static void a_pass_that_has_nothing_left_is_left_alone(void **state)
{
    (void)state;
    help_desk desk;
    unsigned index;
    assert_true(help_desk_open(&desk, 2));
    help_desk_ask(&desk, 0);
    uint64_t pass = help_desk_enter(&desk, 0);
    atomic_store(&desk.call_away, 1);
    help_desk_leave(&desk, 0, pass);
    assert_true(help_desk_find(&desk, &index));
    atomic_store(&desk.call_away, 0);
    pass = help_desk_enter(&desk, 0);
    help_desk_leave(&desk, 0, pass);
    assert_false(help_desk_find(&desk, &index));
    help_desk_close(&desk);
}

/* The leader is in its next pass when a helper of the last one comes back. */
static void a_late_return_says_nothing_about_the_next_pass(void **state)
{
    (void)state;
    help_desk desk;
    unsigned index;
    assert_true(help_desk_open(&desk, 2));
    help_desk_ask(&desk, 0);
    uint64_t pass = help_desk_enter(&desk, 0);
    help_desk_thank(&desk, 0);
    help_desk_ask(&desk, 0);
    help_desk_leave(&desk, 0, pass);
    assert_true(help_desk_find(&desk, &index));
    help_desk_close(&desk);
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
