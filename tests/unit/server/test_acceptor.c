#include "http_client.h"

#include "server/acceptor.h"

#include <linux/sockios.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

typedef struct door {
    acceptor *acceptor;
    uint16_t port;
    bool full;           /* nobody is let in */
    const char *refusal; /* NULL = not a word */
    sem_t *may_look;     /* has_room waits for it; NULL = it does not */
    sem_t taken, warned;
    atomic_uint count;
    sa_family_t family; /* of the last one taken */
} door;

static bool has_room(void *cookie, const struct sockaddr *address, buf *refusal)
{
    door *d = cookie;
    if (d->may_look != NULL)
        sem_wait(d->may_look);
    assert_int_equal(address->sa_family, AF_INET);
    if (d->full && d->refusal != NULL)
        buf_append_string(refusal, d->refusal);
    return !d->full;
}

static void take(void *cookie, int descriptor, const struct sockaddr *address, socklen_t length)
{
    door *d = cookie;
    d->family = length >= sizeof(struct sockaddr_in) ? address->sa_family : AF_UNSPEC;
    close(descriptor);
    atomic_fetch_add(&d->count, 1);
    sem_post(&d->taken);
}

static void note(void *cookie, aki_log_level level, const char *target, const char *message)
{
    door *d = cookie;
    (void)target;
    if (level == AKI_LOG_WARN && strstr(message, "ulimit -n") != NULL)
        sem_post(&d->warned);
}

static void open_door(door *d)
{
    listen_sockets sockets;
    aki_error error;
    const acceptor_settings settings = {
        .take = take, .has_room = has_room, .cookie = d, .log = {.write = note, .cookie = d}};
    sem_init(&d->taken, 0, 0);
    sem_init(&d->warned, 0, 0);
    assert_int_equal(listen_sockets_open(&sockets, "127.0.0.1", 0, &error), AKI_OK);
    d->port = sockets.port;
    assert_int_equal(acceptor_open(&d->acceptor, &sockets, &settings, &error), AKI_OK);
    assert_int_equal(sockets.count, 0); /* they are the acceptor's now */
}

static void close_door(door *d)
{
    acceptor_close(d->acceptor);
    sem_destroy(&d->taken);
    sem_destroy(&d->warned);
}

static void hands_connections_over(void **state)
{
    (void)state;
    door d = {0};
    open_door(&d);
    for (int i = 0; i < 5; i++) {
        const int client = http_connect(d.port);
        assert_true(client >= 0);
        sem_wait(&d.taken);
        close(client);
    }
    close_door(&d);
    assert_int_equal(d.family, AF_INET);
    assert_int_equal(atomic_load(&d.count), 5);
    acceptor_close(NULL);
}

/* Closing the listening socket alone would reset them. */
static void takes_what_had_connected_when_it_ends(void **state)
{
    (void)state;
    door d = {0};
    int clients[20];
    open_door(&d);
    for (int i = 0; i < 20; i++)
        assert_true((clients[i] = http_connect(d.port)) >= 0);
    close_door(&d);
    assert_int_equal(atomic_load(&d.count), 20);
    assert_int_equal(http_connect(d.port), -1);
    for (int i = 0; i < 20; i++)
        close(clients[i]);
}

/* Unread bytes would make the system reset the connection, and the client would not see the reply. */
static void a_refusal_reaches_a_client_that_has_sent(void **state)
{
    (void)state;
    static char request[20000], reply[100];
    sem_t may_look;
    sem_init(&may_look, 0, 0);
    door d = {.full = true, .refusal = "no room\r\n", .may_look = &may_look};
    open_door(&d);
    const int client = http_connect(d.port);
    assert_true(client >= 0);
    assert_int_equal(send(client, request, sizeof request, 0), sizeof request);
    for (int unacknowledged = 1; unacknowledged > 0;)
        assert_int_equal(ioctl(client, SIOCOUTQ, &unacknowledged), 0);
    sem_post(&may_look);
    http_read(client, reply, sizeof reply);
    assert_string_equal(reply, "no room\r\n");
    close_door(&d);
    sem_destroy(&may_look);
    assert_int_equal(atomic_load(&d.count), 0);
}

static void a_refusal_may_be_silent(void **state)
{
    (void)state;
    char reply[100];
    door d = {.full = true};
    open_door(&d);
    http_read(http_connect(d.port), reply, sizeof reply);
    assert_string_equal(reply, "");
    close_door(&d);
}

static void goes_on_when_descriptors_are_to_be_had_again(void **state)
{
    (void)state;
    door d = {0};
    struct rlimit before, none;
    open_door(&d);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3; /* all of them are taken; poll itself needs that many */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(d.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client >= 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const bool connected = connect(client, (struct sockaddr *)&address, sizeof address) == 0;
    sem_wait(&d.warned);
    const unsigned taken = atomic_load(&d.count);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    sem_wait(&d.taken);
    assert_true(connected);
    assert_int_equal(taken, 0);
    close(client);
    close_door(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_connections_over),
        cmocka_unit_test(takes_what_had_connected_when_it_ends),
        cmocka_unit_test(a_refusal_reaches_a_client_that_has_sent),
        cmocka_unit_test(a_refusal_may_be_silent),
        cmocka_unit_test(goes_on_when_descriptors_are_to_be_had_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
