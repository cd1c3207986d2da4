#include "server/message_stream.h"

#include "base/clock.h"
#include "base/memory.h"
#include "grpc/frame.h"
#include "server/memory_promise.h"
#include "server/server_metrics.h"

#include <stdio.h>
#include <string.h>

/* Messages of one stream that are under way or whose reply waits for an earlier one. */
#define MAX_MESSAGES 64
/* Of replies that wait for the client, before no more is computed for it. */
#define MAX_UNSENT_BYTES ((size_t)1 << 20)
/* Bytes that may come before the client learns that its window is shut. */
#define WINDOW_BYTES ((size_t)1 << 20)
/* A message is read on the connection's thread up to this size, and on the task pool beyond. */
#define LARGE_MESSAGE_BYTES ((size_t)32 << 10)
/* Before a message that was refused for load is submitted again, where no other one of the stream ends before. */
#define REFUSED_PAUSE_NS (20 * NS_PER_MS)
/* For the next message, once the service ends. */
#define LAST_MESSAGE_NS NS_PER_S

typedef struct message_stream message_stream_state;

/* One message and its reply. */
typedef struct message_call {
    struct message_call *next; /* that came after it */
    message_stream_state *stream;
    task task;
    buf message; /* in its frame, until it is read */
    api_call call;
    scheduler_request *work;
    const scheduler_result *result;
    buf reply;
    http_error error;
    bool failed, refused;  /* refused: for load, to be submitted again */
    int64_t give_up_ns;    /* until when; 0 = not refused yet */
    size_t promised_bytes; /* of memory, for its numbers and the reply */
    unsigned holds;        /* of threads that work for it; under the stream's lock */
    bool submitted;        /* `work` can be cancelled; likewise */
} message_call;

struct message_stream {
    exchange *x;
    message_stream_state *next, **in_list; /* of server.streams, under its lock */
    bool watches;
    buf partial; /* bytes that are not a whole message, or for which there is no place yet */
    message_call *first, **last;
    size_t count;
    bool completed;       /* the client has ended its side */
    bool broken;          /* no message can follow what came: the last call says so */
    buf told;             /* watched: the last reply */
    pthread_mutex_t lock; /* of what follows, and where that is said */
    bool posted;          /* message_stream_resume is about to be called */
    bool closed;          /* and will not be again */
    bool gone;            /* so is the client */
    bool cancelled;       /* no reply is wanted any more */
    size_t holds;         /* of all calls */
};

/* ---- Threads --------------------------------------------------------------------------------------------------- */

/* The lock is held. */
static void post(message_stream_state *m)
{
    if (m->posted || m->closed)
        return;
    m->posted = true;
    http_stream_resume(m->x->stream);
}

static void wake(message_stream_state *m)
{
    pthread_mutex_lock(&m->lock);
    post(m);
    pthread_mutex_unlock(&m->lock);
}

static void hold(message_call *c)
{
    pthread_mutex_lock(&c->stream->lock);
    c->holds++;
    c->stream->holds++;
    pthread_mutex_unlock(&c->stream->lock);
}

/* The last that a thread does for a call. */
static void let_go(message_call *c)
{
    message_stream_state *m = c->stream;
    pthread_mutex_lock(&m->lock);
    c->holds--;
    m->holds--;
    post(m);
    pthread_mutex_unlock(&m->lock);
}

static bool is_held(message_call *c)
{
    pthread_mutex_lock(&c->stream->lock);
    const bool held = c->holds > 0;
    pthread_mutex_unlock(&c->stream->lock);
    return held;
}

static void on_gone(void *cookie)
{
    message_stream_state *m = cookie;
    pthread_mutex_lock(&m->lock);
    m->gone = true;
    post(m);
    pthread_mutex_unlock(&m->lock);
}

void message_streams_wake(server *s)
{
    pthread_mutex_lock(&s->streams_lock);
    for (message_stream_state *m = s->streams; m != NULL; m = m->next)
        wake(m);
    pthread_mutex_unlock(&s->streams_lock);
}

/* ---- One message ----------------------------------------------------------------------------------------------- */

static void write_reply(message_call *c)
{
    const exchange *x = c->stream->x;
    const api_operation *api = x->route->api;
    const api_service service = exchange_service(x);
    api_result result = {.request_id = x->request_id, .duration_ns = clock_monotonic_ns() - x->arrived_ns};
    aki_error error;
    size_t none;
    result.head_length = &none;
    if (c->result != NULL) {
        result.vectors = c->result->vectors;
        result.info = c->result->info;
        result.count = c->result->count;
        result.dimension = exchange_numbers(x, &c->call);
        result.tokenize_ns = c->result->tokenize_ns;
        result.queue_ns = c->result->queue_ns;
        result.inference_ns = c->result->inference_ns;
        result.duration_ns = result.tokenize_ns + result.queue_ns + result.inference_ns;
    }
    buf_clear(&c->reply);
    c->reply.max_bytes = GRPC_PREFIX_BYTES + (api->bound != NULL ? api->bound(&c->call, &result, &service)
                                                                 : API_SMALL_REPLY_BYTES);
    const aki_status status = api->write(&c->call, &result, &service, &c->reply, &error);
    if (status == AKI_OK && !c->reply.failed)
        return;
    c->failed = true;
    if (status != AKI_OK)
        http_error_from(&c->error, &error);
    else
        http_error_set(&c->error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the reply");
}

static void on_done(void *cookie, scheduler_request *request, const scheduler_result *result)
{
    (void)request;
    message_call *c = cookie;
    c->result = result;
    let_go(c);
}

static void submit(message_call *c)
{
    message_stream_state *m = c->stream;
    const exchange *x = m->x;
    const api_call *call = &c->call;
    const scheduler_submission submission = {
        .texts = call->texts,
        .ids = call->ids,
        .count = call->count,
        .output = call->output,
        .token_room = call->token_room,
        .options = call->options,
        .priority = call->priority != SCHEDULER_PRIORITY_AUTO ? call->priority : x->priority,
        .client = x->client,
        .begin_by_ns = clock_monotonic_ns() + x->owner->settings.request_timeout_ms * NS_PER_MS,
        .deadline_ns = x->caller_deadline_ns,
        .label = x->request_id,
        .done = on_done,
        .cookie = c};
    aki_error error;
    hold(c); /* for on_done */
    model_use_count(x->owner->models, x->use);
    const aki_status status = scheduler_submit(exchange_scheduler(x), &submission, &c->work, &error);
    pthread_mutex_lock(&m->lock);
    c->submitted = status == AKI_OK;
    const bool cancelled = m->cancelled;
    if (status != AKI_OK) {
        c->holds--;
        m->holds--;
    }
    pthread_mutex_unlock(&m->lock);
    if (status == AKI_OVERLOADED && c->give_up_ns == 0)
        c->give_up_ns = submission.begin_by_ns;
    c->refused = status == AKI_OVERLOADED && clock_monotonic_ns() < c->give_up_ns;
    if (c->submitted && cancelled)
        scheduler_cancel(c->work);
    if (c->submitted || c->refused)
        return;
    if (status != AKI_OK) {
        c->failed = true;
        http_error_from(&c->error, &error);
    }
}

/* False with c->error: there is no memory for the call's numbers and their reply. */
static bool fits_memory(message_call *c)
{
    const exchange *x = c->stream->x;
    const size_t bytes = 2 * c->call.count * exchange_numbers(x, &c->call) * sizeof(float);
    aki_error error;
    if (memory_promise_claim(x->owner, bytes, "a message of a stream", &error) == AKI_OK) {
        c->promised_bytes = bytes;
        return true;
    }
    c->failed = true;
    http_error_from(&c->error, &error);
    return false;
}

static void read_message(message_call *c)
{
    const exchange *x = c->stream->x;
    const api_service service = exchange_service(x);
    const api_request request = {.body = c->message.data,
                                 .length = c->message.length,
                                 .name = "",
                                 .encoding = exchange_header(x, "grpc-encoding")};
    c->failed = !api_read(x->route->api, &c->call, &request, &service, &c->error);
    buf_free(&c->message);
    if (c->failed)
        return;
    if (c->call.count == 0)
        write_reply(c);
    else if (fits_memory(c))
        submit(c);
}

static void read_message_task(task *self)
{
    message_call *c = (message_call *)((char *)self - offsetof(message_call, task));
    read_message(c);
    let_go(c);
}

static void free_call(message_call *c)
{
    buf_free(&c->message);
    buf_free(&c->reply);
    api_call_free(&c->call);
    scheduler_request_free(c->work);
    memory_promise_return(c->stream->x->owner, c->promised_bytes);
    mem_free(c);
}

/* ---- The stream, on its connection's thread -------------------------------------------------------------------- */

static void fail(message_stream_state *m, const http_error *error)
{
    if (m->x->failed)
        return;
    m->x->failed = true;
    m->x->error = *error;
}

static void fail_with(message_stream_state *m, http_error_code code, const char *message)
{
    http_error error;
    http_error_set(&error, code, NULL, "%s", message);
    fail(m, &error);
}

/* A place behind the calls that there are. NULL = no memory, and the stream fails. */
static message_call *append_call(message_stream_state *m)
{
    message_call *c = mem_zalloc(1, sizeof *c);
    if (c == NULL) {
        fail_with(m, HTTP_ERROR_OUT_OF_MEMORY, "no memory for a message");
        return NULL;
    }
    c->stream = m;
    buf_init(&c->reply, 0);
    *m->last = c;
    m->last = &c->next;
    m->count++;
    return c;
}

/* For bytes that are neither a message nor the beginning of one: adds a call that fails, after those before it. */
static void take_fault(message_stream_state *m, http_error_code code, const char *message)
{
    message_call *c = append_call(m);
    m->broken = true;
    exchange_hold_less(m->x, m->partial.length);
    buf_free(&m->partial);
    if (c == NULL)
        return;
    c->failed = true;
    http_error_set(&c->error, code, NULL, "%s", message);
}

/* Takes a frame off the front of the bytes, as a new call. */
static void take_message(message_stream_state *m, size_t bytes)
{
    message_call *c = append_call(m);
    if (c == NULL)
        return;
    buf_init(&c->message, bytes);
    c->failed = !buf_append(&c->message, m->partial.data, bytes);
    memmove(m->partial.data, m->partial.data + bytes, m->partial.length - bytes);
    m->partial.length -= bytes;
    exchange_hold_less(m->x, bytes);
    if (m->partial.length == 0)
        buf_free(&m->partial);
    if (c->failed) {
        http_error_set(&c->error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for a message");
    } else if (bytes > LARGE_MESSAGE_BYTES) {
        hold(c);
        c->task.run = read_message_task;
        task_pool_submit(m->x->owner->tasks, &c->task);
    } else {
        read_message(c);
    }
}

static bool has_place(const message_stream_state *m)
{
    return !m->x->failed && !m->broken && m->count < (m->watches ? 1 : MAX_MESSAGES);
}

static void take_messages(message_stream_state *m)
{
    const size_t limit = m->x->owner->settings.max_body_bytes;
    while (has_place(m) && m->partial.length >= GRPC_PREFIX_BYTES) {
        const size_t bytes = grpc_frame_length(m->partial.data);
        if (bytes > limit) {
            char message[100];
            snprintf(message, sizeof message, "a message has %zu bytes; at most %zu are taken", bytes, limit);
            take_fault(m, HTTP_ERROR_BODY_TOO_LARGE, message);
        } else if (m->partial.length - GRPC_PREFIX_BYTES < bytes) {
            break;
        } else {
            take_message(m, GRPC_PREFIX_BYTES + bytes);
        }
    }
    if (m->completed && m->partial.length > 0 && has_place(m))
        take_fault(m, HTTP_ERROR_INVALID_MESSAGE, "the body ends within a message");
}

static void note_result(exchange *x, const message_call *c)
{
    request_facts one = {0};
    request_facts_take(&one, c->result);
    x->facts.texts += one.texts;
    x->facts.tokens += one.tokens;
    x->facts.truncated += one.truncated;
    x->facts.tokenize_ns += one.tokenize_ns;
    x->facts.queue_ns += one.queue_ns;
    x->facts.inference_ns += one.inference_ns;
    server_metrics_result(x, c->result);
}

static void send_reply(message_stream_state *m, const message_call *c)
{
    if (!http_stream_send(m->x->stream, c->reply.data, c->reply.length))
        fail_with(m, HTTP_ERROR_OUT_OF_MEMORY, "no memory for the reply");
    m->x->reply_told += c->reply.length;
}

static void end_call(message_stream_state *m, message_call *c)
{
    exchange *x = m->x;
    if (x->failed)
        return;
    if (!c->failed && c->result != NULL && c->result->status != AKI_OK) {
        c->failed = true;
        http_error_from(&c->error, &c->result->error);
    } else if (!c->failed && c->result != NULL) {
        note_result(x, c);
        write_reply(c);
    }
    if (c->failed)
        fail(m, &c->error);
    else
        send_reply(m, c);
}

/* Sends the watched reply where it is another one than the last. */
static void tell_change(message_stream_state *m)
{
    message_call *c = m->first;
    if (c == NULL || m->x->failed)
        return;
    if (m->told.length > 0)
        write_reply(c);
    if (c->failed) {
        fail(m, &c->error);
    } else if (c->reply.length != m->told.length ||
               memcmp(c->reply.data, m->told.data, m->told.length) != 0) {
        send_reply(m, c);
        buf_clear(&m->told);
        (void)buf_append(&m->told, c->reply.data, c->reply.length);
    }
}

/* Answers what is done, in order; what was refused for load is submitted again once it is the first. */
static void answer(message_stream_state *m)
{
    while (m->first != NULL && !is_held(m->first)) {
        message_call *c = m->first;
        if (c->refused && !m->x->failed) {
            c->refused = false;
            submit(c);
            if (c->refused || is_held(c))
                break;
        }
        end_call(m, c);
        m->first = c->next;
        if (m->first == NULL)
            m->last = &m->first;
        m->count--;
        free_call(c);
    }
    for (message_call *c = m->first; c != NULL && !m->x->failed; c = c->next)
        if (!is_held(c) && c->refused) {
            c->refused = false;
            submit(c);
            if (c->refused)
                break;
        }
}

static void cancel(message_stream_state *m)
{
    pthread_mutex_lock(&m->lock);
    const bool first = !m->cancelled;
    m->cancelled = true;
    pthread_mutex_unlock(&m->lock);
    for (message_call *c = m->first; c != NULL && first; c = c->next) {
        pthread_mutex_lock(&m->lock);
        const bool submitted = c->submitted;
        pthread_mutex_unlock(&m->lock);
        if (submitted)
            scheduler_cancel(c->work);
    }
}

/* Nobody works for the stream, and it will not be resumed: true once. */
static bool close_stream(message_stream_state *m)
{
    pthread_mutex_lock(&m->lock);
    const bool closes = m->holds == 0 && !m->posted && !m->closed;
    m->closed = m->closed || closes;
    pthread_mutex_unlock(&m->lock);
    return closes;
}

static void set_deadline(message_stream_state *m)
{
    const exchange *x = m->x;
    const int64_t now_ns = clock_monotonic_ns();
    int64_t due_ns = INT64_MAX;
    const bool waits = m->first != NULL && !is_held(m->first) && m->first->refused;
    if (m->count > 0 && !waits && !m->watches)
        return; /* the scheduler looks after it */
    if (waits)
        due_ns = now_ns + REFUSED_PAUSE_NS;
    else if (!m->watches)
        due_ns = now_ns + (atomic_load(&x->owner->ending) ? LAST_MESSAGE_NS
                                                          : x->owner->settings.idle_timeout_ms * NS_PER_MS);
    if (x->caller_deadline_ns > 0 && x->caller_deadline_ns < due_ns)
        due_ns = x->caller_deadline_ns;
    if (http_stream_unsent(x->stream) == 0)
        http_stream_set_deadline(x->stream, due_ns);
}

static bool is_gone(message_stream_state *m)
{
    pthread_mutex_lock(&m->lock);
    const bool gone = m->gone;
    pthread_mutex_unlock(&m->lock);
    return gone;
}

static void advance(message_stream_state *m)
{
    exchange *x = m->x;
    if (is_gone(m))
        fail_with(m, HTTP_ERROR_CLIENT_GONE, "the client closed its side of the connection");
    if (m->watches) {
        take_messages(m);
        tell_change(m);
        if (m->first != NULL && m->partial.length > 0)
            fail_with(m, HTTP_ERROR_NOT_IMPLEMENTED, "the call takes one message");
        if (atomic_load(&x->owner->ending))
            fail_with(m, HTTP_ERROR_SHUTTING_DOWN, "the service is shutting down");
    } else {
        answer(m);
        take_messages(m);
        answer(m);
    }
    if (x->failed)
        cancel(m);
    const bool over = x->failed || (m->completed && m->first == NULL && m->partial.length == 0);
    if (over && close_stream(m)) {
        http_stream_forget(x->stream);
        exchange_finish(x);
    } else if (!over) {
        http_stream_hold(x->stream,
                         m->count >= MAX_MESSAGES || http_stream_unsent(x->stream) >= MAX_UNSENT_BYTES);
        set_deadline(m);
    }
}

/* ---- What comes from the connection ---------------------------------------------------------------------------- */

static void begin_any(exchange *x, bool watches)
{
    server *s = x->owner;
    message_stream_state *m = mem_zalloc(1, sizeof *m);
    if (m == NULL) {
        x->failed = true;
        http_error_set(&x->error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the stream");
        exchange_fail(x);
        return;
    }
    m->x = x;
    m->watches = watches;
    m->last = &m->first;
    buf_init(&m->partial, GRPC_PREFIX_BYTES + s->settings.max_body_bytes + WINDOW_BYTES);
    buf_init(&m->told, API_SMALL_REPLY_BYTES);
    pthread_mutex_init(&m->lock, NULL);
    x->messages = m;
    pthread_mutex_lock(&s->streams_lock);
    m->next = s->streams;
    m->in_list = &s->streams;
    if (m->next != NULL)
        m->next->in_list = &m->next;
    s->streams = m;
    pthread_mutex_unlock(&s->streams_lock);
    exchange_begin(x);
    if (!http_stream_expect(x->stream, on_gone, m))
        on_gone(m);
    set_deadline(m);
}

static void begin(exchange *x)
{
    begin_any(x, false);
}

static void begin_watched(exchange *x)
{
    begin_any(x, true);
}

static void take_bytes(exchange *x, const char *data, size_t bytes)
{
    message_stream_state *m = x->messages;
    if (x->failed || m->broken)
        return;
    if (!buf_append(&m->partial, data, bytes))
        fail_with(m, HTTP_ERROR_OUT_OF_MEMORY, "no memory for a message");
    else if (!exchange_hold_more(x, bytes) || !memory_promise_body(x, m->partial.capacity))
        x->failed = true;
    advance(m);
}

static void drained(exchange *x)
{
    wake(x->messages);
}

static void late(exchange *x)
{
    message_stream_state *m = x->messages;
    if (x->caller_deadline_ns > 0 && clock_monotonic_ns() >= x->caller_deadline_ns)
        fail_with(m, HTTP_ERROR_DEADLINE_EXCEEDED, "the time that the caller allows is over");
    else if (m->first != NULL && !m->watches)
        ; /* the first one is submitted again */
    else if (atomic_load(&x->owner->ending))
        fail_with(m, HTTP_ERROR_SHUTTING_DOWN, "the service is shutting down");
    else
        fail_with(m, HTTP_ERROR_DEADLINE_EXCEEDED, "no message came for as long as a connection may be idle");
    advance(m);
}

static void end(exchange *x)
{
    message_stream_state *m = x->messages;
    pthread_mutex_lock(&x->owner->streams_lock);
    *m->in_list = m->next;
    if (m->next != NULL)
        m->next->in_list = m->in_list;
    pthread_mutex_unlock(&x->owner->streams_lock);
    while (m->first != NULL) {
        message_call *next = m->first->next;
        free_call(m->first);
        m->first = next;
    }
    buf_free(&m->partial);
    buf_free(&m->told);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
    x->messages = NULL;
}

const exchange_stream message_stream = {begin, take_bytes, drained, late, end};
const exchange_stream watched_stream = {begin_watched, take_bytes, drained, late, end};

void message_stream_handle(exchange *x)
{
    message_stream_state *m = x->messages;
    m->completed = true;
    advance(m);
}

void message_stream_resume(exchange *x)
{
    message_stream_state *m = x->messages;
    pthread_mutex_lock(&m->lock);
    m->posted = false;
    pthread_mutex_unlock(&m->lock);
    advance(m);
}
