#include "unit.h"

#include "cli/serve/hangup.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

static void tells_of_each_signal_and_of_the_end(void **state)
{
    (void)state;
    hangup *h = NULL;
    aki_error error;
    int until = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(hangup_open(&h, &error), AKI_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kill(getpid(), SIGHUP), 0);
        assert_int_equal(kill(getpid(), SIGHUP), 0); /* twice before it is asked for is once */
        assert_int_equal(hangup_wait(h, until), SIGHUP);
        assert_int_equal(kill(getpid(), SIGUSR1), 0);
        assert_int_equal(hangup_wait(h, until), SIGUSR1);
    }
    assert_int_equal(eventfd_write(until, 1), 0);
    assert_int_equal(hangup_wait(h, until), 0);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    assert_int_equal(hangup_wait(h, until), 0); /* the end comes first */
    hangup_close(h); /* with one pending: it would end the program, were it let through */
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    sigset_t pending;
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGHUP));
    assert_true(sigismember(&pending, SIGUSR1));
    hangup_close(NULL);
    close(until);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_of_each_signal_and_of_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
