#include "unit.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_signals_to_the_main_thread_but_keeps_sigbus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
