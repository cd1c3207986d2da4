#include "unit.h"

#include "base/cpus.h"
#include "base/thread.h"

#include <signal.h>

typedef struct seen {
    bool term_blocked, bus_blocked;
} seen;

static void *look(void *argument)
{
    seen *s = argument;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    s->term_blocked = sigismember(&mask, SIGTERM) == 1;
    s->bus_blocked = sigismember(&mask, SIGBUS) == 1;
    return NULL;
}

static void leaves_signals_to_the_main_thread_but_keeps_sigbus(void **state)
{
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    pthread_t thread;
    seen s = {0};
    assert_true(thread_start(&thread, look, &s, "a name that is longer than fifteen bytes"));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(s.term_blocked);
    assert_false(s.bus_blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

static void *pin(void *argument)
{
    const unsigned *cpu = argument;
    static cpu_set_t mask;
    thread_pin(*cpu);
    return sched_getaffinity(0, sizeof mask, &mask) == 0 ? &mask : NULL;
}

static void a_pinned_thread_has_one_cpu(void **state)
{
    (void)state;
    cpus_info c;
    cpus_read(&c);
    pthread_t thread;
    void *mask;
    unsigned last = c.order[c.allowed - 1];
    assert_true(thread_start(&thread, pin, &last, "pinned"));
    assert_int_equal(pthread_join(thread, &mask), 0);
    assert_non_null(mask);
    assert_int_equal(CPU_COUNT((cpu_set_t *)mask), 1);
    assert_true(CPU_ISSET(last, (cpu_set_t *)mask));
}

static void *defer(void *argument)
{
    struct sched_param parameters;
    thread_defer();
    return pthread_getschedparam(pthread_self(), argument, &parameters) == 0 ? argument : NULL;
}

static void a_deferring_thread_leaves_the_others_theirs(void **state)
{
    (void)state;
    pthread_t thread;
    int policy = SCHED_OTHER;
    void *asked;
    assert_true(thread_start(&thread, defer, &policy, "deferring"));
    assert_int_equal(pthread_join(thread, &asked), 0);
    assert_non_null(asked);
    assert_int_equal(policy, SCHED_BATCH);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

static void a_cpu_that_is_not_allowed_changes_nothing(void **state)
{
    (void)state;
    cpus_info c;
    cpus_read(&c);
    pthread_t thread;
    void *mask;
    unsigned none = CPU_SETSIZE - 1;
    for (unsigned i = 0; i < c.allowed; i++)
        if (c.order[i] == none)
            skip();
    assert_true(thread_start(&thread, pin, &none, "not pinned"));
    assert_int_equal(pthread_join(thread, &mask), 0);
    assert_non_null(mask);
    assert_int_equal(CPU_COUNT((cpu_set_t *)mask), c.allowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_signals_to_the_main_thread_but_keeps_sigbus),
        cmocka_unit_test(a_pinned_thread_has_one_cpu),
        cmocka_unit_test(a_deferring_thread_leaves_the_others_theirs),
        cmocka_unit_test(a_cpu_that_is_not_allowed_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
