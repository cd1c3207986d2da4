#include "unit.h"

#include "http/connection/listen_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool connects(uint16_t port)
{
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool connected = connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    close(descriptor);
    return connected;
}

static void listens_on_any_free_port(void **state)
{
    (void)state;
    const char *const hosts[] = {"127.0.0.1", "localhost", "0.0.0.0"};
    for (size_t i = 0; i < 3; i++) {
        listen_sockets sockets;
        aki_error error;
        assert_int_equal(listen_sockets_open(&sockets, hosts[i], 0, &error), AKI_OK);
        assert_true(sockets.count >= 1);
        assert_int_not_equal(sockets.port, 0);
        assert_true(connects(sockets.port));
        listen_sockets_close(&sockets);
        assert_false(connects(sockets.port));
    }
}

static void takes_ipv6_addresses_with_and_without_brackets(void **state)
{
    (void)state;
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool possible = probe >= 0 && bind(probe, (struct sockaddr *)&address, sizeof address) == 0;
    if (probe >= 0)
        close(probe);
    if (!possible) {
        print_message("no IPv6 on this machine: skipped\n");
        skip();
    }
    const char *const hosts[] = {"::1", "[::1]", "::"};
    for (size_t i = 0; i < 3; i++) {
        listen_sockets sockets;
        aki_error error;
        assert_int_equal(listen_sockets_open(&sockets, hosts[i], 0, &error), AKI_OK);
        assert_int_equal(connects(sockets.port), i == 2);
        listen_sockets_close(&sockets);
    }
}

static void says_what_to_do_when_it_cannot(void **state)
{
    (void)state;
    listen_sockets first, second;
    aki_error error;
    assert_int_equal(listen_sockets_open(&first, "127.0.0.1", 0, &error), AKI_OK);
    assert_int_equal(listen_sockets_open(&second, "127.0.0.1", first.port, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "in use"));
    assert_non_null(strstr(error.hint, "--port"));
    assert_int_equal(second.count, 0);
    listen_sockets_close(&first);
    assert_int_equal(listen_sockets_open(&second, "192.0.2.1", 0, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.hint, "--host"));
    assert_int_equal(listen_sockets_open(&second, "no such host!", 0, &error), AKI_INVALID_ARGUMENT);
    assert_int_equal(listen_sockets_open(&second, "", 0, &error), AKI_INVALID_ARGUMENT);
    assert_int_equal(listen_sockets_open(&second, "[]", 0, &error), AKI_INVALID_ARGUMENT);
}

/* Without blocking: true once the system has established the connection, which takes no time on the loopback. */
static int begin_to_connect(const struct sockaddr *address, socklen_t length, bool *connected)
{
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(descriptor >= 0);
    *connected = connect(descriptor, address, length) == 0;
    if (!*connected && errno == EINPROGRESS) {
        struct pollfd polled = {.fd = descriptor, .events = POLLOUT};
        int failure = 0;
        socklen_t size = sizeof failure;
        *connected = poll(&polled, 1, 0) == 1 &&
                     getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0;
    }
    return descriptor;
}

static void check_refusing(const listen_sockets *sockets, const struct sockaddr *address, socklen_t length)
{
    const int listening = sockets->descriptors[sockets->count - 1];
    bool before, after;
    const int early = begin_to_connect(address, length, &before);
    listen_sockets_refuse_new(sockets);
    const int late = begin_to_connect(address, length, &after);
    assert_true(before);
    assert_false(after);
    const int accepted = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    assert_true(accepted >= 0);
    assert_int_equal(accept4(listening, NULL, NULL, SOCK_NONBLOCK), -1);
    assert_int_equal(send(early, "x", 1, 0), 1);
    char byte;
    assert_int_equal(recv(accepted, &byte, 1, MSG_DONTWAIT), 1);
    close(accepted);
    close(early);
    close(late);
}

static void lets_in_what_has_connected_and_nothing_more(void **state)
{
    (void)state;
    listen_sockets sockets;
    aki_error error;
    assert_int_equal(listen_sockets_open(&sockets, "127.0.0.1", 0, &error), AKI_OK);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(sockets.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check_refusing(&sockets, (const struct sockaddr *)&address, sizeof address);
    listen_sockets_close(&sockets);
    assert_int_equal(listen_sockets_open(&sockets, "127.0.0.1", 0, &error), AKI_OK);
    sockets.adopted = true; /* others listen on it as well */
    listen_sockets_refuse_new(&sockets);
    assert_true(connects(sockets.port));
    listen_sockets_close(&sockets);
}

static void a_unix_socket_lets_in_nothing_more_either(void **state)
{
    (void)state;
    listen_sockets sockets = {0};
    aki_error error;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/akidb-listen-%ld", (long)getpid());
    assert_int_equal(listen_sockets_add_unix(&sockets, address.sun_path, 0600, &error), AKI_OK);
    check_refusing(&sockets, (const struct sockaddr *)&address, sizeof address);
    listen_sockets_close(&sockets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_on_any_free_port),
        cmocka_unit_test(takes_ipv6_addresses_with_and_without_brackets),
        cmocka_unit_test(says_what_to_do_when_it_cannot),
        cmocka_unit_test(lets_in_what_has_connected_and_nothing_more),
        cmocka_unit_test(a_unix_socket_lets_in_nothing_more_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
