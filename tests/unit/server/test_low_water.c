#include "http_client.h"

#include "server/low_water.h"

#include <poll.h>

static void waits_for_a_tenth_of_a_seconds_bytes_but_never_for_more_than_comes(void **state)
{
    (void)state;
    assert_int_equal(low_water_of_body(1000000, 1024), 102);
    assert_int_equal(low_water_of_body(103, 1024), 102);
    assert_int_equal(low_water_of_body(102, 1024), 102);
    assert_int_equal(low_water_of_body(101, 1024), 101);
    assert_int_equal(low_water_of_body(1, 1024), 1);
    assert_int_equal(low_water_of_body(0, 1024), 1);
    assert_int_equal(low_water_of_body(UINT64_MAX, SIZE_MAX), 4096);
    assert_int_equal(low_water_of_body(1000000, 9), 1);
    assert_int_equal(low_water_of_body(1000000, 0), 1);
}

static bool is_readable(int descriptor, int wait_ms)
{
    struct pollfd polled = {.fd = descriptor, .events = POLLIN};
    return poll(&polled, 1, wait_ms) == 1;
}

static void fewer_bytes_are_not_reported(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &length), 0);
    const int client = http_connect(ntohs(address.sin_port)), peer = accept(listening, NULL, NULL);
    assert_true(low_water_set(peer, 3));
    assert_int_equal(send(client, "ab", 2, 0), 2);
    assert_false(is_readable(peer, 0));
    assert_true(low_water_set(peer, 2)); /* what is there may suffice now */
    assert_true(is_readable(peer, 60000));
    assert_true(low_water_set(peer, 4));
    assert_false(is_readable(peer, 0));
    assert_int_equal(send(client, "cd", 2, 0), 2);
    assert_true(is_readable(peer, 60000));
    assert_false(low_water_set(-1, 1));
    close(client);
    close(peer);
    close(listening);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_a_tenth_of_a_seconds_bytes_but_never_for_more_than_comes),
        cmocka_unit_test(fewer_bytes_are_not_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
