#include "unit.h"

#include "server/listen_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_on_any_free_port),
        cmocka_unit_test(takes_ipv6_addresses_with_and_without_brackets),
        cmocka_unit_test(says_what_to_do_when_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
