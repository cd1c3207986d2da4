#include "scheduler/rig.h"

#include "server/probe.h"

static probe *open_probe(scheduler *s)
{
    probe *p = NULL;
    const float *vector = NULL;
    aki_error error;
    assert_int_equal(probe_open(&p, (log_sink){0}, &error), AKI_OK);
    assert_int_equal(probe_last(p), PROBE_UNKNOWN);
    assert_int_equal(probe_first(p, s, FAKE_DIMENSION, &vector, &error), AKI_OK);
    assert_true(vector[3] == vector[0] + 3);
    assert_int_equal(probe_last(p), PROBE_RIGHT);
    return p;
}

static void close_both(scheduler *s, probe *p)
{
    scheduler_close(s);
    probe_close(p);
}

static uint64_t ended(const probe *p)
{
    return probe_count(p).right + probe_count(p).wrong;
}

/* Begins one and waits for its end. */
static probe_outcome look_again(probe *p, scheduler *s)
{
    const uint64_t before = ended(p);
    while (ended(p) == before) {
        probe_begin(p, s);
        sched_yield();
    }
    return probe_last(p);
}

static void bend(float by, aki_status status)
{
    pthread_mutex_lock(&enc.lock);
    enc.bend = by;
    enc.outcome = status;
    pthread_mutex_unlock(&enc.lock);
}

static void tells_a_wrong_vector_and_a_failure_from_a_right_one(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    probe *p = open_probe(s);
    assert_int_equal(look_again(p, s), PROBE_RIGHT);
    bend(1e6F, AKI_OK);
    while (look_again(p, s) != PROBE_WRONG) /* one that was begun before may still end */
        ;
    bend(0, AKI_OK);
    while (look_again(p, s) != PROBE_RIGHT)
        ;
    bend(0, AKI_MODEL_CHANGED);
    while (look_again(p, s) != PROBE_WRONG)
        ;
    bend(0, AKI_OK);
    while (look_again(p, s) != PROBE_RIGHT)
        ;
    close_both(s, p);
}

static void waits_under_load_and_is_not_refused(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 1, 1000, 1 << 20);
    probe *p = open_probe(s);
    outcome running, waiting, refused;
    fake_close_gate(&enc);
    const unsigned entered = enc.entered;
    submit_one(s, "a", &running);
    fake_wait_entered(&enc, entered + 1);
    submit_one(s, "b", &waiting);
    outcome_init(&refused);
    const char *text = "c";
    aki_error error;
    assert_int_equal(submit(s, &text, 1, 0, &refused, &error), AKI_OVERLOADED);
    probe_begin(p, s);
    probe_begin(p, s);                            /* one at a time */
    assert_int_equal(probe_last(p), PROBE_RIGHT); /* nothing is known yet that says otherwise */
    assert_int_equal(ended(p), 0);
    fake_open_gate(&enc);
    outcome_wait(&running);
    outcome_wait(&waiting);
    while (ended(p) == 0)
        sched_yield();
    assert_int_equal(probe_last(p), PROBE_RIGHT);
    close_both(s, p);
}

static void a_service_that_stops_says_nothing(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    probe *p = open_probe(s);
    scheduler_stop(s, true);
    probe_begin(p, s);
    probe_begin(p, s);
    assert_int_equal(probe_last(p), PROBE_RIGHT);
    assert_int_equal(ended(p), 0);
    close_both(s, p);
    probe_close(NULL);
}

static void a_first_one_that_fails_is_reported(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    probe *p = NULL;
    const float *vector;
    aki_error error;
    bend(0, AKI_MODEL_CHANGED);
    assert_int_equal(probe_open(&p, (log_sink){0}, &error), AKI_OK);
    assert_int_equal(probe_first(p, s, FAKE_DIMENSION, &vector, &error), AKI_MODEL_CHANGED);
    assert_non_null(strstr(error.message, "fails as told"));
    assert_int_equal(probe_last(p), PROBE_UNKNOWN);
    close_both(s, p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_a_wrong_vector_and_a_failure_from_a_right_one),
        cmocka_unit_test(waits_under_load_and_is_not_refused),
        cmocka_unit_test(a_service_that_stops_says_nothing),
        cmocka_unit_test(a_first_one_that_fails_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
