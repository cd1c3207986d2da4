/* The end of a service without a model: requests are counted by hand, connections are real. */
#include "http_client.h"

#include "base/thread.h"
#include "server/listening.h"
#include "server/server.h"

#include <sched.h>

#define NEVER_MS (24 * 3600 * INT64_C(1000))
#define REPLY_BYTES 4096

static server *make_server(int64_t drain_timeout_ms)
{
    server *s = NULL;
    server_settings settings;
    aki_error error;
    server_settings_init(&settings);
    settings.port = 0;
    settings.http_threads = 2;
    settings.max_connections = 10;
    settings.drain_timeout_ms = drain_timeout_ms;
    assert_int_equal(server_open(&s, &settings, &error), AKI_OK);
    return s;
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
    server *s = make_server(0);
    assert_true(drain_wait(s, 0));
    assert_true(drain_wait(s, NEVER_MS));
    begin_request(s);
    assert_false(drain_wait(s, 0));
    assert_false(drain_wait(s, 1));
    assert_false(drain_wait(s, -5));
    end_request(s);
    assert_true(drain_wait(s, 0));
    server_close(s);
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
    server *s = make_server(0);
    pthread_t thread;
    begin_request(s);
    begin_request(s);
    assert_true(thread_start(&thread, end_two_requests, s, "ends"));
    assert_true(drain_wait(s, NEVER_MS)); /* returns at all */
    pthread_join(thread, NULL);
    server_close(s);
}

static void is_not_ready_any_more_although_requests_do_not_end(void **state)
{
    (void)state;
    server *s = make_server(1);
    begin_request(s);
    assert_false(server_drain(s));
    assert_int_equal(server_phase_now(s), SERVER_DRAINING);
    end_request(s);
    assert_true(server_drain(s)); /* again, as after a second signal */
    server_close(s);
}

static int connect_to(const server *s)
{
    const int connection = http_connect(server_port(s));
    assert_true(connection >= 0);
    return connection;
}

static void say(int connection, const char *text)
{
    assert_int_equal(send(connection, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* The reply to a request on a connection that stays open. */
static void ask(int connection)
{
    char reply[REPLY_BYTES];
    say(connection, "GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_true(recv(connection, reply, sizeof reply, 0) > 0);
}

static void closes_idle_connections(void **state)
{
    (void)state;
    server *s = make_server(NEVER_MS);
    const int silent = connect_to(s), kept = connect_to(s);
    char byte;
    ask(kept);
    assert_true(server_drain(s));
    assert_int_equal(http_front_connections(s->front), 0);
    assert_int_equal(recv(silent, &byte, 1, 0), 0);
    assert_int_equal(recv(kept, &byte, 1, 0), 0);
    close(silent);
    close(kept);
    server_close(s);
}

/* One on which a request is under way is not ended before the time is over. */
static void leaves_busy_connections_alone(void **state)
{
    (void)state;
    server *s = make_server(1);
    const int busy = connect_to(s);
    char byte;
    ask(busy);
    say(busy, "POST /health/live HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\nExpect: ");
    assert_true(server_drain(s)); /* of which the head is not there: no request is lost */
    assert_int_equal(http_front_connections(s->front), 1);
    assert_int_equal(recv(busy, &byte, 1, MSG_DONTWAIT), -1); /* still open */
    close(busy);
    server_close(s);
}

typedef struct client {
    const server *of;
    int connection;
    char reply[REPLY_BYTES];
} client;

static void *finish_request(void *argument)
{
    client *c = argument;
    while (server_phase_now(c->of) != SERVER_DRAINING)
        sched_yield();
    say(c->connection, "{}");
    http_read(c->connection, c->reply, sizeof c->reply);
    return NULL;
}

/* A request that is half there when the drain begins is answered, by the last reply of its connection. */
static void a_request_under_way_has_the_whole_time(void **state)
{
    (void)state;
    server *s = make_server(NEVER_MS);
    static client c;
    pthread_t thread;
    c.of = s;
    c.connection = connect_to(s);
    say(c.connection, "POST /admin HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n");
    while (drain_wait(s, 0)) /* until the server has begun with it */
        ;
    assert_true(thread_start(&thread, finish_request, &c, "finishes"));
    assert_true(server_drain(s));
    pthread_join(thread, NULL);
    assert_reply(c.reply, "404", "\r\nConnection: close\r\n");
    server_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_only_while_there_are_requests),
        cmocka_unit_test(the_last_request_ends_the_wait),
        cmocka_unit_test(is_not_ready_any_more_although_requests_do_not_end),
        cmocka_unit_test(closes_idle_connections),
        cmocka_unit_test(leaves_busy_connections_alone),
        cmocka_unit_test(a_request_under_way_has_the_whole_time),
        cmocka_unit_test(leaves_busy_connections_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
