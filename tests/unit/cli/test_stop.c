#include "unit.h"

#include "cli/stop.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static bool readable(int descriptor)
{
    struct pollfd waiting = {.fd = descriptor, .events = POLLIN};
    return poll(&waiting, 1, 0) == 1;
}

static void test_first_signal_is_remembered(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        stop *s;
        assert_int_equal(stop_open(&s, 0, NULL), AKI_OK);
        assert_int_equal(stop_signal(s), 0);
        assert_false(stop_requested(s));
        assert_false(readable(stop_descriptor(s)));
        kill(getpid(), signals[i]);
        assert_int_equal(stop_wait(s), signals[i]);
        assert_true(stop_requested(s));
        assert_true(readable(stop_descriptor(s)));
        stop_close(s);
    }
}

static void test_closing_without_a_signal(void **state)
{
    (void)state;
    stop *s;
    struct sigaction action;
    assert_int_equal(stop_open(&s, 0, NULL), AKI_OK);
    stop_close(s);
    stop_close(NULL);
    sigaction(SIGPIPE, NULL, &action);
    assert_true(action.sa_handler == SIG_DFL);
}

static void test_the_same_signal_soon_after_is_a_repeat(void **state)
{
    (void)state;
    const int64_t first = 5000000000;
    assert_true(stop_is_repeat(SIGTERM, first, SIGTERM, first));
    assert_true(stop_is_repeat(SIGTERM, first, SIGTERM, first + STOP_REPEAT_NS - 1));
    assert_false(stop_is_repeat(SIGTERM, first, SIGTERM, first + STOP_REPEAT_NS));
    assert_false(stop_is_repeat(SIGTERM, first, SIGINT, first));
}

/* In a child, because it ends the process. */
static int exit_code_after_two_signals(int code_of_second)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        stop *s;
        if (stop_open(&s, code_of_second, NULL) != AKI_OK)
            _exit(99);
        kill(getpid(), SIGTERM);
        stop_wait(s);
        kill(getpid(), SIGINT);
        for (;;)
            pause();
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_second_signal_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(exit_code_after_two_signals(1), 1);
    assert_int_equal(exit_code_after_two_signals(0), 128 + SIGINT);
}

static void test_a_process_that_does_not_end_is_ended(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        stop *s;
        if (stop_open_limited(&s, 99, 1, NULL) != AKI_OK)
            _exit(98);
        kill(getpid(), SIGTERM);
        for (;;)
            pause();
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_signal_is_remembered),
        cmocka_unit_test(test_closing_without_a_signal),
        cmocka_unit_test(test_the_same_signal_soon_after_is_a_repeat),
        cmocka_unit_test(test_second_signal_ends_the_process),
        cmocka_unit_test(test_a_process_that_does_not_end_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
