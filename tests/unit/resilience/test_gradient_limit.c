#include "unit.h"

#include "resilience/gradient_limit.h"
#include "resilience/jitter.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* A service that works `parallel` requests at a time and is offered more than it can do: requests in flight are always as
 * many as the limit allows, and by Little's law take in_flight * service / parallel, never less than one service time. */
typedef struct service {
    gradient_limit limit;
    jitter noise;
    int64_t now_ns;
    double service_ns, parallel;
    double least, most; /* limit seen since `watch` */
} service;

static void service_open(service *s)
{
    gradient_limit_init(&s->limit, &gradient_limit_defaults);
    jitter_init(&s->noise, 3);
    s->now_ns = SECOND;
    s->service_ns = 1e6;
    s->parallel = 40;
}

static void run(service *s, int64_t duration_ns)
{
    int64_t end_ns = s->now_ns + duration_ns;
    s->least = s->most = s->limit.limit;
    while (s->now_ns < end_ns) {
        double in_flight = s->limit.limit;
        double latency = in_flight > s->parallel ? in_flight * s->service_ns / s->parallel : s->service_ns;
        latency *= (double)jitter_between(&s->noise, 800, 1200) / 1000;
        s->now_ns += (int64_t)(s->service_ns / (in_flight < s->parallel ? in_flight : s->parallel));
        gradient_limit_sample(&s->limit, latency, (size_t)in_flight, s->now_ns);
        assert_true(s->limit.limit >= s->limit.settings.minimum &&
                    s->limit.limit <= s->limit.settings.maximum);
        s->least = s->limit.limit < s->least ? s->limit.limit : s->least;
        s->most = s->limit.limit > s->most ? s->limit.limit : s->most;
    }
}

static void lets_in_as_many_as_it_says(void **state)
{
    (void)state;
    gradient_limit limit;
    gradient_limit_init(&limit, &gradient_limit_defaults);
    assert_true(gradient_limit_allows(&limit, 0));
    assert_true(gradient_limit_allows(&limit, 19));
    assert_false(gradient_limit_allows(&limit, 20));
}

static void grows_while_latency_stays_and_holds_steady(void **state)
{
    (void)state;
    service s;
    service_open(&s);
    s.parallel = 1000; /* latency does not depend on what is in flight */
    run(&s, 60 * SECOND);
    assert_true(s.limit.limit > 190);
    double middle = s.limit.limit;
    run(&s, 60 * SECOND);
    assert_true(s.least > middle * 0.75 && s.most < middle * 1.25);
}

static void falls_when_the_service_slows_and_recovers(void **state)
{
    (void)state;
    service s;
    service_open(&s);
    run(&s, 60 * SECOND);
    double before = s.limit.limit;
    s.service_ns *= 2;
    run(&s, 2 * SECOND);
    assert_true(s.limit.limit < before * 0.85);
    run(&s, 8 * SECOND);
    s.service_ns /= 2;
    run(&s, 10 * SECOND);
    assert_true(s.limit.limit > before * 0.9);
}

static void does_not_grow_while_it_is_not_reached(void **state)
{
    (void)state;
    gradient_limit limit;
    gradient_limit_init(&limit, &gradient_limit_defaults);
    for (int64_t now_ns = MS; now_ns < 100 * SECOND; now_ns += MS)
        gradient_limit_sample(&limit, 1000, 9, now_ns);
    assert_true(limit.limit == limit.settings.initial);
}

static void waits_for_both_time_and_samples(void **state)
{
    (void)state;
    gradient_limit limit;
    gradient_limit_init(&limit, &gradient_limit_defaults);
    for (int i = 0; i < 1000; i++) /* many samples, no time */
        gradient_limit_sample(&limit, 1000, 20, MS);
    assert_true(limit.limit == limit.settings.initial);
    gradient_limit_sample(&limit, 1000, 20, MS + limit.settings.window_ns);
    assert_true(limit.limit > limit.settings.initial);
    double once = limit.limit;
    for (int i = 0; i < 9; i++) /* much time, few samples */
        gradient_limit_sample(&limit, 1000, 20, (10 + i) * SECOND);
    assert_true(limit.limit == once);
    gradient_limit_sample(&limit, 1000, 20, 20 * SECOND);
    assert_true(limit.limit > once);
}

/* Whatever it is fed, the limit stays within its bounds and moves by at most a tenth and the headroom at once. */
static void is_bounded_for_any_latencies(void **state)
{
    (void)state;
    gradient_limit limit;
    gradient_limit_init(&limit, &gradient_limit_defaults);
    jitter j;
    jitter_init(&j, 99);
    int64_t now_ns = MS;
    for (int i = 0; i < 200000; i++) {
        double before = limit.limit;
        double latency = (double)jitter_between(&j, 1, jitter_between(&j, 1, INT64_C(1) << 40));
        now_ns += jitter_between(&j, 0, 50 * MS);
        gradient_limit_sample(&limit, latency, (size_t)jitter_between(&j, 0, 300), now_ns);
        assert_true(limit.limit >= 20 && limit.limit <= 200);
        assert_true(limit.limit >= before * 0.9 - 1e-9 && limit.limit <= before + 0.8 + 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_in_as_many_as_it_says),
        cmocka_unit_test(grows_while_latency_stays_and_holds_steady),
        cmocka_unit_test(falls_when_the_service_slows_and_recovers),
        cmocka_unit_test(does_not_grow_while_it_is_not_reached),
        cmocka_unit_test(waits_for_both_time_and_samples),
        cmocka_unit_test(is_bounded_for_any_latencies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
