#include "unit.h"

#include "base/clock.h"
#include "server/connection_watch.h"

#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

/* More than any event takes. */
#define HANG_MS 30000

/* The clock of the watch, instead of that in base/clock.c: a test may stop it, so that no further round comes. */
static _Atomic(int64_t) stopped_ns; /* 0 = it goes */

int64_t clock_monotonic_ns(void)
{
    struct timespec now;
    const int64_t stopped = atomic_load(&stopped_ns);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return stopped != 0 ? stopped : now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_wall_ns(void)
{
    return clock_monotonic_ns();
}

typedef struct pair {
    int ours, theirs;
} pair;

static pair open_pair(void)
{
    int descriptors[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, descriptors), 0);
    return (pair){descriptors[0], descriptors[1]};
}

static void close_pair(pair p)
{
    close(p.ours);
    close(p.theirs);
}

/* True when the other end sees the stream end; waits for as long as it takes. */
static bool ends(pair p)
{
    struct pollfd polled = {.fd = p.theirs, .events = POLLIN};
    char byte;
    return poll(&polled, 1, -1) == 1 && recv(p.theirs, &byte, 1, 0) == 0;
}

static bool is_open(pair p)
{
    struct pollfd polled = {.fd = p.theirs, .events = POLLIN | POLLRDHUP};
    return poll(&polled, 1, 0) == 0;
}

static connection_watch *open_watch(void)
{
    connection_watch *watch = NULL;
    aki_error error;
    assert_int_equal(connection_watch_open(&watch, &error), AKI_OK);
    return watch;
}

static void ends_what_is_past_its_deadline(void **state)
{
    (void)state;
    connection_watch *watch = open_watch();
    pair late = open_pair(), in_time = open_pair(), answered = open_pair();
    watched_connection *kept = connection_watch_add(watch, in_time.ours, INT64_MAX);
    watched_connection *replying = connection_watch_add(watch, answered.ours, INT64_MAX);
    connection_watch_set(replying, WATCH_WORK, 0);
    watched_connection *ended = connection_watch_add(watch, late.ours, clock_monotonic_ns());
    assert_true(ends(late));
    assert_true(is_open(in_time)); /* looked over in the same round */
    assert_true(is_open(answered));
    connection_watch_set(replying, WATCH_REPLY, 0);
    assert_true(ends(answered));
    connection_watch_set(kept, WATCH_BODY, 0);
    assert_true(ends(in_time));
    connection_watch_remove(watch, ended);
    connection_watch_remove(watch, kept);
    connection_watch_remove(watch, replying);
    connection_watch_close(watch);
    close_pair(late);
    close_pair(in_time);
    close_pair(answered);
}

static pair open_tcp_pair(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    pair p;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &length), 0);
    p.theirs = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(p.theirs, (struct sockaddr *)&address, length), 0);
    p.ours = accept(listening, NULL, NULL);
    assert_true(p.ours >= 0);
    close(listening);
    return p;
}

static void ends_an_idle_one_but_not_while_a_request_comes(void **state)
{
    (void)state;
    connection_watch *watch = open_watch();
    pair p = open_tcp_pair(), local = open_pair(), busy = open_pair();
    char text[16];
    watched_connection *tcp = connection_watch_add(watch, p.ours, INT64_MAX);
    watched_connection *other = connection_watch_add(watch, local.ours, INT64_MAX);
    watched_connection *working = connection_watch_add(watch, busy.ours, INT64_MAX);
    connection_watch_set(working, WATCH_WORK, INT64_MAX);
    assert_int_equal(send(p.theirs, "request", 7, 0), 7);
    assert_int_equal(send(local.theirs, "request", 7, 0), 7);
    assert_int_equal(recv(p.ours, text, 1, MSG_PEEK), 1); /* it has come */
    connection_watch_end_idle(watch);
    assert_true(is_open(p));
    assert_true(is_open(local));
    assert_int_equal(recv(p.ours, text, sizeof text, 0), 7);
    assert_int_equal(recv(local.ours, text, sizeof text, 0), 7);
    connection_watch_end_idle(watch);
    assert_true(ends(local)); /* a unix socket does not tell when something came last */
    for (bool ended = false; !ended;) {
        connection_watch_end_idle(watch);
        ended = !is_open(p);
    }
    assert_true(ends(p));
    assert_true(is_open(busy));
    connection_watch_remove(watch, tcp);
    connection_watch_remove(watch, other);
    connection_watch_remove(watch, working);
    connection_watch_close(watch);
    close_pair(p);
    close_pair(local);
    close_pair(busy);
}

/* A watch whose first round is over and whose clock stands still, until start_clock. */
static connection_watch *open_stopped_watch(void)
{
    atomic_store(&stopped_ns, clock_monotonic_ns());
    connection_watch *watch = open_watch();
    pair late = open_pair();
    watched_connection *connection = connection_watch_add(watch, late.ours, 0);
    assert_true(ends(late));
    connection_watch_remove(watch, connection);
    close_pair(late);
    return watch;
}

static int start_clock(void **state)
{
    (void)state;
    atomic_store(&stopped_ns, 0);
    return 0;
}

/* Registers a descriptor as the HTTP library does: edge-triggered. Returns the epoll instance. */
static int open_events(int descriptor)
{
    const int events = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    assert_int_equal(epoll_ctl(events, EPOLL_CTL_ADD, descriptor, &event), 0);
    return events;
}

static bool event_comes(int events)
{
    struct epoll_event event;
    return epoll_wait(events, &event, 1, HANG_MS) == 1;
}

static bool event_is_there(int events)
{
    struct epoll_event event;
    return epoll_wait(events, &event, 1, 0) == 1;
}

static void count_calls(void *cookie)
{
    sem_post(cookie);
}

static int value_of(sem_t *semaphore)
{
    int value = 0;
    assert_int_equal(sem_getvalue(semaphore, &value), 0);
    return value;
}

/* The peer has ended sending and the reader missed the event for it: another one comes, without waiting for a round, and no
 * third, because the watch does not take its own for the peer's. */
static void wakes_the_reader_of_a_half_closed_connection(void **state)
{
    (void)state;
    connection_watch *watch = open_stopped_watch();
    pair half = open_tcp_pair(), other = open_pair();
    sem_t told;
    sem_init(&told, 0, 0);
    const int events = open_events(half.ours);
    assert_int_equal(shutdown(half.theirs, SHUT_WR), 0);
    assert_true(event_comes(events));
    assert_false(event_is_there(events)); /* nothing new by itself */
    watched_connection *connection = connection_watch_add(watch, half.ours, INT64_MAX);
    watched_connection *later = connection_watch_add(watch, other.ours, INT64_MAX);
    assert_true(event_comes(events));
    assert_true(connection_watch_expect(later, count_calls, &told));
    close(other.theirs);
    sem_wait(&told); /* what the watch heard before has been handled */
    assert_false(event_is_there(events));
    connection_watch_remove(watch, connection);
    connection_watch_remove(watch, later);
    connection_watch_close(watch);
    sem_destroy(&told);
    close(events);
    close(other.ours);
    close_pair(half);
}

/* The end came with bytes, and the reader takes the next event for theirs: yet another comes when they were read. */
static void wakes_the_reader_again_when_it_has_read_up_to_the_end(void **state)
{
    (void)state;
    connection_watch *watch = open_stopped_watch();
    pair half = open_tcp_pair();
    char text[16];
    const int events = open_events(half.ours);
    assert_int_equal(send(half.theirs, "GET", 3, 0), 3);
    assert_int_equal(shutdown(half.theirs, SHUT_WR), 0);
    struct pollfd ended = {.fd = half.ours, .events = POLLRDHUP};
    assert_int_equal(poll(&ended, 1, HANG_MS), 1);
    assert_true(event_comes(events));
    watched_connection *connection = connection_watch_add(watch, half.ours, INT64_MAX);
    assert_true(event_comes(events));
    assert_int_equal(recv(half.ours, text, sizeof text, 0), 3);
    assert_false(event_is_there(events));
    atomic_fetch_add(&stopped_ns, 100 * NS_PER_MS); /* less than a round */
    assert_true(event_comes(events));
    connection_watch_remove(watch, connection);
    connection_watch_close(watch);
    close(events);
    close_pair(half);
}

/* The end came while a request was worked for: the reader is woken when its client is waited for again. */
static void wakes_the_reader_of_one_that_ended_during_work(void **state)
{
    (void)state;
    connection_watch *watch = open_stopped_watch();
    pair half = open_tcp_pair();
    sem_t told;
    sem_init(&told, 0, 0);
    watched_connection *connection = connection_watch_add(watch, half.ours, INT64_MAX);
    connection_watch_set(connection, WATCH_WORK, INT64_MAX);
    assert_true(connection_watch_expect(connection, count_calls, &told));
    const int events = open_events(half.ours);
    assert_int_equal(shutdown(half.theirs, SHUT_WR), 0);
    sem_wait(&told);
    assert_true(event_comes(events));
    connection_watch_set(connection, WATCH_REPLY, INT64_MAX);
    assert_false(event_is_there(events));
    connection_watch_set(connection, WATCH_HEADERS, INT64_MAX);
    assert_true(event_comes(events));
    connection_watch_remove(watch, connection);
    connection_watch_close(watch);
    sem_destroy(&told);
    close(events);
    close_pair(half);
}

static void tells_once_when_the_client_goes(void **state)
{
    (void)state;
    connection_watch *watch = open_watch();
    pair p = open_pair(), other = open_pair();
    sem_t calls, other_calls;
    sem_init(&calls, 0, 0);
    sem_init(&other_calls, 0, 0);
    watched_connection *connection = connection_watch_add(watch, p.ours, INT64_MAX);
    watched_connection *there = connection_watch_add(watch, other.ours, INT64_MAX);
    connection_watch_set(connection, WATCH_WORK, INT64_MAX);
    connection_watch_set(there, WATCH_WORK, INT64_MAX);
    assert_true(connection_watch_expect(connection, count_calls, &calls));
    assert_true(connection_watch_expect(there, count_calls, &other_calls));
    assert_int_equal(send(p.theirs, "more", 4, 0), 4); /* is no reason to think that it has gone */
    assert_int_equal(shutdown(p.theirs, SHUT_WR), 0);
    sem_wait(&calls);
    assert_false(connection_watch_expect(connection, count_calls, &calls));
    close(p.theirs);
    connection_watch_remove(watch, connection);
    assert_int_equal(value_of(&calls), 0);
    assert_int_equal(value_of(&other_calls), 0);
    connection_watch_remove(watch, there);
    connection_watch_close(watch);
    close(p.ours);
    close_pair(other);
    sem_destroy(&calls);
    sem_destroy(&other_calls);
}

static void does_not_tell_what_was_forgotten(void **state)
{
    (void)state;
    connection_watch *watch = open_watch();
    pair first = open_pair(), second = open_pair();
    sem_t forgotten, told;
    sem_init(&forgotten, 0, 0);
    sem_init(&told, 0, 0);
    watched_connection *one = connection_watch_add(watch, first.ours, INT64_MAX);
    watched_connection *two = connection_watch_add(watch, second.ours, INT64_MAX);
    assert_true(connection_watch_expect(one, count_calls, &forgotten));
    assert_true(connection_watch_expect(two, count_calls, &told));
    connection_watch_forget(one);
    close(first.theirs);
    close(second.theirs);
    sem_wait(&told); /* its event came after the other's */
    assert_int_equal(value_of(&forgotten), 0);
    connection_watch_remove(watch, one);
    connection_watch_remove(watch, two);
    assert_true(connection_watch_expect(NULL, count_calls, &told));
    connection_watch_forget(NULL);
    connection_watch_close(watch);
    close(first.ours);
    close(second.ours);
    sem_destroy(&forgotten);
    sem_destroy(&told);
}

/* A descriptor that was closed and opened again: the old connection's end is not the new one's. */
static void does_not_mix_up_connections_of_one_descriptor(void **state)
{
    (void)state;
    connection_watch *watch = open_watch();
    for (int i = 0; i < 100; i++) {
        pair p = open_pair();
        watched_connection *connection = connection_watch_add(watch, p.ours, INT64_MAX);
        assert_true(connection_watch_expect(connection, count_calls, NULL));
        connection_watch_forget(connection);
        close(p.theirs);
        connection_watch_remove(watch, connection);
        close(p.ours);
    }
    connection_watch_close(watch);
}

static void keeps_count_of_many(void **state)
{
    (void)state;
    enum { COUNT = 300 }; /* more than end in one round */
    connection_watch *watch = open_watch();
    pair pairs[COUNT];
    watched_connection *connections[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        pairs[i] = open_pair();
        connections[i] = connection_watch_add(watch, pairs[i].ours, INT64_MAX);
        assert_non_null(connections[i]);
    }
    for (size_t i = 0; i < COUNT; i += 2)
        connection_watch_remove(watch, connections[i]);
    for (size_t i = 1; i < COUNT; i += 2)
        connection_watch_set(connections[i], WATCH_BODY, 0);
    for (size_t i = 1; i < COUNT; i += 2)
        assert_true(ends(pairs[i]));
    for (size_t i = 0; i < COUNT; i += 2)
        assert_true(is_open(pairs[i]));
    for (size_t i = 1; i < COUNT; i += 2)
        connection_watch_remove(watch, connections[i]);
    connection_watch_remove(watch, NULL);
    connection_watch_set(NULL, WATCH_BODY, 0);
    connection_watch_close(watch);
    connection_watch_close(NULL);
    for (size_t i = 0; i < COUNT; i++)
        close_pair(pairs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_what_is_past_its_deadline),
        cmocka_unit_test(ends_an_idle_one_but_not_while_a_request_comes),
        cmocka_unit_test_teardown(wakes_the_reader_of_a_half_closed_connection, start_clock),
        cmocka_unit_test_teardown(wakes_the_reader_again_when_it_has_read_up_to_the_end, start_clock),
        cmocka_unit_test_teardown(wakes_the_reader_of_one_that_ended_during_work, start_clock),
        cmocka_unit_test(tells_once_when_the_client_goes),
        cmocka_unit_test(does_not_tell_what_was_forgotten),
        cmocka_unit_test(does_not_mix_up_connections_of_one_descriptor),
        cmocka_unit_test(keeps_count_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
