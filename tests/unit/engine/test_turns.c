/* The policy on a clock of the test's own: workers that take passes from sources, each of which lasts as long as told. */
#include "unit.h"

#include "engine/turns.h"

#define MOST_WORKERS 4
#define MOST_SOURCES 4
#define NEVER INT64_MAX

typedef struct fake_source {
    turn turn; /* first */
    turns_class of_class;
    int64_t pass_ns;
    size_t waiting; /* passes */
    int64_t deadline_ns, arrived_ns;
    size_t passes; /* begun */
    int64_t computed_ns, begun_ns;
} fake_source;

typedef struct fake_worker {
    fake_source *busy_with; /* NULL = idle */
    turns_class of_class;
    int64_t until_ns, since_ns, booked_ns;
} fake_worker;

typedef struct sim {
    turn_order t;
    fake_source sources[MOST_SOURCES];
    size_t sources_count;
    fake_worker workers[MOST_WORKERS];
    size_t workers_count;
    int64_t now_ns;
} sim;

static fake_source *add(sim *s, turns_class of_class, int64_t pass_ns, size_t waiting)
{
    fake_source *f = &s->sources[s->sources_count++];
    *f = (fake_source){.of_class = of_class, .pass_ns = pass_ns, .waiting = waiting, .deadline_ns = NEVER};
    turns_add(&s->t, &f->turn);
    return f;
}

static void offer_all(sim *s)
{
    for (size_t i = 0; i < s->sources_count; i++) {
        fake_source *f = &s->sources[i];
        f->turn.offer = (turns_offer){.of_class = f->of_class,
                                      .start_ns = f->waiting > 0 ? s->now_ns : NEVER,
                                      .deadline_ns = f->deadline_ns};
    }
}

static fake_source *pick(sim *s)
{
    offer_all(s);
    return (fake_source *)(void *)turns_pick(&s->t, s->now_ns);
}

/* Lets idle workers begin what there is. */
static void begin_passes(sim *s)
{
    for (size_t i = 0; i < s->workers_count; i++) {
        fake_worker *w = &s->workers[i];
        fake_source *f = w->busy_with == NULL ? pick(s) : NULL;
        if (f == NULL)
            continue;
        *w = (fake_worker){.busy_with = f,
                           .of_class = f->of_class,
                           .since_ns = s->now_ns,
                           .until_ns = s->now_ns + f->pass_ns,
                           .booked_ns = turns_begin(&s->t, &f->turn)};
        f->waiting--;
        f->passes++;
        f->begun_ns = s->now_ns;
    }
}

/* The end of the pass that ends first. */
static void end_pass(sim *s)
{
    fake_worker *first = NULL;
    for (size_t i = 0; i < s->workers_count; i++)
        if (s->workers[i].busy_with != NULL && (first == NULL || s->workers[i].until_ns < first->until_ns))
            first = &s->workers[i];
    assert_non_null(first);
    s->now_ns = first->until_ns;
    turns_end(&first->busy_with->turn, first->of_class, first->booked_ns, first->until_ns - first->since_ns);
    first->busy_with->computed_ns += first->until_ns - first->since_ns;
    first->busy_with = NULL;
}

static void run(sim *s, size_t passes)
{
    for (size_t i = 0; i < passes; i++) {
        begin_passes(s);
        end_pass(s);
    }
}

static void busy_sources_get_equal_time_whatever_their_passes_take(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= MOST_WORKERS; workers++) {
        sim s = {.workers_count = workers};
        const fake_source *a = add(&s, TURNS_INTERACTIVE, 3, 100000),
                          *b = add(&s, TURNS_INTERACTIVE, 50, 100000),
                          *c = add(&s, TURNS_INTERACTIVE, 7, 100000);
        run(&s, 5000);
        const int64_t most_ns = 2 * 50 * (int64_t)workers;
        assert_in_range(a->computed_ns - b->computed_ns + most_ns, 0, 2 * most_ns);
        assert_in_range(a->computed_ns - c->computed_ns + most_ns, 0, 2 * most_ns);
    }
}

/* The busy source has nearer deadlines, and a third one's bulk work is due its share: at whatever time the query comes,
 * it begins after the passes under way and one more at most. */
static void a_query_waits_for_two_passes_of_busy_sources_at_most(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= MOST_WORKERS; workers++)
        for (int64_t offset = 0; offset < 60; offset++) {
            sim s = {.workers_count = workers};
            fake_source *busy = add(&s, TURNS_INTERACTIVE, 10, 1000000);
            fake_source *bulk = add(&s, TURNS_BULK, 10, 1000000);
            fake_source *quiet = add(&s, TURNS_INTERACTIVE, 1, 0);
            busy->deadline_ns = 1;
            run(&s, 40 + (size_t)offset / 10);
            begin_passes(&s);
            for (unsigned query = 0; query < 20; query++) {
                s.now_ns += offset % 10; /* in the middle of the passes */
                quiet->waiting = 1;
                quiet->arrived_ns = s.now_ns;
                size_t others = busy->passes + bulk->passes;
                const size_t before = quiet->passes;
                while (quiet->passes == before) {
                    end_pass(&s);
                    begin_passes(&s);
                }
                others = busy->passes + bulk->passes - others;
                /* Those that the other workers began beside it came after the decision. */
                assert_true(others <= 1);
                assert_true(quiet->begun_ns - quiet->arrived_ns <= 2 * 10);
                for (size_t i = 0; i < 3 * workers; i++) {
                    end_pass(&s);
                    begin_passes(&s);
                }
            }
        }
}

static void interactive_work_of_any_source_goes_before_bulk_work_of_any(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *bulk = add(&s, TURNS_BULK, 10, 1000), *queries = add(&s, TURNS_INTERACTIVE, 10, 0);
    run(&s, 10);
    queries->waiting = 4;
    run(&s, 4);
    assert_true(queries->passes >= 3);
    assert_true(bulk->passes <= 11);
}

static void bulk_work_gets_its_part_beside_queries_of_others(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= MOST_WORKERS; workers++) {
        sim s = {.workers_count = workers};
        const fake_source *queries = add(&s, TURNS_INTERACTIVE, 4, 100000),
                          *bulk = add(&s, TURNS_BULK, 20, 100000);
        run(&s, 10000);
        const double part = (double)bulk->computed_ns / (double)(bulk->computed_ns + queries->computed_ns);
        assert_true(part > 0.9 / TURNS_BULK_ONE_IN && part < 1.1 / TURNS_BULK_ONE_IN);
    }
}

static void a_nearer_deadline_goes_first_by_one_pass_at_most(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *a = add(&s, TURNS_INTERACTIVE, 10, 1000), *b = add(&s, TURNS_INTERACTIVE, 10, 1000);
    run(&s, 20);
    b->deadline_ns = 500;
    assert_ptr_equal(pick(&s), b);
    b->deadline_ns = NEVER;
    a->turn.overtaken = b->turn.overtaken = false;
    a->deadline_ns = 500;
    assert_ptr_equal(pick(&s), a);
    const size_t before = a->passes - b->passes;
    run(&s, 100);
    assert_in_range(a->passes - b->passes - before + 2, 0, 4);
}

static void near_deadlines_do_not_change_the_shares(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *hasty = add(&s, TURNS_INTERACTIVE, 10, 100000);
    add(&s, TURNS_INTERACTIVE, 10, 100000);
    add(&s, TURNS_INTERACTIVE, 10, 100000);
    hasty->deadline_ns = 1;
    run(&s, 3000);
    assert_in_range(hasty->passes, 990, 1010);
}

/* Neither class makes the other pay for a time in which it was alone, or could not be served. */
static void what_is_due_to_bulk_work_is_bounded_both_ways(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *queries = add(&s, TURNS_INTERACTIVE, 10, 0), *bulk = add(&s, TURNS_BULK, 10, 100000);
    run(&s, 1000);
    queries->waiting = 100000;
    size_t before = bulk->passes;
    run(&s, 40);
    assert_true(bulk->passes - before >= 5);
    bulk->turn.barred = true;
    run(&s, 1000);
    bulk->turn.barred = false;
    before = bulk->passes;
    run(&s, 40);
    assert_true(bulk->passes - before <= 11);
}

static void a_pass_counts_for_what_it_took(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *a = add(&s, TURNS_INTERACTIVE, 10, 100);
    run(&s, 5);
    a->pass_ns = 50;
    run(&s, 1);
    assert_int_equal(a->turn.used_ns[TURNS_INTERACTIVE], 100);
    run(&s, 30);
    assert_in_range(a->turn.cost_ns[TURNS_INTERACTIVE], 45, 50);
}

static void who_was_idle_has_saved_up_nothing_and_owes_nothing(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *busy = add(&s, TURNS_INTERACTIVE, 10, 1000000), *late = add(&s, TURNS_INTERACTIVE, 10, 0);
    run(&s, 1000);
    late->waiting = 1000;
    const size_t before = busy->passes;
    run(&s, 100);
    assert_in_range(busy->passes - before, 49, 51);
    late->waiting = 0;
    run(&s, 1000);
    late->waiting = 10;
    run(&s, 1);
    assert_true(late->passes > 50);
}

static void time_of_helpers_counts(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *a = add(&s, TURNS_INTERACTIVE, 10, 1000), *b = add(&s, TURNS_INTERACTIVE, 10, 1000);
    run(&s, 20);
    turns_charge(&a->turn, TURNS_INTERACTIVE, 100);
    const size_t a_before = a->passes, b_before = b->passes;
    run(&s, 10);
    assert_true(a->passes - a_before <= 1);
    assert_true(b->passes - b_before >= 9);
}

static void sources_with_work_are_counted(void **state)
{
    (void)state;
    sim s = {.workers_count = 2};
    fake_source *a = add(&s, TURNS_INTERACTIVE, 10, 3), *b = add(&s, TURNS_BULK, 10, 1);
    add(&s, TURNS_INTERACTIVE, 10, 0);
    assert_int_equal(turns_others(&s.t, &a->turn), 0);
    begin_passes(&s);
    assert_int_equal(turns_others(&s.t, &a->turn), 1);
    assert_int_equal(turns_others(&s.t, &b->turn), 1);
    run(&s, 4);
    assert_null(pick(&s));
    assert_int_equal(turns_others(&s.t, &b->turn), 0);
}

static void checks_go_before_all(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *queries = add(&s, TURNS_INTERACTIVE, 10, 1000), *bulk = add(&s, TURNS_BULK, 10, 1000),
                *checked = add(&s, TURNS_CHECK, 1, 0);
    run(&s, 50);
    checked->waiting = 1;
    assert_ptr_equal(pick(&s), checked);
    assert_true(queries->passes > 0 && bulk->passes > 0);
}

static void what_is_barred_or_not_to_begin_yet_is_left(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *a = add(&s, TURNS_INTERACTIVE, 10, 10), *b = add(&s, TURNS_BULK, 10, 10);
    a->turn.barred = true;
    assert_ptr_equal(pick(&s), b);
    b->turn.barred = true;
    assert_null(pick(&s));
    a->turn.barred = false;
    offer_all(&s);
    a->turn.offer.start_ns = 5;
    assert_null(turns_pick(&s.t, 4));
    assert_ptr_equal(turns_pick(&s.t, 5), &a->turn);
}

static void a_source_that_is_removed_is_not_picked(void **state)
{
    (void)state;
    sim s = {.workers_count = 1};
    fake_source *a = add(&s, TURNS_INTERACTIVE, 10, 10), *b = add(&s, TURNS_INTERACTIVE, 10, 10),
                *c = add(&s, TURNS_INTERACTIVE, 10, 10);
    turns_remove(&s.t, &b->turn);
    run(&s, 10);
    assert_int_equal(b->passes, 0);
    turns_remove(&s.t, &a->turn);
    turns_remove(&s.t, &c->turn);
    assert_null(pick(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_sources_get_equal_time_whatever_their_passes_take),
        cmocka_unit_test(a_query_waits_for_two_passes_of_busy_sources_at_most),
        cmocka_unit_test(interactive_work_of_any_source_goes_before_bulk_work_of_any),
        cmocka_unit_test(bulk_work_gets_its_part_beside_queries_of_others),
        cmocka_unit_test(a_nearer_deadline_goes_first_by_one_pass_at_most),
        cmocka_unit_test(near_deadlines_do_not_change_the_shares),
        cmocka_unit_test(what_is_due_to_bulk_work_is_bounded_both_ways),
        cmocka_unit_test(a_pass_counts_for_what_it_took),
        cmocka_unit_test(who_was_idle_has_saved_up_nothing_and_owes_nothing),
        cmocka_unit_test(time_of_helpers_counts),
        cmocka_unit_test(sources_with_work_are_counted),
        cmocka_unit_test(checks_go_before_all),
        cmocka_unit_test(what_is_barred_or_not_to_begin_yet_is_left),
        cmocka_unit_test(a_source_that_is_removed_is_not_picked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
