#include "unit.h"

#include "cli/serve/notify.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>

static char folder[200], path[300], received[200];
static int receiver;
static notify n;

static void listen_at(const char *name, bool abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(address.sun_path, name, length);
    if (abstract)
        address.sun_path[0] = '\0';
    receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(receiver, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
}

static const char *next(void)
{
    ssize_t length = recv(receiver, received, sizeof received - 1, MSG_DONTWAIT);
    if (length < 0)
        return NULL;
    received[length] = '\0';
    return received;
}

static int set_up(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/notify", folder);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    notify_close(&n);
    close(receiver);
    unlink(path);
    return rmdir(folder);
}

static void sends_to_the_socket_that_is_named(void **state)
{
    (void)state;
    listen_at(path, false);
    setenv("NOTIFY_SOCKET", path, 1);
    notify_open(&n);
    notify_send(&n, "READY=1\nSTATUS=ready");
    assert_string_equal(next(), "READY=1\nSTATUS=ready");
    notify_reloading(&n);
    assert_memory_equal(next(), "RELOADING=1\nMONOTONIC_USEC=", 27);
}

static void sends_to_an_abstract_socket(void **state)
{
    (void)state;
    char name[80];
    snprintf(name, sizeof name, "@akidb-embed-unit-%d", (int)getpid());
    listen_at(name, true);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_open(&n);
    notify_send(&n, "STOPPING=1");
    assert_string_equal(next(), "STOPPING=1");
}

static void gives_signs_of_life_as_often_as_asked_for(void **state)
{
    (void)state;
    listen_at(path, false);
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "3600000000", 1);
    notify_open(&n);
    notify_alive(&n);
    notify_alive(&n);
    assert_string_equal(next(), "WATCHDOG=1");
    assert_null(next());
    notify_close(&n);
    setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
    notify_open(&n);
    notify_alive(&n);
    assert_null(next());
}

static void *send_ready(void *cookie)
{
    notify_send(cookie, "READY=1");
    return NULL;
}

/* Signs of life that a busy manager has not read yet must not cost it the one message that counts. */
static void waits_for_room_for_what_is_sent_once(void **state)
{
    (void)state;
    listen_at(path, false);
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "4", 1); /* a sign at each call */
    notify_open(&n);
    assert_int_equal(connect(n.descriptor, (struct sockaddr *)&n.address, n.address_length), 0);
    struct pollfd room = {.fd = n.descriptor, .events = POLLOUT};
    while (poll(&room, 1, 0) == 1)
        notify_alive(&n);
    pthread_t sender;
    assert_int_equal(pthread_create(&sender, NULL, send_ready, &n), 0);
    const struct timeval patience = {.tv_sec = 60};
    assert_int_equal(setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    ssize_t length;
    do {
        length = recv(receiver, received, sizeof received - 1, 0);
        assert_true(length > 0);
        received[length] = '\0';
    } while (strcmp(received, "READY=1") != 0);
    assert_int_equal(pthread_join(sender, NULL), 0);
}

static void is_silent_where_nobody_listens(void **state)
{
    (void)state;
    receiver = -1;
    const char *const names[] = {"", "relative", "/", "@"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_open(&n);
        assert_int_equal(n.descriptor, -1);
        notify_send(&n, "READY=1");
        notify_alive(&n);
    }
    setenv("NOTIFY_SOCKET", path, 1); /* nothing is bound there */
    notify_open(&n);
    notify_send(&n, "READY=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sends_to_the_socket_that_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sends_to_an_abstract_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_signs_of_life_as_often_as_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waits_for_room_for_what_is_sent_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_silent_where_nobody_listens, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
