/* Promises against a room that the test sets, in place of the watchdog's measurement. */
#include "unit.h"

#include "server/memory_promise.h"
#include "serving/watchdog.h"

#define MB ((size_t)1000000)

static memory_budget measured;

memory_budget watchdog_budget(const watchdog *w)
{
    (void)w;
    return measured;
}

static server service;

static exchange request(void)
{
    return (exchange){.owner = &service};
}

static size_t promised(void)
{
    return atomic_load(&service.promised_bytes);
}

static int set_room(void **state)
{
    (void)state;
    measured = (memory_budget){.room_bytes = 100 * MB, .limit_bytes = 1000 * MB};
    atomic_store(&service.promised_bytes, 0);
    return 0;
}

static void what_one_request_was_promised_another_cannot_have(void **state)
{
    (void)state;
    exchange first = request(), second = request();
    assert_true(memory_promise_take(&first, 60 * MB, "its texts"));
    assert_int_equal(promised(), 60 * MB);
    assert_false(memory_promise_take(&second, 60 * MB, "its texts"));
    assert_int_equal(second.error.code, HTTP_ERROR_OUT_OF_MEMORY);
    assert_non_null(strstr(second.error.message, "its texts"));
    assert_int_equal(second.promised_bytes, 0);
    assert_int_equal(promised(), 60 * MB); /* a refusal leaves nothing behind */
    memory_promise_end(&first);
    assert_int_equal(promised(), 0);
    assert_true(memory_promise_take(&second, 60 * MB, "its texts"));
    memory_promise_end(&second);
}

static void more_promised_than_there_is_room_is_no_room(void **state)
{
    (void)state;
    exchange first = request(), second = request();
    assert_true(memory_promise_take(&first, 90 * MB, "a"));
    measured.room_bytes = 10 * MB; /* the first one has taken its memory: it counts twice until it ends */
    assert_false(memory_promise_take(&second, 1, "b"));
    memory_promise_end(&first);
    memory_promise_end(&second);
    assert_int_equal(promised(), 0);
}

static void without_a_limit_all_is_promised(void **state)
{
    (void)state;
    exchange first = request(), second = request();
    measured.room_bytes = SIZE_MAX;
    assert_true(memory_promise_take(&first, SIZE_MAX / 4, "a"));
    assert_true(memory_promise_take(&second, SIZE_MAX / 4, "b"));
    memory_promise_end(&first);
    memory_promise_end(&second);
    assert_int_equal(promised(), 0);
}

static void a_growing_body_is_promised_once(void **state)
{
    (void)state;
    exchange x = request();
    assert_true(memory_promise_body(&x, 0));
    assert_int_equal(promised(), 0);
    assert_true(memory_promise_body(&x, MB));
    assert_int_equal(promised(), MEMORY_PROMISE_PER_BODY_BYTE * MB);
    assert_true(memory_promise_body(&x, MB / 2)); /* was promised already */
    assert_int_equal(promised(), MEMORY_PROMISE_PER_BODY_BYTE * MB);
    assert_true(memory_promise_body(&x, 10 * MB));
    assert_int_equal(promised(), MEMORY_PROMISE_PER_BODY_BYTE * 10 * MB);
    assert_false(memory_promise_body(&x, 50 * MB));
    assert_non_null(strstr(x.error.message, "the request's body"));
    assert_int_equal(x.promised_bytes, MEMORY_PROMISE_PER_BODY_BYTE * 10 * MB); /* what it had, it keeps */
    memory_promise_end(&x);
    assert_int_equal(promised(), 0);
    memory_promise_end(&x); /* has nothing more to give back */
    assert_int_equal(promised(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_one_request_was_promised_another_cannot_have, set_room),
        cmocka_unit_test_setup(more_promised_than_there_is_room_is_no_room, set_room),
        cmocka_unit_test_setup(without_a_limit_all_is_promised, set_room),
        cmocka_unit_test_setup(a_growing_body_is_promised_once, set_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
