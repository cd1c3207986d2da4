/* Fuzzes the whole server by any bytes on a connection: the HTTP front, header checks, routes, a tiny model behind a real scheduler, replies, logs, metrics, traces.
 *
 * The first byte chooses the connection: bits 0-1 TCP, unix socket or admin port; bit 2 the server with API keys,
 * CORS and small limits. Bit 3: the input is all that is sent; else a request is sent and answered before it. Bit 6:
 * the client closes its side without waiting for a reply; bit 7: it also resets the connection. The next three bytes
 * say where the rest is divided into pieces that arrive one after the other. A client that stays waits for the
 * replies that it can expect, closes its side, and reads to the end.
 *
 * Nothing waits for time to pass. The server has one HTTP thread for each port. When that thread has answered two
 * requests on another connection, it has read everything that came before on the connections that it knows; nothing
 * is left to do once no request waits for a model or the task pool. To know that, requests that wait are counted (the linker's
 * --wrap). */
#include "unit.h"

#include "tiny_encoder.h"

#include "base/utf8.h"
#include "server/handlers.h"
#include "server/server.h"
#include "server/service.h"
#include "telemetry/log_writer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONTROL_BYTES 4
#define PING_REPLY_BYTES 2048
#define REPLIES_MAX ((size_t)4 << 20)
/* More time than any step may take: what takes longer hangs. */
#define HANG_MS 30000

/* The key "k3y" and its digest. */
#define KEYS "fuzz:a49b1287870c10a76f1f46552aca4431842ced5dedf0ee3f28ffa12855a4e86a\n"

enum { PLAIN, STRICT, SERVERS };
enum { BY_TCP, BY_UNIX, BY_ADMIN, WAYS };

typedef struct target {
    server *server;
    struct sockaddr_un local;
    int pings[2]; /* connections to the main and the admin port, kept; -1 = none yet */
} target;

static target targets[SERVERS];
static encoder *model_encoder;

/* ---- Requests that wait ----------------------------------------------------------------------------------------- */

static atomic_int waiting; /* now */
static atomic_uint waits;  /* ever */

void __real_embed_route_handle(exchange *x);
void __real_embed_route_resume(exchange *x);
void __wrap_embed_route_handle(exchange *x);
void __wrap_embed_route_resume(exchange *x);

void __wrap_embed_route_handle(exchange *x)
{
    atomic_fetch_add(&waiting, 1);
    atomic_fetch_add(&waits, 1);
    __real_embed_route_handle(x);
    if (x->status != 0) /* it was answered at once */
        atomic_fetch_sub(&waiting, 1);
}

void __wrap_embed_route_resume(exchange *x)
{
    __real_embed_route_resume(x);
    atomic_fetch_sub(&waiting, 1);
}

/* ---- The servers ------------------------------------------------------------------------------------------------- */

/* Lines must stay lines, and JSON, whatever a client has sent. */
static void check_log(void *cookie, const log_event *event)
{
    (void)cookie;
    buf line;
    json_error_t reason;
    buf_init(&line, (size_t)1 << 20);
    log_line_json(&line, 1, event);
    FUZZ_CHECK(!line.failed && memchr(line.data, '\n', line.length) == line.data + line.length - 1);
    json_t *root = json_loadb(line.data, line.length, JSON_REJECT_DUPLICATES, &reason);
    FUZZ_CHECK(json_is_object(root));
    json_decref(root);
    buf_clear(&line);
    log_line_text(&line, 1, event);
    size_t bad;
    FUZZ_CHECK(utf8_valid(line.data, line.length, &bad));
    FUZZ_CHECK(memchr(line.data, '\n', line.length) == line.data + line.length - 1);
    buf_free(&line);
}

static export_result drop_spans(void *cookie, const span *const *spans, size_t count, int64_t wall_offset_ns,
                                int64_t deadline_ns)
{
    (void)cookie;
    (void)spans;
    (void)wall_offset_ns;
    (void)deadline_ns;
    return (export_result){.exported = count};
}

static tracer *open_tracer(void)
{
    tracer_settings settings;
    tracer *t = NULL;
    aki_error error;
    tracer_settings_init(&settings);
    settings.trust_parent = true;
    settings.exporter = (span_exporter){.export = drop_spans};
    FUZZ_CHECK(tracer_open(&t, &settings, &error) == AKI_OK);
    return t;
}

static void open_target(target *t, bool strict, const char *socket_name, tracer *spans)
{
    char path[SCRATCH_PATH_MAX], keys[SCRATCH_PATH_MAX];
    server_settings settings;
    aki_error error;
    scratch_path(path, socket_name);
    t->local.sun_family = AF_UNIX;
    FUZZ_CHECK(strlen(path) < sizeof t->local.sun_path);
    memcpy(t->local.sun_path, path, strlen(path) + 1);
    t->pings[0] = t->pings[1] = -1;
    server_settings_init(&settings);
    settings.port = 0;
    settings.unix_socket = path;
    settings.admin_host = "127.0.0.1";
    settings.admin_port = 0;
    settings.model_name = "org/some-Model";
    settings.max_texts = 16;
    settings.max_body_bytes = strict ? 2048 : (size_t)256 << 10;
    settings.max_header_bytes = strict ? 1024 : (size_t)16 << 10;
    settings.http_threads = 1;
    settings.workers = 1;
    settings.cache_bytes = strict ? 0 : (size_t)1 << 20;
    settings.probe_interval_ms = 0;
    settings.access_log_rate = 1000000000;
    settings.log_texts = true;
    settings.log = (log_sink){.emit = check_log};
    settings.tracer = spans;
    /* No request ends by the clock. */
    settings.header_timeout_ms = settings.idle_timeout_ms = settings.write_timeout_ms = 600000;
    settings.request_timeout_ms = settings.inference_timeout_ms = settings.max_queue_wait_ms = 600000;
    settings.min_body_rate = 0;
    if (strict) {
        scratch_write("keys", KEYS, sizeof KEYS - 1);
        scratch_path(keys, "keys");
        settings.api_keys_file = keys;
        settings.cors_origins = "https://page.test";
    }
    const aki_status opened = server_open(&t->server, &settings, &error);
    if (opened != AKI_OK)
        fprintf(stderr, "%s\n", error.message);
    FUZZ_CHECK(opened == AKI_OK && server_attach(t->server, model_encoder, false, NULL, &error) == AKI_OK);
}

/* ---- A client ---------------------------------------------------------------------------------------------------- */

static int connect_to(const target *t, int way)
{
    const bool local = way == BY_UNIX;
    const uint16_t port = way == BY_ADMIN ? server_admin_port(t->server) : server_port(t->server);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int s = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int at_once = 1;
    FUZZ_CHECK(s >= 0);
    /* Without Nagle's algorithm: a piece is not kept back until the one before it is acknowledged. */
    FUZZ_CHECK(local || setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once) == 0);
    const struct sockaddr *to =
        local ? (const struct sockaddr *)&t->local : (const struct sockaddr *)&address;
    const socklen_t length = local ? sizeof t->local : sizeof address;
    unsigned attempts = 0;
    while (connect(s, to, length) != 0) {
        if (errno ==
            EINTR) /* libFuzzer's clock, a signal; called again, connect waits for the same connection */
            continue;
        /* Another program may have used up the machine's ports for the moment. */
        FUZZ_CHECK(errno == EADDRNOTAVAIL && attempts++ < HANG_MS / 10);
        poll(NULL, 0, 10);
    }
    return s;
}

/* Waits until there is something to read. */
static void await(int connection)
{
    struct pollfd watched = {.fd = connection, .events = POLLIN};
    int got;
    while ((got = poll(&watched, 1, HANG_MS)) < 0 && errno == EINTR)
        ;
    FUZZ_CHECK(got == 1);
}

/* Sends one request and reads its reply. */
static void ask_health(int connection)
{
    static const char request[] = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    char reply[PING_REPLY_BYTES];
    size_t length = 0;
    FUZZ_CHECK(send(connection, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1);
    do {
        await(connection);
        const ssize_t got = recv(connection, reply + length, sizeof reply - 1 - length, 0);
        FUZZ_CHECK(got > 0);
        length += (size_t)got;
        reply[length] = '\0';
    } while (strstr(reply, "\r\n\r\n") == NULL || reply[length - 1] != '\n');
    FUZZ_CHECK(strncmp(reply, "HTTP/1.1 200", 12) == 0);
}

/* Makes two requests, on a connection of their own, to the thread that serves `way`. */
static void ping(target *t, int way)
{
    int *connection = &t->pings[way == BY_ADMIN];
    if (*connection < 0)
        *connection = connect_to(t, way == BY_ADMIN ? BY_ADMIN : BY_TCP);
    ask_health(*connection);
    ask_health(*connection);
}

typedef struct conversation {
    target *target;
    int way, connection;
    bool ended; /* the server closed the connection */
    char *replies;
    size_t length; /* of them */
} conversation;

/* Reads what has arrived. */
static void collect(conversation *c)
{
    while (!c->ended) {
        const ssize_t got =
            recv(c->connection, c->replies + c->length, REPLIES_MAX - c->length, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        c->ended = got <= 0;
        c->length += got > 0 ? (size_t)got : 0;
        FUZZ_CHECK(c->length < REPLIES_MAX);
    }
}

/* Returns when the server has processed everything that was sent. */
static void settle(conversation *c)
{
    unsigned before;
    bool idle;
    do {
        before = atomic_load(&waits);
        idle = atomic_load(&waiting) == 0;
        ping(c->target, c->way);
        collect(c);
    } while (!idle || atomic_load(&waits) != before);
}

static void send_piece(conversation *c, const uint8_t *data, size_t size)
{
    while (size > 0 && !c->ended) {
        const ssize_t went = send(c->connection, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (went > 0) {
            data += went;
            size -= (size_t)went;
        } else if (went < 0 && errno == EAGAIN) {
            settle(c);
        } else if (errno != EINTR) {
            return; /* the server has closed */
        }
    }
}

static void send_pieces(conversation *c, const uint8_t *cuts, const uint8_t *data, size_t size)
{
    size_t from = 0;
    for (size_t i = 0; i < CONTROL_BYTES - 1; i++) {
        const size_t to = size * cuts[i] / 256;
        if (to <= from)
            continue;
        send_piece(c, data + from, to - from);
        settle(c);
        from = to;
    }
    send_piece(c, data + from, size - from);
}

static void finish(conversation *c)
{
    settle(c);
    shutdown(c->connection, SHUT_WR);
    while (!c->ended) {
        await(c->connection);
        collect(c);
    }
    close(c->connection);
    ping(c->target, c->way);
}

static void leave(conversation *c, bool by_reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (by_reset)
        setsockopt(c->connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    else
        shutdown(c->connection, SHUT_WR);
    close(c->connection);
    c->ended = true;
    settle(c);
}

/* ---- What must hold ---------------------------------------------------------------------------------------------- */

/* The value of a header between head and end, or NULL; names as the server writes them. */
static const char *header(const char *head, const char *end, const char *name)
{
    const size_t length = strlen(name);
    for (const char *line = head; line < end; line = memchr(line, '\n', (size_t)(end - line)), line++) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + (line[length + 1] == ' ');
        if (memchr(line, '\n', (size_t)(end - line)) == NULL)
            break;
    }
    return NULL;
}

static void check_body(const char *head, const char *body, const char *end)
{
    const char *type = header(head, body, "Content-Type"), *length = header(head, body, "Content-Length");
    json_error_t reason;
    if (type == NULL || length == NULL || strncmp(type, "application/json", 16) != 0)
        return;
    const size_t size = strtoul(length, NULL, 10);
    if (size > (size_t)(end - body))
        return; /* a reply to HEAD, or cut because the client's side had ended */
    json_t *root = json_loadb(body, size, JSON_REJECT_DUPLICATES, &reason);
    FUZZ_CHECK(root != NULL);
    json_decref(root);
}

/* Returns the first reply that is not an interim one (1xx). */
static void check_replies(char *replies, size_t length, bool bodies)
{
    const char *at = replies, *end = replies + length;
    *(replies + length) = '\0';
    while (at < end) {
        FUZZ_CHECK(strncmp(at, "HTTP/1.", 7) == 0 && strlen(at) >= 12);
        const char *body = strstr(at, "\r\n\r\n");
        const int status = (int)strtol(at + 9, NULL, 10);
        FUZZ_CHECK(body != NULL && status >= 100 && status <= 599 && status != 500);
        body += 4;
        if (status >= 200) {
            if (bodies)
                check_body(at, body, end);
            return;
        }
        at = body;
    }
}

static bool others_are_open(const target *t)
{
    const unsigned kept = (unsigned)(t->pings[0] >= 0) + (unsigned)(t->pings[1] >= 0);
    return http_front_connections(t->server->front) + http_front_connections(t->server->admin_front) > kept;
}

/* Checks that the server ends the connection of a client that has gone, and releases everything held for its requests. The
 * reply to the last ping may just be under way. */
static void check_accounts(target *t, int way)
{
    while (others_are_open(t))
        ping(t, way);
    FUZZ_CHECK(atomic_load(&t->server->body_bytes) == 0);
    FUZZ_CHECK(atomic_load(&t->server->promised_bytes) == 0);
    FUZZ_CHECK(atomic_load(&t->server->reply_bytes) <= PING_REPLY_BYTES);
}

static void open_all(void)
{
    tracer *spans = open_tracer();
    model_encoder = tiny_encoder();
    open_target(&targets[PLAIN], false, "plain", spans);
    open_target(&targets[STRICT], true, "strict", spans);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char replies[REPLIES_MAX + 1];
    if (model_encoder == NULL)
        open_all();
    if (size <= CONTROL_BYTES)
        return 0;
    conversation c = {.target = &targets[(data[0] & 4) != 0 ? STRICT : PLAIN],
                      .way = (data[0] & 3) % WAYS,
                      .replies = replies};
    c.connection = connect_to(c.target, c.way);
    if ((data[0] & 8) == 0)
        ask_health(c.connection);
    send_pieces(&c, data + 1, data + CONTROL_BYTES, size - CONTROL_BYTES);
    if ((data[0] & 64) != 0)
        leave(&c, (data[0] & 128) != 0);
    else
        finish(&c);
    check_replies(replies, c.length, memmem(data, size, "HEAD", 4) == NULL && (data[0] & 64) == 0);
    check_accounts(c.target, c.way);
    return 0;
}
