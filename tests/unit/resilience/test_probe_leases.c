#include "unit.h"

#include "resilience/probe_leases.h"

static void holds_as_many_as_it_has_places(void **state)
{
    (void)state;
    probe_leases p;
    probe_leases_init(&p, 2, 10);
    probe_lease first, second, third;
    uint64_t end;
    assert_int_equal(probe_leases_count(&p, 0, &end), 0);
    assert_true(end == UINT64_MAX);
    assert_true(probe_leases_take(&p, 0, 5, &first));
    assert_true(probe_leases_take(&p, 0, 3, &second));
    assert_false(probe_leases_take(&p, 0, 3, &third));
    assert_int_equal(probe_leases_count(&p, 0, &end), 2);
    assert_int_equal(end, 13);
    assert_true(probe_leases_give_back(&p, first));
    assert_false(probe_leases_give_back(&p, first));
    assert_true(probe_leases_take(&p, 0, 4, &third));
    assert_false(probe_leases_give_back(&p, first)); /* the place is another's now */
}

static void later_generations_find_old_places_free_but_not_the_reverse(void **state)
{
    (void)state;
    probe_leases p;
    probe_leases_init(&p, 1, 10);
    probe_lease old, present, none;
    assert_true(probe_leases_take(&p, UINT16_MAX, 0, &old));
    assert_true(probe_leases_take(&p, 1, 0, &present)); /* later, round the circle */
    assert_false(probe_leases_take(&p, UINT16_MAX, 0, &none));
    assert_false(probe_leases_give_back(&p, old));
    assert_true(probe_leases_give_back(&p, present));
}

static void clearing_frees_one_generation_only(void **state)
{
    (void)state;
    probe_leases p;
    probe_leases_init(&p, 2, 10);
    probe_lease one, two;
    uint64_t end;
    assert_true(probe_leases_take(&p, 1, 0, &one));
    assert_true(probe_leases_take(&p, 2, 0, &two)); /* takes the place of generation 1 */
    assert_true(probe_leases_take(&p, 2, 0, &one));
    probe_leases_clear(&p, 1);
    assert_int_equal(probe_leases_count(&p, 2, &end), 2);
    probe_leases_clear(&p, 2);
    assert_int_equal(probe_leases_count(&p, 2, &end), 0);
    assert_true(probe_leases_take(&p, 1, 0, &one)); /* nothing of 2 is left that would be later */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_as_many_as_it_has_places),
        cmocka_unit_test(later_generations_find_old_places_free_but_not_the_reverse),
        cmocka_unit_test(clearing_frees_one_generation_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
