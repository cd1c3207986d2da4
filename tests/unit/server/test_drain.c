/* The end of a service whose requests and connections are made by hand. */
#include "unit.h"

#include "base/thread.h"
#include "server/drain.h"

#include <sys/socket.h>

#define NEVER_MS (24 * 3600 * INT64_C(1000))

static server *make_server(void)
{
    server *s = calloc(1, sizeof *s);
    aki_error error;
    pthread_condattr_t monotonic;
    assert_non_null(s);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    assert_int_equal(connection_watch_open(&s->watch, &error), AKI_OK);
    atomic_store(&s->phase, SERVER_READY);
    return s;
}

static void free_server(server *s)
{
    connection_watch_close(s->watch);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void begin_request(server *s)
{
    pthread_mutex_lock(&s->lock);
    s->requests++;
    pthread_mutex_unlock(&s->lock);
}

static void end_request(server *s)
{
    pthread_mutex_lock(&s->lock);
    if (--s->requests == 0)
        pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

static void waits_only_while_there_are_requests(void **state)
{
    (void)state;
    server *s = make_server();
    assert_true(drain_wait(s, 0));
    assert_true(drain_wait(s, NEVER_MS));
    begin_request(s);
    assert_false(drain_wait(s, 0));
    assert_false(drain_wait(s, 1));
    assert_false(drain_wait(s, -5));
    end_request(s);
    assert_true(drain_wait(s, 0));
    free_server(s);
}

static void *end_two_requests(void *argument)
{
    end_request(argument);
    end_request(argument);
    return NULL;
}

static void the_last_request_ends_the_wait(void **state)
{
    (void)state;
    server *s = make_server();
    pthread_t thread;
    begin_request(s);
    begin_request(s);
    assert_true(thread_start(&thread, end_two_requests, s, "ends"));
    assert_true(drain_wait(s, NEVER_MS)); /* returns at all */
    pthread_join(thread, NULL);
    free_server(s);
}

static void is_not_ready_any_more_although_requests_do_not_end(void **state)
{
    (void)state;
    server *s = make_server();
    s->settings.drain_timeout_ms = 1;
    begin_request(s);
    assert_false(server_drain(s));
    assert_int_equal(server_phase_now(s), SERVER_DRAINING);
    end_request(s);
    assert_true(server_drain(s)); /* again, as after a second signal */
    free_server(s);
}

typedef struct connection {
    server *owner;
    int ours, theirs;
    watched_connection *watched;
} connection;

static connection open_connection(server *s)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    atomic_fetch_add(&s->open_connections, 1);
    return (connection){s, pair[0], pair[1], connection_watch_add(s->watch, pair[0], INT64_MAX)};
}

static void close_connection(connection *c)
{
    connection_watch_remove(c->owner->watch, c->watched);
    atomic_fetch_sub(&c->owner->open_connections, 1);
    close(c->ours);
    close(c->theirs);
}

/* As the HTTP library does with a connection that was shut down. */
static void *close_when_ended(void *argument)
{
    connection *c = argument;
    char byte;
    while (recv(c->ours, &byte, 1, 0) > 0)
        ;
    close_connection(c);
    return NULL;
}

static void closes_idle_connections(void **state)
{
    (void)state;
    server *s = make_server();
    pthread_t thread;
    s->settings.drain_timeout_ms = NEVER_MS;
    s->settings.drain_delay_ms = 1;
    connection idle = open_connection(s);
    assert_true(thread_start(&thread, close_when_ended, &idle, "closes"));
    assert_true(server_drain(s));
    pthread_join(thread, NULL); /* it was ended: the client had not */
    assert_int_equal(atomic_load(&s->open_connections), 0);
    free_server(s);
}

/* One that works for its client is not ended, whatever the time. */
static void leaves_busy_connections_alone(void **state)
{
    (void)state;
    server *s = make_server();
    connection busy = open_connection(s);
    char byte;
    connection_watch_set(busy.watched, WATCH_WORK, INT64_MAX);
    s->settings.drain_timeout_ms = 1;
    begin_request(s);
    assert_false(server_drain(s));
    assert_int_equal(recv(busy.theirs, &byte, 1, MSG_DONTWAIT), -1); /* still open */
    end_request(s);
    close_connection(&busy);
    assert_true(server_drain(s));
    free_server(s);
}

typedef struct late_request {
    connection *on;
    atomic_bool finished;
} late_request;

/* A request lies unread on a kept connection, longer than the former wait for idle connections. */
static void *serve_late_request(void *argument)
{
    late_request *late = argument;
    char byte;
    nanosleep(&(const struct timespec){.tv_sec = 2, .tv_nsec = 200 * NS_PER_MS}, NULL);
    begin_request(late->on->owner);
    assert_int_equal(recv(late->on->ours, &byte, 1, 0), 1);
    atomic_store(&late->finished, true);
    end_request(late->on->owner);
    close_connection(late->on);
    return NULL;
}

static void a_request_that_came_meanwhile_has_the_whole_time(void **state)
{
    (void)state;
    server *s = make_server();
    pthread_t thread;
    s->settings.drain_timeout_ms = NEVER_MS;
    connection kept = open_connection(s);
    late_request late = {.on = &kept};
    assert_int_equal(send(kept.theirs, "P", 1, 0), 1);
    assert_true(thread_start(&thread, serve_late_request, &late, "serves"));
    assert_true(server_drain(s));
    assert_true(atomic_load(&late.finished));
    pthread_join(thread, NULL);
    free_server(s);
}

static void *begin_with_connection(void *argument)
{
    connection *c = argument;
    c->watched = connection_watch_add(c->owner->watch, c->ours, INT64_MAX);
    atomic_fetch_add(&c->owner->open_connections, 1);
    atomic_fetch_sub(&c->owner->handed_over, 1);
    close_when_ended(c);
    return NULL;
}

static void waits_for_connections_that_were_handed_over(void **state)
{
    (void)state;
    server *s = make_server();
    pthread_t thread;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    connection fresh = {.owner = s, .ours = pair[0], .theirs = pair[1]};
    atomic_store(&s->handed_over, 1);
    s->settings.drain_timeout_ms = 1;
    assert_false(server_drain(s)); /* there may be a request on it */
    s->settings.drain_timeout_ms = NEVER_MS;
    assert_true(thread_start(&thread, begin_with_connection, &fresh, "begins"));
    assert_true(server_drain(s));
    pthread_join(thread, NULL);
    free_server(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_came_meanwhile_has_the_whole_time),
        cmocka_unit_test(waits_for_connections_that_were_handed_over),
        cmocka_unit_test(waits_only_while_there_are_requests),
        cmocka_unit_test(the_last_request_ends_the_wait),
        cmocka_unit_test(is_not_ready_any_more_although_requests_do_not_end),
        cmocka_unit_test(closes_idle_connections),
        cmocka_unit_test(leaves_busy_connections_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
