#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, SECOND_NS = 1000000000, MILLISECOND_NS = 1000000 };
static const int64_t NEVER = INT64_MAX, HANDSHAKES_NS = INT64_C(30000000000);

typedef struct client {
    connection link;
    const request_body *body; /* under way; NULL: none */
    int64_t intended_ns, sent_ns;
    bool listed;   /* in the list of idle clients */
    bool finished; /* a burst's client that has had its turn */
} client;

typedef struct load {
    const load_options *options;
    const bodies *bodies;
    load_result *result;
    client *clients;
    /* A ring of [connections] in which each client is at most once; entries that are no longer idle are skipped when they come
     * up. Taken in turn: every connection is in use from the beginning, as that of a client of its own would be. */
    client **idle;
    size_t idle_first, idle_count;
    int epoll, timer;
    int64_t start_ns, window_ns, end_ns; /* the measured time is window_ns to end_ns */
    uint64_t issued;                     /* requests sent */
    size_t busy, finished;
} load;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

static process_use use_of_self(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (process_use){.cpu_seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                                        (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6};
}

static process_use use_of(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = pid > 0 ? fopen(path, "r") : NULL;
    if (file == NULL)
        return (process_use){0};
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[bytes] = '\0';
    const char *after_name = strrchr(text, ')');
    unsigned long user, system, pages;
    if (after_name == NULL ||
        sscanf(after_name + 1,
               " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu %*s %*s %*s %*s %*s %*s %*s %*s %lu",
               &user, &system, &pages) != 3)
        return (process_use){0};
    return (process_use){.cpu_seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK),
                         .resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE)};
}

static void read_use(const load *l, process_use *own, process_use *server)
{
    *own = use_of_self();
    *server = use_of(l->options->server);
    own->at_ns = server->at_ns = now_ns();
}

static bool in_window(const load *l, int64_t time_ns)
{
    return time_ns >= l->window_ns && time_ns < l->end_ns;
}

static void check_vectors(load *l, const client *c, int64_t now)
{
    load_result *r = l->result;
    reply_vectors vectors = {0};
    const char *text = c->link.input + c->link.head.head_bytes;
    if (c->body->texts > 0 &&
        (!reply_find_vectors(text, c->link.head.body_bytes, &vectors) || vectors.count != c->body->texts)) {
        r->wrong_replies++;
        return;
    }
    if (c->body->reference != NULL) {
        r->compared++;
        if (vectors.text_bytes != c->body->reference_bytes ||
            memcmp(vectors.text, c->body->reference, vectors.text_bytes) != 0)
            r->wrong_vectors++;
    }
    int64_t begin = c->sent_ns > l->window_ns ? c->sent_ns : l->window_ns,
            end = now < l->end_ns ? now : l->end_ns;
    if (end > begin) {
        double share = (double)(end - begin) / (double)(now - c->sent_ns);
        r->completed_requests += share;
        r->completed_texts += share * (double)vectors.count;
        r->completed_tokens += share * (double)vectors.tokens;
    }
}

static void record(load *l, const client *c)
{
    int64_t now = now_ns();
    const reply_head *head = &c->link.head;
    bool measured = in_window(l, c->intended_ns);
    if (measured) {
        l->result->statuses[head->status < LOAD_STATUSES ? head->status : 0]++;
        histogram_add(head->status == 200 ? &l->result->ok : &l->result->refused, now - c->intended_ns);
    }
    if (head->status == 200)
        check_vectors(l, c, now);
    else if ((head->status == 429 || head->status == 503) && !head->retry_after)
        l->result->no_retry_after++;
}

static bool open_client(load *l, client *c)
{
    if (!connection_open(&c->link, &l->options->target))
        return false;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->link.fd, &event) == 0;
}

static void list_idle(load *l, client *c)
{
    if (!c->listed)
        l->idle[(l->idle_first + l->idle_count++) % l->options->connections] = c;
    c->listed = true;
}

/* The client's turn is over; reopen: its connection is of no more use. */
static void end_turn(load *l, client *c, bool reopen)
{
    if (c->body != NULL)
        l->busy--;
    c->body = NULL;
    if (l->options->mode == LOAD_BURST) {
        connection_close(&c->link);
        c->finished = true;
        l->finished++;
    } else if (reopen) {
        l->result->reopened++;
        if (!open_client(l, c))
            connection_close(&c->link);
    } else {
        c->link.request = NULL;
        list_idle(l, c);
    }
}

static void ask(load *l, client *c, int64_t intended_ns)
{
    c->body = &l->bodies->items[l->issued++ % l->bodies->count];
    c->intended_ns = intended_ns;
    c->sent_ns = now_ns();
    l->busy++;
    if (in_window(l, intended_ns))
        histogram_add(&l->result->late, c->sent_ns - intended_ns);
    if (!connection_ask(&c->link, c->body->request, c->body->request_bytes)) {
        l->result->broken += in_window(l, intended_ns);
        end_turn(l, c, true);
    }
}

static int64_t next_due(const load *l, int64_t now)
{
    switch (l->options->mode) {
    case LOAD_CLOSED:
        return now < l->end_ns ? now : NEVER;
    case LOAD_OPEN: {
        int64_t due = l->start_ns + (int64_t)((double)l->issued * 1e9 / l->options->rate);
        return due < l->end_ns ? due : NEVER;
    }
    case LOAD_BURST:
        return l->start_ns;
    }
    return NEVER;
}

static void issue(load *l)
{
    while (l->idle_count > 0) {
        client *c = l->idle[l->idle_first];
        bool usable = c->link.connected && c->body == NULL && !c->finished;
        int64_t now = now_ns(), due = next_due(l, now);
        if (usable && due > now)
            return;
        l->idle_first = (l->idle_first + 1) % l->options->connections;
        l->idle_count--;
        c->listed = false;
        if (usable && connection_is_quiet(&c->link))
            ask(l, c, due);
        else if (usable)
            end_turn(l, c, true);
    }
}

static void advance(load *l, client *c)
{
    if (c->link.fd < 0)
        return;
    bool was_connected = c->link.connected;
    switch (connection_advance(&c->link)) {
    case CONNECTION_WAITING:
        if (c->link.connected && !was_connected)
            list_idle(l, c);
        break;
    case CONNECTION_COMPLETE:
        record(l, c);
        end_turn(l, c, c->link.head.closes);
        break;
    case CONNECTION_BROKEN:
        if (c->body != NULL ? in_window(l, c->intended_ns) : l->options->mode == LOAD_BURST)
            l->result->broken++;
        end_turn(l, c, true);
        break;
    }
}

static bool is_over(const load *l, int64_t now)
{
    if (now >= l->end_ns + l->options->drain_ns)
        return true;
    if (l->options->mode == LOAD_BURST)
        return l->finished == l->options->connections;
    return now >= l->end_ns && l->busy == 0 && next_due(l, now) == NEVER;
}

static void set_timer(const load *l, int64_t wake_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = wake_ns / SECOND_NS, .tv_nsec = wake_ns % SECOND_NS}};
    timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void run_until_over(load *l)
{
    const int64_t boundaries[] = {l->window_ns, l->end_ns, l->end_ns + l->options->drain_ns, NEVER};
    size_t passed = 0;
    int64_t timer_ns = 0;
    struct epoll_event events[EVENTS];
    for (;;) {
        issue(l);
        int64_t now = now_ns();
        for (; now >= boundaries[passed]; passed++) {
            if (passed == 0)
                read_use(l, &l->result->client_begin, &l->result->server_begin);
            else if (passed == 1)
                read_use(l, &l->result->client_end, &l->result->server_end);
        }
        if (is_over(l, now)) {
            if (passed < 2) { /* a burst ends when its last reply is there */
                read_use(l, &l->result->client_end, &l->result->server_end);
                l->result->measured_seconds = (double)(now - l->window_ns) / 1e9;
            }
            return;
        }
        int64_t wake = boundaries[passed];
        if (l->idle_count > 0 && next_due(l, now) < wake)
            wake = next_due(l, now);
        if (wake != timer_ns)
            set_timer(l, wake);
        timer_ns = wake;
        int count = epoll_wait(l->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr != NULL)
                advance(l, events[i].data.ptr);
    }
}

/* Before the start, so that connecting is not in the figures; a burst's clients connect when it starts. */
static bool open_all(load *l)
{
    for (size_t i = 0; i < l->options->connections; i++)
        if (!open_client(l, &l->clients[i])) {
            fprintf(stderr, "bench_load: connection %zu of %zu: %s\n", i + 1, l->options->connections,
                    strerror(errno));
            return false;
        }
    return true;
}

/* Until each has had its handshake, or some cannot: one costs the server a thousand times as much as a plain connection. */
static void await_handshakes(load *l)
{
    struct epoll_event events[EVENTS];
    const int64_t end_ns = now_ns() + HANDSHAKES_NS;
    while (l->idle_count < l->options->connections && now_ns() < end_ns) {
        int count = epoll_wait(l->epoll, events, EVENTS, HANDSHAKES_NS / MILLISECOND_NS);
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr != NULL)
                advance(l, events[i].data.ptr);
    }
}

static void count_unfinished(load *l)
{
    int64_t now = l->end_ns - 1;
    for (size_t i = 0; i < l->options->connections; i++)
        if (l->clients[i].body != NULL)
            l->result->unanswered += in_window(l, l->clients[i].intended_ns);
        else if (l->options->mode == LOAD_BURST && !l->clients[i].finished)
            l->result->unsent++;
    for (int64_t due; l->options->mode == LOAD_OPEN && (due = next_due(l, now)) != NEVER; l->issued++)
        l->result->unsent += in_window(l, due);
}

bool load_run(const load_options *options, const bodies *b, load_result *result)
{
    load l = {.options = options, .bodies = b, .result = result, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    l.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    l.clients = calloc(options->connections, sizeof *l.clients);
    l.idle = calloc(options->connections, sizeof(client *));
    struct epoll_event tick = {.events = EPOLLIN | EPOLLET};
    bool good = l.epoll >= 0 && l.timer >= 0 && l.clients != NULL && l.idle != NULL &&
                epoll_ctl(l.epoll, EPOLL_CTL_ADD, l.timer, &tick) == 0;
    if (!good)
        fprintf(stderr, "bench_load: cannot start: %s\n", strerror(errno));
    for (size_t i = 0; l.clients != NULL && i < options->connections; i++)
        l.clients[i].link.fd = -1;
    l.start_ns = now_ns();
    if (good && options->mode != LOAD_BURST)
        good = open_all(&l);
    if (good && options->mode != LOAD_BURST && options->target.tls != NULL)
        await_handshakes(&l);
    if (options->mode != LOAD_BURST)
        l.start_ns = now_ns();
    l.window_ns = l.start_ns + options->warmup_ns;
    l.end_ns = l.window_ns + options->duration_ns;
    result->measured_seconds = (double)options->duration_ns / 1e9;
    if (good && options->mode == LOAD_BURST)
        good = open_all(&l);
    if (good) {
        run_until_over(&l);
        count_unfinished(&l);
    }
    for (size_t i = 0; l.clients != NULL && i < options->connections; i++)
        connection_destroy(&l.clients[i].link);
    free(l.clients);
    free(l.idle);
    close(l.timer);
    close(l.epoll);
    return good;
}
