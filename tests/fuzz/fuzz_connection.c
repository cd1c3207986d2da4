/* Fuzzes a connection of HTTP/1 or HTTP/2 from its first byte to its end: a whole front, and the handler of front_service.h, which
 * checks the order of what it is told, and what the requests hold. Every stream must have one end, and every request
 * one reply.
 *
 * The first byte chooses: bit 0, the preface of HTTP/2 and an empty SETTINGS frame go before the input; bit 1, the client closes
 * without reading; bit 2, it resets the connection then. The second and third byte say where the rest is divided into two
 * pieces. What is not HTTP/2 is sent twice, whole and in these pieces, and must be the same requests both times.
 *
 * A request's target decides what becomes of it: see front_service.h. "/l…" has a large reply. */
#include "fuzz.h"
#include "scratch.h"

#include "http/front_service.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_BYTES 3
#define MAX_HEAD_BYTES 2048
#define REPLIES_MAX ((size_t)4 << 20)
/* More time than anything may take: what takes longer hangs. */
#define HANG_MS 30000

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

/* ---- The client ---------------------------------------------------------------------------------------------------- */

static struct sockaddr_un address = {.sun_family = AF_UNIX};

/* Nothing of the request, so that replies can be counted. */
static void fill(const http_stream *stream, const buf *body, buf *text)
{
    (void)body;
    const size_t repeats = service_kind(stream) == 'l' ? 10000 : 1;
    for (size_t i = 0; i < repeats; i++)
        FUZZ_CHECK(buf_append(text, "0123456789", 10));
}

static void open_front(void)
{
    http_front_settings settings = service_settings();
    settings.h2c = true;
    settings.max_header_bytes = MAX_HEAD_BYTES;
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, "socket");
    FUZZ_CHECK(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    service.answer = fill;
    service.resumes_gone = true;
    service_start(&settings, path);
}

static int open_connection(void)
{
    const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(connection >= 0);
    /* libFuzzer's clock is a signal, which interrupts a connect that waits on a busy machine. */
    while (connect(connection, (const struct sockaddr *)&address, sizeof address) != 0)
        FUZZ_CHECK(errno == EINTR);
    return connection;
}

/* The front takes what is sent, unless it waits for the client to read, or has closed. */
static void send_all(int connection, const void *data, size_t size, char *replies, size_t *length)
{
    const char *at = data;
    while (size > 0) {
        const ssize_t went = send(connection, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (went > 0) {
            at += went;
            size -= (size_t)went;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return;
        struct pollfd watched = {.fd = connection, .events = POLLIN | POLLOUT};
        FUZZ_CHECK(poll(&watched, 1, HANG_MS) != 0);
        if ((watched.revents & POLLIN) == 0)
            continue;
        const ssize_t got = recv(connection, replies + *length, REPLIES_MAX - *length, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return;
        *length += got > 0 ? (size_t)got : 0;
        FUZZ_CHECK(*length < REPLIES_MAX);
    }
}

static void read_to_end(int connection, char *replies, size_t room, size_t *length)
{
    ssize_t got;
    do {
        struct pollfd watched = {.fd = connection, .events = POLLIN};
        FUZZ_CHECK(poll(&watched, 1, HANG_MS) != 0);
        got = recv(connection, replies + *length, room - *length, 0);
        *length += got > 0 ? (size_t)got : 0;
        FUZZ_CHECK(*length < room);
    } while (got > 0 || (got < 0 && errno == EINTR));
}

/* A connection that the front has not accepted yet is not counted; they are accepted in their order. */
static void await_accept(void)
{
    static const char request[] = "GET /p HTTP/1.0\r\n\r\n";
    char reply[512];
    size_t length = 0;
    const int connection = open_connection();
    send_all(connection, request, sizeof request - 1, reply, &length);
    read_to_end(connection, reply, sizeof reply, &length);
    FUZZ_CHECK(length > 0);
    close(connection);
}

static void await_end(void)
{
    const time_t begun = time(NULL);
    while (http_front_connections(service.front) > 0) {
        FUZZ_CHECK(time(NULL) - begun < HANG_MS / 1000);
        sched_yield();
    }
    FUZZ_CHECK(service.counts.begun == service.counts.ended && service.counts.turned_away == 0);
}

static unsigned count_replies(const char *replies, size_t length)
{
    static const char line[] = "HTTP/1.1 ";
    unsigned count = 0;
    const char *at = replies, *end = replies + length;
    while ((at = memmem(at, (size_t)(end - at), line, sizeof line - 1)) != NULL) {
        at += sizeof line - 1;
        count += at < end && *at != '1'; /* an interim one is none */
    }
    return count;
}

static void converse(uint8_t choices, const uint8_t *data, size_t size, size_t cut)
{
    static char replies[REPLIES_MAX];
    size_t length = 0;
    const int connection = open_connection();
    service_forget_counts();
    if ((choices & 1) != 0)
        send_all(connection, preface, sizeof preface - 1, replies, &length);
    send_all(connection, data, cut, replies, &length);
    if (cut > 0)
        sched_yield();
    send_all(connection, data + cut, size - cut, replies, &length);
    if ((choices & 2) != 0) {
        const struct linger at_once = {.l_onoff = 1};
        if ((choices & 4) != 0)
            setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(connection);
        await_accept();
        await_end();
        return;
    }
    shutdown(connection, SHUT_WR);
    read_to_end(connection, replies, sizeof replies, &length);
    close(connection);
    await_end();
    if (length >= 7 && memcmp(replies, "HTTP/1.", 7) == 0)
        FUZZ_CHECK(count_replies(replies, length) == service.counts.whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (service.front == NULL)
        open_front();
    if (size <= CONTROL_BYTES)
        return 0;
    const size_t length = size - CONTROL_BYTES, cut = (data[1] * 256u + data[2]) % (length + 1);
    converse(data[0], data + CONTROL_BYTES, length, cut);
    if ((data[0] & 3) != 0 || memmem(data, size, "PRI", 3) != NULL)
        return 0;
    const uint64_t requests = service.counts.requests;
    const unsigned begun = service.counts.begun, whole = service.counts.whole;
    converse(data[0], data + CONTROL_BYTES, length, 0);
    FUZZ_CHECK(requests == service.counts.requests && begun == service.counts.begun &&
               whole == service.counts.whole);
    return 0;
}
