#include "http_client.h"

#include "base/clock.h"
#include "server/arrivals.h"

#include <errno.h>
#include <poll.h>

#define REQUEST "GET / HTTP/1.1\r\n\r\n"
#define LONG_MS 3600000
#define PEERS 40

/* A listening socket, and what was handed over from it. */
typedef struct hall {
    arrivals *arrivals;
    address_count *addresses;
    atomic_uint open;
    int listening;
    uint16_t port;
    int taken[PEERS];
    size_t count;
    unsigned open_while_taken; /* at the last one */
} hall;

static void take(void *cookie, int descriptor, const struct sockaddr *address, socklen_t length)
{
    hall *h = cookie;
    assert_true(address->sa_family == AF_UNIX ||
                (address->sa_family == AF_INET && length == sizeof(struct sockaddr_in)));
    assert_true(h->count < PEERS);
    h->open_while_taken = atomic_load(&h->open);
    h->taken[h->count++] = descriptor;
}

static void open_hall(hall *h, int64_t timeout_ms)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    aki_error error;
    *h = (hall){.listening = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(bind(h->listening, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(h->listening, PEERS), 0);
    assert_int_equal(getsockname(h->listening, (struct sockaddr *)&address, &length), 0);
    h->port = ntohs(address.sin_port);
    assert_int_equal(address_count_open(&h->addresses, PEERS, &error), AKI_OK);
    const arrivals_settings settings = {
        .take = take, .cookie = h, .timeout_ms = timeout_ms, .addresses = h->addresses, .open = &h->open};
    assert_int_equal(arrivals_open(&h->arrivals, &settings, &error), AKI_OK);
}

static void close_hall(hall *h)
{
    arrivals_close(h->arrivals);
    assert_int_equal(atomic_load(&h->open), 0);
    for (size_t i = 0; i < h->count; i++)
        close(h->taken[i]);
    close(h->listening);
    address_count_close(h->addresses);
}

/* The client's end of a connection whose other end was added. */
static int arrive(hall *h)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    const int client = http_connect(h->port);
    assert_true(client >= 0);
    const int descriptor = accept(h->listening, (struct sockaddr *)&address, &length);
    assert_true(descriptor >= 0);
    arrivals_add(h->arrivals, descriptor, (struct sockaddr *)&address, length);
    return client;
}

static bool is_ready(const hall *h, int wait_ms)
{
    struct pollfd polled = {.fd = arrivals_descriptor(h->arrivals), .events = POLLIN};
    return poll(&polled, 1, wait_ms) == 1;
}

static void turn_with_event(hall *h)
{
    assert_true(is_ready(h, -1));
    (void)arrivals_turn(h->arrivals);
}

static void waits_for_as_much_as_the_shortest_request_has(void **state)
{
    (void)state;
    hall h;
    open_hall(&h, LONG_MS);
    const int client = arrive(&h);
    assert_int_equal(sizeof REQUEST - 1, ARRIVALS_LEAST_BYTES);
    assert_int_equal(send(client, REQUEST, ARRIVALS_LEAST_BYTES - 1, 0), ARRIVALS_LEAST_BYTES - 1);
    assert_false(is_ready(&h, 0)); /* loopback: what was sent has come */
    assert_true(arrivals_turn(h.arrivals) > 0);
    assert_int_equal(h.count, 0);
    assert_int_equal(atomic_load(&h.open), 1);
    assert_int_equal(send(client, "\n", 1, 0), 1);
    turn_with_event(&h);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.open_while_taken, 1); /* at no moment was it in no count */
    assert_int_equal(atomic_load(&h.open), 0);
    assert_false(is_ready(&h, 0));
    assert_int_equal(arrivals_turn(h.arrivals), -1);

    char got[64];
    assert_int_equal(recv(h.taken[0], got, sizeof got, 0), ARRIVALS_LEAST_BYTES);
    assert_memory_equal(got, REQUEST, ARRIVALS_LEAST_BYTES);
    assert_int_equal(send(client, "x", 1, 0), 1); /* from now on each byte counts */
    struct pollfd polled = {.fd = h.taken[0], .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 60000), 1);
    close(client);
    close_hall(&h);
}

static void hands_over_what_has_ended(void **state)
{
    (void)state;
    hall h;
    open_hall(&h, LONG_MS);
    const int half = arrive(&h), whole = arrive(&h);
    assert_int_equal(send(half, "x", 1, 0), 1);
    assert_int_equal(shutdown(half, SHUT_WR), 0); /* it may be waiting for an answer */
    turn_with_event(&h);
    assert_int_equal(h.count, 1);
    close(whole);
    turn_with_event(&h);
    assert_int_equal(h.count, 2);
    close(half);
    close_hall(&h);
}

static void closes_what_is_late_without_a_reset(void **state)
{
    (void)state;
    hall h;
    char byte;
    open_hall(&h, 0);
    const int client = arrive(&h);
    assert_int_equal(send(client, "GET", 3, 0), 3);
    assert_int_equal(arrivals_turn(h.arrivals), -1);
    assert_int_equal(recv(client, &byte, 1, 0), 0);
    assert_int_equal(h.count, 0);
    assert_int_equal(atomic_load(&h.open), 0);
    close(client);
    close_hall(&h);
}

static void ends_many_late_ones_a_few_at_a_time(void **state)
{
    (void)state;
    hall h;
    int clients[PEERS];
    size_t rounds = 0;
    open_hall(&h, 0);
    for (size_t i = 0; i < PEERS; i++)
        clients[i] = arrive(&h);
    for (unsigned left = PEERS; left > 0; left = atomic_load(&h.open), rounds++) {
        const int again_ms = arrivals_turn(h.arrivals);
        assert_true(atomic_load(&h.open) < left);
        assert_int_equal(again_ms > 0, atomic_load(&h.open) > 0);
    }
    assert_true(rounds > 1);
    for (size_t i = 0; i < PEERS; i++)
        close(clients[i]);
    close_hall(&h);
}

/* The time that a connection has waited is part of its time. */
static void keeps_the_deadline_of_its_coming(void **state)
{
    (void)state;
    hall h;
    open_hall(&h, LONG_MS);
    const int64_t before_ns = clock_monotonic_ns() + LONG_MS * NS_PER_MS;
    const int client = arrive(&h);
    const int64_t after_ns = clock_monotonic_ns() + LONG_MS * NS_PER_MS;
    assert_int_equal(send(client, REQUEST, sizeof REQUEST - 1, 0), sizeof REQUEST - 1);
    turn_with_event(&h);
    assert_in_range(arrivals_deadline_ns(h.arrivals, h.taken[0]), before_ns, after_ns);
    /* One that it never had is taken to come now. */
    assert_true(arrivals_deadline_ns(h.arrivals, 1000000) >= after_ns);
    close(client);
    close_hall(&h);
}

static void a_unix_socket_does_not_wait(void **state)
{
    (void)state;
    hall h;
    int pair[2];
    const struct sockaddr address = {.sa_family = AF_UNIX};
    open_hall(&h, LONG_MS);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    arrivals_add(h.arrivals, pair[0], &address, sizeof address.sa_family);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.taken[0], pair[0]);
    close(pair[1]);
    close_hall(&h);
}

static void who_waits_is_counted_with_his_address(void **state)
{
    (void)state;
    hall h;
    open_hall(&h, LONG_MS);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int clients[PEERS];
    for (size_t i = 0; i < PEERS; i++) {
        assert_true(address_count_has_room(h.addresses, (struct sockaddr *)&address));
        clients[i] = arrive(&h);
    }
    assert_false(address_count_has_room(h.addresses, (struct sockaddr *)&address));
    arrivals_hand_over_all(h.arrivals);
    assert_int_equal(h.count, PEERS);
    assert_true(address_count_has_room(h.addresses, (struct sockaddr *)&address));
    for (size_t i = 0; i < PEERS; i++)
        close(clients[i]);
    close_hall(&h);
}

static void those_that_still_wait_at_the_end_are_closed(void **state)
{
    (void)state;
    hall h;
    char byte;
    open_hall(&h, LONG_MS);
    const int client = arrive(&h);
    close_hall(&h);
    assert_int_equal(recv(client, &byte, 1, 0), 0);
    close(client);
    arrivals_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_as_much_as_the_shortest_request_has),
        cmocka_unit_test(hands_over_what_has_ended),
        cmocka_unit_test(closes_what_is_late_without_a_reset),
        cmocka_unit_test(ends_many_late_ones_a_few_at_a_time),
        cmocka_unit_test(keeps_the_deadline_of_its_coming),
        cmocka_unit_test(a_unix_socket_does_not_wait),
        cmocka_unit_test(who_waits_is_counted_with_his_address),
        cmocka_unit_test(those_that_still_wait_at_the_end_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
