/* The end of an exchange, with the library's calls made by the test. */
#include "unit.h"

#include "base/memory.h"
#include "server/exchange.h"
#include "server/server_metrics.h"

#include <sys/socket.h>

typedef struct connection {
    int ours, theirs;
    watched_connection *watched;
} connection;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Calls so far. */
static void count(void *cookie)
{
    pthread_mutex_lock(&lock);
    ++*(unsigned *)cookie;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static connection connect_to(const server *s)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    return (connection){pair[0], pair[1], connection_watch_add(s->watch, pair[0], INT64_MAX)};
}

static void disconnect(const server *s, const connection *c)
{
    connection_watch_remove(s->watch, c->watched);
    close(c->ours);
}

/* The client of a resumed connection is gone, and the library ends it without asking for the reply. The connection
 * watch sees the end as well, and must not report it to the freed exchange. */
static void nobody_is_told_of_a_client_once_its_request_has_ended(void **state)
{
    (void)state;
    server *s = calloc(1, sizeof *s);
    aki_error error;
    assert_non_null(s);
    server_settings_init(&s->settings);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    assert_int_equal(server_metrics_open(s, &error), AKI_OK);
    assert_int_equal(connection_watch_open(&s->watch, &error), AKI_OK);

    unsigned told_of_ended = 0, told_of_other = 0;
    const connection ended = connect_to(s), other = connect_to(s);
    exchange *x = mem_zalloc(1, sizeof *x);
    assert_non_null(x);
    x->owner = s;
    x->watched = ended.watched;
    s->requests = 1;
    assert_true(connection_watch_expect(ended.watched, count, &told_of_ended));
    assert_true(connection_watch_expect(other.watched, count, &told_of_other));
    void *context = x;
    exchange_on_completed(s, NULL, &context, MHD_REQUEST_TERMINATED_WITH_ERROR);
    assert_null(context);

    close(ended.theirs);
    close(other.theirs);
    pthread_mutex_lock(&lock);
    while (told_of_other == 0) /* ends are reported in their order */
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    assert_int_equal(told_of_ended, 0);

    disconnect(s, &ended);
    disconnect(s, &other);
    connection_watch_close(s->watch);
    metrics_close(s->metrics);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_told_of_a_client_once_its_request_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
