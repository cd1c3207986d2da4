/* Fuzzes a connection of HTTP/1 or HTTP/2 from its first byte to its end: a whole front, and a handler of the harness's own that
 * checks the order of what it is told, and what the requests hold. Every stream must have one end, and every request
 * one reply.
 *
 * The first byte chooses: bit 0, the preface of HTTP/2 and an empty SETTINGS frame go before the input; bit 1, the client closes
 * without reading; bit 2, it resets the connection then. The second and third byte say where the rest is divided into two
 * pieces. What is not HTTP/2 is sent twice, whole and in these pieces, and must be the same requests both times.
 *
 * A request's target decides what becomes of it: see on_head and on_complete. */
#include "fuzz.h"
#include "scratch.h"

#include "base/memory.h"
#include "http/front.h"

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
#define MAX_HELD 512

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

/* ---- The handler: all of it runs on the front's one thread -------------------------------------------------------- */

typedef struct request_state {
    bool faulty, completed, replied, aborted, held;
    size_t body;
} request_state;

/* Read by the client once the connection has ended. */
static struct {
    unsigned begun, ended, whole;
    uint64_t requests; /* a hash of what they were */
} seen;

static http_stream *held[MAX_HELD]; /* requests that wait */

static void hash(const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        seen.requests = (seen.requests ^ ((const uint8_t *)data)[i]) * 0x100000001B3u;
}

/* The letter behind the target's slash. */
static char kind_of(const http_stream *stream)
{
    const char *target = http_request_target(&stream->request);
    return target[0] == '/' ? target[1] : '\0';
}

static void send_reply(http_stream *stream, unsigned status)
{
    request_state *r = stream->context;
    http_reply reply;
    buf body;
    FUZZ_CHECK(!r->replied && !r->aborted);
    r->replied = true;
    http_reply_init(&reply, status);
    buf_init(&body, (size_t)1 << 20);
    const size_t repeats = kind_of(stream) == 'l' ? 10000 : 1;
    for (size_t i = 0; i < repeats; i++)
        FUZZ_CHECK(buf_append(&body, "0123456789", 10));
    FUZZ_CHECK(http_reply_take_body(&reply, &body));
    http_stream_reply(stream, &reply);
}

static void check_request(const http_stream *stream)
{
    const http_request *request = &stream->request;
    FUZZ_CHECK(request->count <= HTTP_MAX_FIELDS + 1 && !(request->announced && request->chunked));
    FUZZ_CHECK(http_request_method(request)[0] != '\0' && http_request_target(request)[0] != '\0');
    FUZZ_CHECK(strlen(http_request_target(request)) <= HTTP_MAX_TARGET_BYTES);
    FUZZ_CHECK(request->version == HTTP_VERSION_1_0 || http_request_header(request, "host") != NULL);
    for (size_t i = 0; i < request->count; i++)
        FUZZ_CHECK(http_field_name(request, i)[0] != '\0' &&
                   strpbrk(http_field_value(request, i), "\r\n") == NULL);
}

/* "/e…": answered before its body; "/x…": cut. */
static void on_head(void *cookie, http_stream *stream, const http_fault *fault)
{
    (void)cookie;
    request_state *r = mem_zalloc(1, sizeof *r);
    FUZZ_CHECK(r != NULL);
    seen.begun++;
    r->faulty = fault != NULL;
    stream->context = r;
    if (fault != NULL)
        return;
    check_request(stream);
    if (kind_of(stream) == 'e') {
        send_reply(stream, 413);
    } else if (kind_of(stream) == 'x') {
        r->aborted = true;
        http_stream_abort(stream);
    }
}

static void on_body(void *cookie, http_stream *stream, const char *data, size_t bytes)
{
    (void)cookie;
    request_state *r = stream->context;
    FUZZ_CHECK(!r->completed && !r->replied && !r->aborted && bytes > 0);
    r->body += bytes;
    hash(data, bytes);
    FUZZ_CHECK(!stream->request.announced || r->body <= stream->request.body_bytes);
}

static void let_go(http_stream *stream)
{
    request_state *r = stream->context;
    if (!r->held)
        return;
    r->held = false;
    http_stream_resume(stream);
}

static void on_gone(void *cookie)
{
    let_go(cookie);
}

static void let_all_go(void)
{
    for (size_t i = 0; i < MAX_HELD; i++)
        if (held[i] != NULL)
            let_go(held[i]);
}

static void hold(http_stream *stream)
{
    request_state *r = stream->context;
    size_t place = 0;
    while (place < MAX_HELD && held[place] != NULL)
        place++;
    r->held = true;
    if (place == MAX_HELD || !http_stream_expect(stream, on_gone, stream)) {
        let_go(stream);
        return;
    }
    held[place] = stream;
}

/* "/w…": waits until the client is gone or a request to "/r…" comes; "/n…": there is no memory for its reply. */
static void on_complete(void *cookie, http_stream *stream, const http_fault *fault)
{
    (void)cookie;
    request_state *r = stream->context;
    const http_request *request = &stream->request;
    const http_fault_kind whole = HTTP_FAULT_NONE;
    FUZZ_CHECK(!r->completed && !r->replied && !r->aborted && (!r->faulty || fault != NULL));
    r->completed = true;
    hash(http_request_method(request), strlen(http_request_method(request)) + 1);
    hash(http_request_target(request), strlen(http_request_target(request)) + 1);
    /* Which of several things that are wrong is told first depends on the pieces. */
    hash(fault != NULL ? &fault->kind : &whole, sizeof whole);
    if (fault != NULL) {
        send_reply(stream, 400);
        return;
    }
    FUZZ_CHECK(request->chunked || r->body == request->body_bytes);
    const char kind = kind_of(stream);
    if (kind == 'w') {
        hold(stream);
    } else if (kind == 'n') {
        r->replied = true;
        http_stream_reply_out_of_memory(stream);
    } else {
        if (kind == 'r')
            let_all_go();
        send_reply(stream, 200);
    }
}

static void on_resumed(void *cookie, http_stream *stream)
{
    (void)cookie;
    http_stream_forget(stream);
    for (size_t i = 0; i < MAX_HELD; i++)
        if (held[i] == stream)
            held[i] = NULL;
    send_reply(stream, 200);
}

static void on_end(void *cookie, http_stream *stream, bool whole)
{
    (void)cookie;
    const request_state *r = stream->context;
    FUZZ_CHECK(!r->held && (!whole || r->replied));
    seen.ended++;
    seen.whole += whole;
    mem_free(stream->context);
}

static void turn_away(void *cookie, http_refusal why, http_reply *reply)
{
    (void)cookie;
    (void)why;
    (void)reply;
    FUZZ_CHECK(false); /* there is room */
}

/* ---- The client ---------------------------------------------------------------------------------------------------- */

static http_front *front;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void open_front(void)
{
    const http_front_settings settings = {.handler = {.head = on_head,
                                                      .body = on_body,
                                                      .complete = on_complete,
                                                      .resumed = on_resumed,
                                                      .end = on_end,
                                                      .turn_away = turn_away,
                                                      .out_of_memory = "no memory"},
                                          .threads = 1,
                                          .h2c = true,
                                          .max_header_bytes = MAX_HEAD_BYTES,
                                          /* Nothing ends by the clock. */
                                          .header_timeout_ms = 600000,
                                          .idle_timeout_ms = 600000,
                                          .write_timeout_ms = 600000,
                                          .max_connections = 16};
    listen_sockets sockets;
    aki_error error;
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, "socket");
    FUZZ_CHECK(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    FUZZ_CHECK(listen_sockets_open(&sockets, "127.0.0.1", 0, &error) == AKI_OK);
    FUZZ_CHECK(listen_sockets_add_unix(&sockets, path, 0600, &error) == AKI_OK);
    FUZZ_CHECK(http_front_open(&front, &sockets, &settings, &error) == AKI_OK);
}

static int open_connection(void)
{
    const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(connection >= 0 &&
               connect(connection, (const struct sockaddr *)&address, sizeof address) == 0);
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
    while (http_front_connections(front) > 0) {
        FUZZ_CHECK(time(NULL) - begun < HANG_MS / 1000);
        sched_yield();
    }
    FUZZ_CHECK(seen.begun == seen.ended);
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
    memset(&seen, 0, sizeof seen);
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
        FUZZ_CHECK(count_replies(replies, length) == seen.whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (front == NULL)
        open_front();
    if (size <= CONTROL_BYTES)
        return 0;
    const size_t length = size - CONTROL_BYTES, cut = (data[1] * 256u + data[2]) % (length + 1);
    converse(data[0], data + CONTROL_BYTES, length, cut);
    if ((data[0] & 3) != 0 || memmem(data, size, "PRI", 3) != NULL)
        return 0;
    const uint64_t requests = seen.requests;
    const unsigned begun = seen.begun, whole = seen.whole;
    converse(data[0], data + CONTROL_BYTES, length, 0);
    FUZZ_CHECK(requests == seen.requests && begun == seen.begun && whole == seen.whole);
    return 0;
}
