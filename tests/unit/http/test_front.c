/* A whole front with the handler of front_service.h: requests go in as raw bytes, replies are compared byte for byte but for Date. */
#include "server/http_client.h"
#include "http/front_service.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>

#define REPLY_BYTES 65536

/* Two threads, so that connections are handed over. */
static http_front_settings usual(void)
{
    http_front_settings settings = service_settings();
    settings.threads = 2;
    return settings;
}

static int connect_to(void)
{
    const int connection = http_connect(service.port);
    assert_true(connection >= 0);
    return connection;
}

static void say(int connection, const char *data, size_t length)
{
    while (length > 0) {
        const ssize_t sent = send(connection, data, length, MSG_NOSIGNAL);
        if (sent < 0)
            return; /* refused meanwhile */
        data += sent;
        length -= (size_t)sent;
    }
}

/* Everything until the end, without the Date lines. */
static void read_all(int connection, char *replies, size_t room)
{
    http_read(connection, replies, room);
    for (char *date; (date = strstr(replies, "Date: ")) != NULL;) {
        char *next = strstr(date, "\r\n") + 2;
        assert_int_equal(next - date, 37);
        memmove(date, next, strlen(next) + 1);
    }
}

#define HEAD(status, extra, length)                                                                          \
    "HTTP/1.1 " status "\r\n" extra "X-Note: n\r\nContent-Length: " length "\r\n\r\n"
#define OK(length, body) HEAD("200 OK", "", length) body
#define LAST(length, body) HEAD("200 OK", "Connection: close\r\n", length) body
#define REFUSED(status) "HTTP/1.1 " status "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#define H "\r\nHost: x\r\n"

typedef struct row {
    const char *sent;
    size_t length;
    const char *replies;
} row;

#define ROW(sent, replies)                                                                                   \
    {                                                                                                        \
        sent, sizeof(sent) - 1, replies                                                                      \
    }

/* Each ends by a last reply, or because the client ends its side. */
static const row rows[] = {
    ROW("", ""),
    ROW("GET / HTTP/1.1" H "\r\n", OK("8", "GET / []")),
    ROW("GET / HTTP/1.1" H "x-last: 1\r\n\r\nGET /2 HTTP/1.1" H "\r\n", LAST("8", "GET / []")),
    ROW("GET / HTTP/1.1" H "Connection: close\r\n\r\nGET /2 HTTP/1.1" H "\r\n", LAST("8", "GET / []")),
    ROW("GET / HTTP/1.1" H "Connection: a, Close\r\n\r\nGET", LAST("8", "GET / []")),
    ROW("GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n", LAST("8", "GET / []")),
    ROW("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n",
        HEAD("200 OK", "Connection: keep-alive\r\n", "8") "GET / []" LAST("9", "GET /2 []")),
    ROW("HEAD / HTTP/1.1" H "\r\nGET /2 HTTP/1.1" H "\r\n", OK("9", "") OK("9", "GET /2 []")),
    ROW("\r\nGET / HTTP/1.1" H "\r\n\r\nGET /2 HTTP/1.1" H "\r\n", OK("8", "GET / []") OK("9", "GET /2 []")),
    ROW("POST / HTTP/1.1" H "Content-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1" H "Content-Length: 0\r\n\r\n",
        OK("12", "POST / [abc]") OK("10", "POST /2 []")),
    ROW("POST / HTTP/1.1" H
        "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: u\r\n\r\nGET /2 HTTP/1.1" H
        "\r\n",
        OK("12", "POST / [abc]") OK("9", "GET /2 []")),
    ROW("POST / HTTP/1.1" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", OK("9", "POST / []")),
    ROW("POST / HTTP/1.1" H "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\nabc",
        "HTTP/1.1 100 Continue\r\n\r\n" OK("12", "POST / [abc]")),
    ROW("POST / HTTP/1.1" H "Content-Length: 3\r\nExpect: tea\r\n\r\nabc", OK("12", "POST / [abc]")),
    ROW("POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
        LAST("12", "POST / [abc]")),
    ROW("POST / HTTP/1.1" H "Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\nabc",
        OK("12", "POST / [abc]")),
    ROW("POST /early HTTP/1.1" H "Content-Length: 300\r\n\r\nabc", REFUSED("413 Content Too Large")),
    ROW("GET /nothing HTTP/1.1" H "\r\nGET / HTTP/1.1" H "\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: "
        "application/json\r\nRetry-After: 1\r\n"
        "Content-Length: 9\r\n\r\n" SERVICE_OUT_OF_MEMORY),
    /* Not whole: nothing is said. */
    ROW("GET / HTT", ""),
    ROW("POST / HTTP/1.1" H "Content-Length: 4\r\n\r\nabc", ""),
    ROW("POST / HTTP/1.1" H "Transfer-Encoding: chunked\r\n\r\n4\r\nabc", ""),
    ROW("POST /cut HTTP/1.1" H "Content-Length: 4\r\n\r\nabcd", ""),
    ROW("GET /x HTTP/1.1" H "\r\nGET / HTTP/1.1" H "\r\n", ""),
    /* Refused once, whatever follows. */
    ROW("\r\n\r\nGET / HTTP/1.1" H "\r\n", REFUSED("400 Bad Request")),
    ROW("GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1" H "\r\n", REFUSED("400 Bad Request")),
    ROW("GET / HTTP/1.1" H " folded\r\n\r\nGET /2 HTTP/1.1" H "\r\n", REFUSED("400 Bad Request")),
    ROW("GET /1 HTTP/1.1" H "\r\nGET / HTTP/1.1\r\nHos: x\r\n t\r\n\r\nGET /2 HTTP/1.1" H "\r\n",
        OK("9", "GET /1 []") REFUSED("400 Bad Request")),
    ROW("POST / HTTP/1.1" H "Content-Length: +5\r\n\r\nhello", REFUSED("400 Bad Request")),
    ROW("POST / HTTP/1.1" H
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1" H "\r\n",
        REFUSED("400 Bad Request")),
    ROW("POST / HTTP/1.1" H "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\nGET /2 HTTP/1.1" H "\r\n",
        REFUSED("400 Bad Request")),
    ROW("POST / HTTP/1.1" H
        "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: u\r\n v\r\n\r\nGET /2 HTTP/1.1" H "\r\n",
        REFUSED("400 Bad Request")),
    ROW("\x16\x03\x01\x00\xa5", REFUSED("400 Bad Request")),
};

/* Tells when the front has read what was sent; good enough to let pieces come one by one, and nothing depends on it. */
static void let_it_read(int connection)
{
    struct pollfd polled = {.fd = connection, .events = POLLIN};
    poll(&polled, 1, 0);
}

static void check_row(const row *r, size_t cut)
{
    static char replies[REPLY_BYTES];
    const int connection = connect_to();
    say(connection, r->sent, cut);
    if (cut > 0 && cut < r->length)
        let_it_read(connection);
    say(connection, r->sent + cut, r->length - cut);
    shutdown(connection, SHUT_WR);
    read_all(connection, replies, sizeof replies);
    if (strcmp(replies, r->replies) != 0)
        fail_msg("cut at %zu, '%s' is answered '%s', not '%s'", cut, r->sent, replies, r->replies);
}

static void each_request_has_its_reply_however_it_is_split(void **state)
{
    (void)state;
    const http_front_settings settings = usual();
    service_start(&settings, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t cut = 0; cut <= rows[i].length; cut++)
            check_row(&rows[i], cut);
    service_stop();
    assert_true(service.counts.whole <= service.counts.ended);
}

static void a_large_body_and_its_reply_pass_whole(void **state)
{
    (void)state;
    enum { BYTES = 60000 };
    static char request[BYTES + 200], replies[REPLY_BYTES + 1000];
    const http_front_settings settings = usual();
    service_start(&settings, NULL);
    for (int chunked = 0; chunked < 2; chunked++) {
        int length = snprintf(request, sizeof request,
                              chunked ? "POST / HTTP/1.1" H "x-last: 1\r\nTransfer-Encoding: "
                                        "chunked\r\n\r\n%x\r\n"
                                      : "POST / HTTP/1.1" H "x-last: 1\r\nContent-Length: %u\r\n\r\n",
                              (unsigned)BYTES);
        memset(request + length, 'a', BYTES);
        memcpy(request + length + BYTES, "\r\n0\r\n\r\n", 7);
        const int connection = connect_to();
        say(connection, request, (size_t)length + BYTES + (chunked ? 7 : 0));
        read_all(connection, replies, sizeof replies);
        const char *body = strstr(replies, "\r\n\r\n") + 4;
        assert_int_equal(strlen(body), BYTES + strlen("POST / []"));
        assert_int_equal(strspn(body + strlen("POST / ["), "a"), BYTES);
    }
    service_stop();
}

/* A request that waits; it is resumed by the test. */
static http_stream *await_request(unsigned count)
{
    service_await(&service.counts.waits, count);
    return service.waiting[0];
}

static void a_request_waits_for_its_handler(void **state)
{
    (void)state;
    static const char request[] = "GET /wait HTTP/1.1" H "x-last: 1\r\n\r\n";
    static char replies[REPLY_BYTES];
    const http_front_settings settings = usual();
    service_start(&settings, NULL);
    const int connection = connect_to();
    say(connection, request, sizeof request - 1);
    http_stream_resume(await_request(1)); /* by this thread */
    read_all(connection, replies, sizeof replies);
    assert_string_equal(replies, LAST("12", "GET /wait []"));
    service_await(&service.counts.whole, 1);
    service_stop();
}

static void a_client_that_leaves_is_told_of_once(void **state)
{
    (void)state;
    static const char request[] = "GET /wait HTTP/1.1" H "\r\n";
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    const http_front_settings settings = usual();
    service_start(&settings, NULL);
    for (unsigned way = 0; way < 3; way++) {
        const int connection = connect_to();
        say(connection, request, sizeof request - 1);
        http_stream *stream = await_request(way + 1);
        if (way == 0)
            setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        if (way == 2)
            shutdown(connection, SHUT_WR);
        else
            close(connection);
        service_await(&service.counts.gone, way + 1);
        http_stream_resume(stream);
        service_await(&service.counts.ended, way + 1);
        if (way == 2)
            close(connection);
    }
    service_stop();
    assert_int_equal(service.counts.gone, 3);
}

static void one_too_many_is_turned_away(void **state)
{
    (void)state;
    static char replies[REPLY_BYTES];
    http_front_settings settings = usual();
    for (unsigned by_address = 0; by_address < 2; by_address++) {
        settings.max_connections = by_address ? 100 : 1;
        settings.max_connections_per_address = by_address ? 1 : 0;
        service_start(&settings, NULL);
        const int first = connect_to();
        say(first, "GET / HTTP/1.1" H "\r\n", strlen("GET / HTTP/1.1" H "\r\n"));
        assert_true(recv(first, replies, sizeof replies, 0) > 0);
        assert_int_equal(http_front_connections(service.front), 1);
        read_all(connect_to(), replies, sizeof replies);
        assert_string_equal(replies, by_address ? "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                                                  "Content-Length: 7\r\n\r\naddress"
                                                : "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                                                  "Content-Length: 4\r\n\r\nfull");
        close(first);
        service_stop();
    }
}

/* A connection from another address of the loopback interface. */
static int connect_from(uint32_t host)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(service.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {htonl(host)}};
    const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(connection >= 0);
    assert_int_equal(bind(connection, (const struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(connection, (const struct sockaddr *)&to, sizeof to), 0);
    return connection;
}

static void check_served(int connection)
{
    char reply[1000];
    say(connection, "GET / HTTP/1.1" H "\r\n", strlen("GET / HTTP/1.1" H "\r\n"));
    const ssize_t got = recv(connection, reply, sizeof reply, 0);
    assert_true(got > 12);
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
}

static void addresses_share_the_places(void **state)
{
    (void)state;
    static char replies[REPLY_BYTES];
    http_front_settings settings = usual();
    settings.max_connections = 5;
    settings.threads = 1;
    service_start(&settings, NULL);
    int hog[5], others[3];
    char byte;
    for (size_t i = 0; i < 5; i++) {
        hog[i] = connect_to();
        if (i == 0)
            say(hog[i], "GET /wait HTTP/1.1" H "x-last: 1\r\n\r\n",
                strlen("GET /wait HTTP/1.1" H "x-last: 1\r\n\r\n"));
        else if (i % 2 == 0)
            say(hog[i], "GET / HT", 8);
    }
    http_stream *waiting = await_request(1);
    while (http_front_connections(service.front) < 5)
        sched_yield();
    read_all(connect_to(), replies, sizeof replies); /* has all places itself */
    assert_non_null(strstr(replies, "full"));
    for (uint32_t i = 0; i < 3; i++) {
        others[i] = connect_from(INADDR_LOOPBACK + 1 + i % 2);
        check_served(others[i]);
        while (http_front_connections(service.front) > 5)
            sched_yield();
    }
    read_all(connect_from(INADDR_LOOPBACK + 1), replies, sizeof replies); /* two of each now, and one */
    assert_non_null(strstr(replies, "full"));
    unsigned closed = 0;
    for (size_t i = 1; i < 5; i++)
        closed += recv(hog[i], &byte, 1, MSG_DONTWAIT) == 0;
    assert_int_equal(closed, 3);
    http_stream_resume(waiting);
    read_all(hog[0], replies, sizeof replies); /* the one that is worked for is served */
    assert_string_equal(replies, LAST("12", "GET /wait []"));
    for (size_t i = 0; i < 3; i++)
        close(others[i]);
    for (size_t i = 1; i < 5; i++)
        close(hog[i]);
    service_stop();
}

static void what_is_late_is_closed(void **state)
{
    (void)state;
    static char replies[REPLY_BYTES];
    static const char *const begun[] = {"", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1" H "\r\n",
                                        "GET / HTTP/1.1" H "\r\nGET"};
    http_front_settings settings = usual();
    settings.header_timeout_ms = settings.idle_timeout_ms = 50;
    service_start(&settings, NULL);
    for (size_t i = 0; i < sizeof begun / sizeof begun[0]; i++) {
        const int connection = connect_to();
        say(connection, begun[i], strlen(begun[i]));
        read_all(connection, replies, sizeof replies); /* returns at all */
        assert_string_equal(replies, i < 2 ? "" : OK("8", "GET / []"));
    }
    service_stop();
}

static void nothing_is_lost_at_the_end(void **state)
{
    (void)state;
    static char replies[REPLY_BYTES];
    const http_front_settings settings = usual();
    service_start(&settings, NULL);
    const int waiting = connect_to(), queued = connect_to(), silent = connect_to();
    say(waiting, "GET /wait HTTP/1.1" H "\r\n", strlen("GET /wait HTTP/1.1" H "\r\n"));
    http_stream *stream = await_request(1);
    say(queued, "GET / HTTP/1.1" H "\r\n", strlen("GET / HTTP/1.1" H "\r\n"));
    http_front_stop_listening(service.front);
    http_front_stop_listening(service.front);
    assert_int_equal(http_connect(service.port), -1);
    http_front_drain(service.front);
    http_front_drain(service.front);
    read_all(silent, replies, sizeof replies);
    assert_string_equal(replies, "");
    read_all(queued, replies, sizeof replies);
    assert_true(strcmp(replies, LAST("8", "GET / []")) == 0 || strcmp(replies, OK("8", "GET / []")) == 0);
    http_stream_resume(stream);
    read_all(waiting, replies, sizeof replies);
    assert_string_equal(replies, LAST("12", "GET /wait []"));
    service_stop();
    http_front_close(NULL);
    http_front_drain(NULL);
    http_front_stop_listening(NULL);
    assert_int_equal(http_front_connections(NULL), 0);
}

static void what_is_open_at_the_close_ends(void **state)
{
    (void)state;
    char byte;
    const http_front_settings settings = usual();
    service_start(&settings, NULL);
    const int half = connect_to(), silent = connect_to();
    say(half, "POST / HTTP/1.1" H "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n",
        strlen("POST / HTTP/1.1" H "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"));
    assert_int_equal(recv(half, &byte, 1, 0), 1); /* it was begun with */
    service_stop();
    assert_int_equal(service.counts.ended, 1);
    assert_int_equal(service.counts.whole, 0);
    close(half);
    close(silent);
}

/* Descriptors that the process' epolls watch. */
static size_t count_watched(void)
{
    size_t count = 0;
    char path[300], line[256];
    DIR *folder = opendir("/proc/self/fdinfo");
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        snprintf(path, sizeof path, "/proc/self/fdinfo/%s", entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "r") : NULL;
        while (file != NULL && fgets(line, sizeof line, file) != NULL)
            count += strncmp(line, "tfd:", 4) == 0;
        if (file != NULL)
            fclose(file);
    }
    closedir(folder);
    return count;
}

/* A second descriptor for each socket below `end`, as a child process has them between its start and its exec. Returns how many. */
static size_t copy_sockets(int end, int *copies)
{
    size_t count = 0;
    for (int descriptor = 0; descriptor < end; descriptor++) {
        struct stat about;
        if (fstat(descriptor, &about) == 0 && S_ISSOCK(about.st_mode))
            copies[count++] = fcntl(descriptor, F_DUPFD_CLOEXEC, end);
    }
    return count;
}

static void a_closed_connection_is_watched_no_more_whoever_has_its_socket(void **state)
{
    (void)state;
    enum { MOST = 64 };
    int copies[MOST];
    const http_front_settings settings = usual();
    service_start(&settings, NULL);
    const size_t before = count_watched();
    const int connection = connect_to();
    say(connection, "GET /wait HTTP/1.1" H "\r\n", strlen("GET /wait HTTP/1.1" H "\r\n"));
    http_stream *stream = await_request(1);
    assert_int_equal(count_watched(), before + 1);
    const size_t count = copy_sockets(MOST, copies);
    assert_true(count > 0 && count < MOST);
    shutdown(connection, SHUT_WR);
    http_stream_resume(stream);
    while (http_front_connections(service.front) > 0)
        sched_yield();
    assert_int_equal(count_watched(), before);
    for (size_t i = 0; i < count; i++)
        close(copies[i]);
    close(connection);
    service_stop();
}

/* The request behind a delayed one waits for its turn. A delayed one ends early where its client leaves, and where the service ends. */
static void a_delayed_reply_comes_when_its_time_is_over(void **state)
{
    (void)state;
    static const char two[] = "GET /delay HTTP/1.1" H "\r\nGET /2 HTTP/1.1" H "x-last: 1\r\n\r\n";
    static const char one[] = "GET /delay HTTP/1.1" H "\r\n";
    static char replies[REPLY_BYTES];
    const http_front_settings settings = usual();
    service_start(&settings, NULL);
    const int64_t begin_ns = clock_monotonic_ns();
    const int connection = connect_to();
    say(connection, two, sizeof two - 1);
    read_all(connection, replies, sizeof replies);
    assert_true(clock_monotonic_ns() - begin_ns >= SERVICE_DELAY_NS);
    assert_string_equal(replies, OK("13", "GET /delay []") LAST("9", "GET /2 []"));

    const int leaving = connect_to();
    say(leaving, one, sizeof one - 1);
    service_await(&service.counts.begun, 3);
    close(leaving);
    service_await(&service.counts.ended, 3);

    const int staying = connect_to();
    say(staying, one, sizeof one - 1);
    service_await(&service.counts.begun, 4);
    service_stop();
    assert_int_equal(service.counts.ended, 4);
    close(staying);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_has_its_reply_however_it_is_split),
        cmocka_unit_test(a_large_body_and_its_reply_pass_whole),
        cmocka_unit_test(a_request_waits_for_its_handler),
        cmocka_unit_test(a_client_that_leaves_is_told_of_once),
        cmocka_unit_test(one_too_many_is_turned_away),
        cmocka_unit_test(addresses_share_the_places),
        cmocka_unit_test(what_is_late_is_closed),
        cmocka_unit_test(nothing_is_lost_at_the_end),
        cmocka_unit_test(a_closed_connection_is_watched_no_more_whoever_has_its_socket),
        cmocka_unit_test(what_is_open_at_the_close_ends),
        cmocka_unit_test(a_delayed_reply_comes_when_its_time_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
