/* A server without a model: what it listens on, how many it lets in, and that a start that fails leaves nothing open. */
#include "http_client.h"

#include "server/listening.h"
#include "server/server.h"

#define REPLY_BYTES 4096

static char folder[64], path[80];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_listening_XXXXXX"); /* a unix socket's path is short */
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static server_settings settings_on_any_port(void)
{
    server_settings settings;
    server_settings_init(&settings);
    settings.port = 0;
    settings.http_threads = 1;
    settings.max_connections = 10;
    return settings;
}

static server *open_server(const server_settings *settings)
{
    server *s;
    aki_error error;
    assert_int_equal(server_open(&s, settings, &error), AKI_OK);
    return s;
}

/* What is a socket that this machine cannot listen on, and who does already. */
typedef struct refusal {
    const char *what;
    server_settings settings;
    aki_status status;
    const char *hint;
} refusal;

static void a_start_that_fails_leaves_nothing_open(void **state)
{
    (void)state;
    server_settings fine = settings_on_any_port();
    fine.admin_host = "127.0.0.1";
    server_close(open_server(&fine)); /* what libraries open once is open now */
    server *other = open_server(&fine);
    char long_path[300];
    memset(long_path, 'p', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    refusal rows[] = {{"host", fine, AKI_INVALID_ARGUMENT, "--host"},
                      {"address", fine, AKI_IO_ERROR, "--host"},
                      {"port", fine, AKI_IO_ERROR, "--port"},
                      {"admin port", fine, AKI_IO_ERROR, "--port"},
                      {"unix socket", fine, AKI_INVALID_ARGUMENT, "--unix-socket"},
                      {"certificate", fine, AKI_IO_ERROR, ""},
                      {"keys", fine, AKI_IO_ERROR, ""}};
    rows[0].settings.host = "no such host!";
    rows[1].settings.host = "192.0.2.1"; /* RFC 5737: nobody's */
    rows[2].settings.port = server_port(other);
    rows[3].settings.admin_port = server_admin_port(other);
    rows[4].settings.unix_socket = long_path;
    rows[5].settings.tls_certificate = rows[5].settings.tls_key = "/no/such/file";
    rows[6].settings.api_keys_file = "/no/such/file";
    const size_t before = open_descriptors();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        server *s = other;
        aki_error error;
        const aki_status status = server_open(&s, &rows[i].settings, &error);
        if (status != rows[i].status || strstr(error.hint, rows[i].hint) == NULL)
            fail_msg("%s: status %d, %s. %s", rows[i].what, status, error.message, error.hint);
        assert_null(s);
        if (open_descriptors() != before)
            fail_msg("%s: %zu descriptors before, %zu after", rows[i].what, before, open_descriptors());
    }
    server_close(other);
}

static void takes_over_what_it_was_handed_and_nothing_else(void **state)
{
    (void)state;
    char reply[REPLY_BYTES];
    server_settings settings = settings_on_any_port();
    server_close(open_server(&settings));
    const size_t before = open_descriptors();
    int handed[2] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_STREAM, 0)};
    settings.inherited = handed;
    settings.inherited_count = 2;
    assert_int_equal(listen(handed[0], 1),
                     0); /* at a port of the system's choice; the other one does not listen */
    server *s;
    aki_error error;
    assert_int_equal(server_open(&s, &settings, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.hint, "ListenStream"));
    assert_int_equal(open_descriptors(), before); /* both are closed */
    handed[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(listen(handed[0], 1), 0);
    settings.inherited_count = 1;
    s = open_server(&settings);
    http_ask(http_connect(server_port(s)), "GET", "/health/live", reply, sizeof reply);
    assert_reply(reply, "200", "\"ok\"");
    server_close(s);
    assert_int_equal(open_descriptors(), before);
}

/* A connection that is known to be counted. */
static int connect_and_ask(uint16_t port)
{
    static const char request[] = "GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n";
    char reply[REPLY_BYTES];
    const int connection = http_connect(port);
    assert_true(connection >= 0);
    assert_int_equal(send(connection, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    assert_true(recv(connection, reply, sizeof reply, 0) > 0);
    return connection;
}

static void one_too_many_is_told_why(void **state)
{
    (void)state;
    for (int per_address = 0; per_address < 2; per_address++) {
        char reply[REPLY_BYTES];
        server_settings settings = settings_on_any_port();
        settings.admin_host = "127.0.0.1";
        if (per_address)
            settings.max_connections_per_address = 2;
        else
            settings.max_connections = 2;
        server *s = open_server(&settings);
        const int first = connect_and_ask(server_port(s)), second = connect_and_ask(server_port(s));
        http_read(http_connect(server_port(s)), reply, sizeof reply);
        assert_reply(reply, "503",
                     per_address ? "2 connections are open from your address, which is the limit"
                                 : "2 connections are open, which is the limit");
        assert_reply(reply, "503", "\"too_many_connections\"");
        assert_reply(reply, "503", "\r\nRetry-After: 1\r\n");
        assert_reply(reply, "503", "\r\nx-request-id: ");
        const char *body = strstr(reply, "\r\n\r\n") + 4, *length = strstr(reply, "Content-Length: ");
        assert_int_equal(strtoul(length + strlen("Content-Length: "), NULL, 10), strlen(body));
        http_ask(http_connect(server_admin_port(s)), "GET", "/health/live", reply, sizeof reply);
        assert_reply(reply, "200", "\"ok\""); /* who operates the service is let in */
        close(first);
        close(second);
        server_close(s);
    }
}

static void the_admin_port_has_a_limit_as_well(void **state)
{
    (void)state;
    char reply[REPLY_BYTES];
    int open[ADMIN_CONNECTIONS];
    server_settings settings = settings_on_any_port();
    settings.admin_host = "127.0.0.1";
    server *s = open_server(&settings);
    for (size_t i = 0; i < ADMIN_CONNECTIONS; i++)
        open[i] = connect_and_ask(server_admin_port(s));
    http_read(http_connect(server_admin_port(s)), reply, sizeof reply);
    assert_reply(reply, "503", "connections are open on the admin port, which is the limit");
    http_ask(http_connect(server_port(s)), "GET", "/health/live", reply, sizeof reply);
    assert_reply(reply, "200", "\"ok\"");
    for (size_t i = 0; i < ADMIN_CONNECTIONS; i++)
        close(open[i]);
    server_close(s);
}

static void the_admin_port_goes_on_when_listening_has_stopped(void **state)
{
    (void)state;
    char reply[REPLY_BYTES];
    server_settings settings = settings_on_any_port();
    settings.admin_host = "127.0.0.1";
    server *s = open_server(&settings);
    listening_stop(s);
    assert_int_equal(http_connect(server_port(s)), -1);
    http_ask(http_connect(server_admin_port(s)), "GET", "/health/live", reply, sizeof reply);
    assert_reply(reply, "200", "\"ok\"");
    listening_stop(s); /* is nothing more */
    server_close(s);
}

static void a_unix_socket_may_be_all_there_is(void **state)
{
    (void)state;
    char reply[REPLY_BYTES];
    server_settings settings = settings_on_any_port();
    settings.host = NULL;
    settings.unix_socket = path;
    server *s = open_server(&settings);
    assert_int_equal(server_port(s), 0);
    assert_int_equal(server_admin_port(s), 0);
    http_ask(http_connect_unix(path), "GET", "/health/live", reply, sizeof reply);
    assert_reply(reply, "200", "\"ok\"");
    server_close(s);
    assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_that_fails_leaves_nothing_open),
        cmocka_unit_test(takes_over_what_it_was_handed_and_nothing_else),
        cmocka_unit_test(one_too_many_is_told_why),
        cmocka_unit_test(the_admin_port_has_a_limit_as_well),
        cmocka_unit_test(the_admin_port_goes_on_when_listening_has_stopped),
        cmocka_unit_test(a_unix_socket_may_be_all_there_is),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
