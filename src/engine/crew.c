#include "engine/crew.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "engine/helping.h"

#include <errno.h>

/* A worker that had no memory for a source's buffers tries again after this time. */
#define REOPEN_NS NS_PER_S

/* Memory that one worker needs for the passes of one source. */
typedef struct worker_buffers {
    encoder_state *state; /* NULL = not open */
    void *pass;           /* the source's own */
    int64_t reopen_ns;    /* opening has failed: not before; 0 = has not */
} worker_buffers;

struct crew_source {
    turn turn; /* first: the crew finds its sources in the list of turns */
    crew *owner;
    const encoder *enc;
    crew_calls calls;
    bool closing;
    unsigned inside;         /* workers that do something of it without the lock */
    worker_buffers *buffers; /* [threads] */
    size_t bytes;            /* of those that are open */
};

struct crew_worker {
    crew *owner;
    unsigned index;
    crew_source *source;   /* of the pass that it computes, */
    turns_class of_class;  /* which is of that class */
    int64_t away_since_ns; /* doing something without the lock; 0 = not; under the lock */
    pthread_t thread;
    bool started;
};

struct crew {
    crew_settings settings;
    cpus_info cpus;       /* where pinned */
    crew_worker *workers; /* [threads] */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;  /* something was queued or finished, or the crew closes */
    pthread_cond_t left;  /* a worker has come back from a source */
    turn_order turns;
    helping help;
    unsigned idle;   /* workers that wait for `work` */
    unsigned failed; /* buffers that could not be opened and were not since */
    int64_t interactive_ns;
    bool closing;
};

static crew_source *source_of(turn *t)
{
    return (crew_source *)(void *)t;
}

static crew_source *first_source(crew *c)
{
    return source_of(c->turns.first);
}

static crew_source *next_source(crew_source *s)
{
    return source_of(s->turn.next);
}

static bool anything_waits(crew *c)
{
    for (crew_source *s = first_source(c); s != NULL; s = next_source(s))
        if (!s->closing && s->calls.waits(s->calls.cookie))
            return true;
    return false;
}

/* Wakes `count` of the workers that wait. Where some lack the memory to serve a source, it may be any of them that is
 * signalled, so all are. */
static void wake(crew *c, size_t count)
{
    if (c->failed > 0)
        pthread_cond_broadcast(&c->work);
    for (size_t i = 0; c->failed == 0 && i < count && i < c->idle; i++)
        pthread_cond_signal(&c->work);
}

void crew_call(crew *c, size_t shares)
{
    atomic_store(&c->help.call_away, 1);
    wake(c, shares);
}

void crew_note_interactive(crew *c, int64_t now_ns)
{
    c->interactive_ns = now_ns;
}

int64_t crew_interactive_ns(const crew *c)
{
    return c->interactive_ns;
}

pthread_mutex_t *crew_lock(crew *c)
{
    return &c->lock;
}

unsigned crew_threads(const crew *c)
{
    return c->settings.threads;
}

/* ---- What a worker does without the lock ---- */

/* The worker lets go of the lock for something of the source, which cannot be removed meanwhile. */
static void go(crew *c, crew_worker *w, crew_source *s, int64_t now_ns)
{
    s->inside++;
    w->away_since_ns = now_ns;
    pthread_mutex_unlock(&c->lock);
}

/* The lock is held already: what was done is booked first. */
static void come_back(crew *c, crew_worker *w, crew_source *s)
{
    w->away_since_ns = 0;
    if (--s->inside == 0)
        pthread_cond_broadcast(&c->left);
}

static void close_buffers(crew_source *s, worker_buffers *b)
{
    if (b->pass != NULL)
        s->calls.close(s->calls.cookie, b->pass);
    encoder_state_close(b->state);
    *b = (worker_buffers){.state = NULL};
}

static aki_status open_buffers(crew_source *s, worker_buffers *b, size_t *bytes, aki_error *error)
{
    aki_status status = encoder_state_open(&b->state, s->enc, error);
    if (status == AKI_OK) {
        *bytes = encoder_state_bytes(b->state);
        if (s->calls.open != NULL)
            status = s->calls.open(s->calls.cookie, &b->pass, bytes, error);
    }
    if (status != AKI_OK)
        close_buffers(s, b);
    return status;
}

/* True when the worker may do something of the source now: it has the buffers, or may try to open them. */
static bool may_serve(const crew_source *s, const crew_worker *w, int64_t now_ns)
{
    const worker_buffers *b = &s->buffers[w->index];
    return b->state != NULL || (!s->closing && b->reopen_ns <= now_ns);
}

static void equip(crew *c, crew_worker *w, crew_source *s, int64_t now_ns)
{
    worker_buffers *b = &s->buffers[w->index], opened = {.state = NULL};
    size_t bytes = 0;
    aki_error error;
    go(c, w, s, now_ns);
    const bool fine = open_buffers(s, &opened, &bytes, &error) == AKI_OK;
    if (!fine)
        log_write(&c->settings.log, AKI_LOG_WARN, "scheduler",
                  "worker %u has no buffers for a model, and leaves it to others for a second: %s", w->index,
                  error.message);
    pthread_mutex_lock(&c->lock);
    c->failed -= b->reopen_ns > 0;
    if (!fine) {
        opened.reopen_ns = clock_monotonic_ns() + REOPEN_NS;
        c->failed++;
        wake(c, 1);
    }
    *b = opened;
    s->bytes += bytes;
    come_back(c, w, s);
}

static void deliver(crew *c, crew_worker *w, crew_source *s, int64_t now_ns)
{
    void *finished = s->calls.pop_finished(s->calls.cookie);
    go(c, w, s, now_ns);
    s->calls.deliver(s->calls.cookie, finished);
    pthread_mutex_lock(&c->lock);
    come_back(c, w, s);
}

/* Helps with the pass of worker `leader` until there is something better to do. */
static void help(crew *c, crew_worker *w, unsigned leader, int64_t now_ns)
{
    crew_source *s = c->workers[leader].source;
    const encoder_state *own = s->buffers[w->index].state, *led = s->buffers[leader].state;
    if (own == NULL) {
        equip(c, w, s, now_ns);
        return;
    }
    const turns_class of_class = c->workers[leader].of_class;
    atomic_store(&c->help.call_away, 0);
    const uint64_t number = helping_enter(&c->help, leader);
    go(c, w, s, now_ns);
    encoder_team_help(s->enc, own, led, &c->help.call_away);
    const int64_t end_ns = clock_monotonic_ns();
    pthread_mutex_lock(&c->lock);
    helping_leave(&c->help, leader, number);
    turns_charge(&s->turn, of_class, end_ns - now_ns);
    come_back(c, w, s);
}

static void compute(crew *c, crew_worker *w, crew_source *s, int64_t now_ns)
{
    if (s->buffers[w->index].state == NULL) {
        equip(c, w, s, now_ns);
        return;
    }
    void *pass = s->buffers[w->index].pass;
    s->calls.take(s->calls.cookie, pass, 1 + c->idle, now_ns);
    const int64_t booked_ns = turns_begin(&c->turns, &s->turn);
    w->source = s;
    w->of_class = s->turn.offer.of_class;
    if (c->idle > 0 && anything_waits(c))
        wake(c, 1);
    go(c, w, s, now_ns);
    s->calls.compute(s->calls.cookie, pass, w);
    const int64_t end_ns = clock_monotonic_ns();
    pthread_mutex_lock(&c->lock);
    helping_end(&c->help, w->index);
    turns_end(&s->turn, w->of_class, booked_ns, end_ns - now_ns);
    s->calls.settle(s->calls.cookie, pass);
    come_back(c, w, s);
}

/* Lets others join the pass that worker `index` has begun, and wakes those that have nothing else to do. Lock held. */
static void ask_for_help(crew *c, unsigned index, bool nothing_waits)
{
    helping_ask(&c->help, index);
    if (nothing_waits)
        wake(c, helping_team(c->idle) - 1);
}

static aki_status compute_pass(crew_worker *w, encoder_sequence *sequences, size_t count, int64_t *begun_ns,
                               aki_error *error)
{
    crew *c = w->owner;
    const encoder *enc = w->source->enc;
    encoder_state *state = crew_worker_state(w);
    pthread_mutex_lock(&c->lock);
    const bool nothing_waits = !anything_waits(c);
    aki_status status =
        encoder_team_begin(enc, state, sequences, count, nothing_waits ? helping_team(c->idle) : 1, error);
    if (begun_ns != NULL)
        *begun_ns = clock_monotonic_ns();
    if (status == AKI_OK)
        ask_for_help(c, w->index, nothing_waits);
    pthread_mutex_unlock(&c->lock);
    return status == AKI_OK ? encoder_team_run(enc, state, sequences, count, error) : status;
}

aki_status crew_compute(crew_worker *w, encoder_sequence *sequences, size_t count, int64_t *begun_ns,
                        aki_error *error)
{
    encoder_sequence prefix;
    aki_status status = AKI_OK;
    if (encoder_plan_prefix(crew_worker_state(w), sequences, count, &prefix))
        status = compute_pass(w, &prefix, 1, NULL, error);
    return status == AKI_OK ? compute_pass(w, sequences, count, begun_ns, error) : status;
}

encoder_state *crew_worker_state(const crew_worker *w)
{
    return w->source->buffers[w->index].state;
}

/* ---- The loop ---- */

/* Asks all sources for their offers. Returns when the earliest of them should begin, for this worker. */
static int64_t read_offers(crew *c, const crew_worker *w, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;
    for (crew_source *s = first_source(c); s != NULL; s = next_source(s)) {
        turns_offer *offer = &s->turn.offer;
        *offer = (turns_offer){.start_ns = INT64_MAX, .deadline_ns = INT64_MAX};
        if (!s->closing)
            s->calls.offer(s->calls.cookie, now_ns, offer);
        s->turn.barred = !may_serve(s, w, now_ns);
        int64_t start_ns = offer->start_ns;
        if (s->turn.barred && start_ns < s->buffers[w->index].reopen_ns)
            start_ns = s->buffers[w->index].reopen_ns;
        next_ns = start_ns < next_ns ? start_ns : next_ns;
    }
    return next_ns;
}

static crew_source *find_finished(crew *c)
{
    for (crew_source *s = first_source(c); s != NULL; s = next_source(s))
        if (!s->closing && s->calls.has_finished != NULL && s->calls.has_finished(s->calls.cookie))
            return s;
    return NULL;
}

static bool find_help(crew *c, const crew_worker *w, int64_t now_ns, unsigned *leader)
{
    return helping_find(&c->help, leader) && may_serve(c->workers[*leader].source, w, now_ns) &&
           !anything_waits(c);
}

/* Waits for a signal, or until the time comes. */
static void wait_for_work(crew *c, int64_t until_ns)
{
    c->idle++;
    if (until_ns == INT64_MAX) {
        pthread_cond_wait(&c->work, &c->lock);
    } else {
        const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
        pthread_cond_timedwait(&c->work, &c->lock, &until);
    }
    c->idle--;
}

/* Finished results go first, so that replies leave before the next pass begins. */
static void *work(void *argument)
{
    crew_worker *w = argument;
    crew *c = w->owner;
    if (c->settings.pinned)
        thread_pin(c->cpus.order[w->index % c->cpus.allowed]);
    pthread_mutex_lock(&c->lock);
    for (;;) {
        const int64_t now_ns = clock_monotonic_ns(), next_ns = read_offers(c, w, now_ns);
        crew_source *finished = find_finished(c);
        turn *due = finished == NULL ? turns_pick(&c->turns, now_ns) : NULL;
        unsigned leader;
        if (finished != NULL)
            deliver(c, w, finished, now_ns);
        else if (due != NULL)
            compute(c, w, source_of(due), now_ns);
        else if (find_help(c, w, now_ns, &leader))
            help(c, w, leader, now_ns);
        else if (c->closing)
            break;
        else
            wait_for_work(c, next_ns);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

int64_t crew_longest_absence_ms(crew *c)
{
    pthread_mutex_lock(&c->lock);
    int64_t now_ns = clock_monotonic_ns(), longest_ns = 0;
    for (unsigned i = 0; i < c->settings.threads; i++) {
        const int64_t since_ns = c->workers[i].away_since_ns;
        if (since_ns > 0 && now_ns - since_ns > longest_ns)
            longest_ns = now_ns - since_ns;
    }
    pthread_mutex_unlock(&c->lock);
    return longest_ns / NS_PER_MS;
}

/* ---- Sources ---- */

aki_status crew_add(crew_source **out, crew *c, const encoder *enc, const crew_calls *calls, aki_error *error)
{
    *out = NULL;
    crew_source *s = mem_zalloc(1, sizeof *s);
    worker_buffers *buffers = mem_zalloc(c->settings.threads, sizeof *buffers);
    if (s == NULL || buffers == NULL) {
        mem_free(s);
        mem_free(buffers);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %u workers", c->settings.threads);
    }
    s->owner = c;
    s->enc = enc;
    s->calls = *calls;
    s->buffers = buffers;
    const aki_status status = open_buffers(s, &buffers[0], &s->bytes, error);
    if (status != AKI_OK) {
        mem_free(buffers);
        mem_free(s);
        return status;
    }
    pthread_mutex_lock(&c->lock);
    turns_add(&c->turns, &s->turn);
    pthread_mutex_unlock(&c->lock);
    *out = s;
    return AKI_OK;
}

static bool is_drained(const crew_source *s)
{
    void *cookie = s->calls.cookie;
    return s->inside == 0 && !s->calls.waits(cookie) &&
           (s->calls.has_finished == NULL || !s->calls.has_finished(cookie));
}

void crew_drain(crew_source *s)
{
    crew *c = s->owner;
    pthread_mutex_lock(&c->lock);
    crew_call(c, c->settings.threads);
    while (!is_drained(s))
        pthread_cond_wait(&c->left, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

void crew_remove(crew_source *s)
{
    if (s == NULL)
        return;
    crew *c = s->owner;
    pthread_mutex_lock(&c->lock);
    s->closing = true;
    atomic_store(&c->help.call_away, 1);
    while (s->inside > 0)
        pthread_cond_wait(&c->left, &c->lock);
    turns_remove(&c->turns, &s->turn);
    for (unsigned i = 0; i < c->settings.threads; i++)
        c->failed -= s->buffers[i].reopen_ns > 0;
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < c->settings.threads; i++)
        close_buffers(s, &s->buffers[i]);
    mem_free(s->buffers);
    mem_free(s);
}

unsigned crew_sharers(const crew_source *s)
{
    return s != NULL ? 1 + turns_others(&s->owner->turns, &s->turn) : 1;
}

size_t crew_source_bytes(const crew_source *s)
{
    return s->bytes;
}

/* ---- Open and close ---- */

static aki_status start(crew *c, unsigned index, aki_error *error)
{
    crew_worker *w = &c->workers[index];
    *w = (crew_worker){.owner = c, .index = index};
    w->started = thread_start(&w->thread, work, w, c->settings.name);
    return w->started ? AKI_OK
                      : error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start worker %u of %u",
                                        index + 1, c->settings.threads);
}

aki_status crew_open(crew **out, const crew_settings *settings, aki_error *error)
{
    *out = NULL;
    crew *c = mem_zalloc(1, sizeof *c);
    if (c == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %u workers", settings->threads);
    c->settings = *settings;
    if (settings->pinned)
        cpus_read(&c->cpus);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&c->work, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_cond_init(&c->left, NULL);
    c->workers = mem_zalloc(settings->threads, sizeof *c->workers);
    aki_status status = AKI_OK;
    if (c->workers == NULL || !helping_open(&c->help, settings->threads))
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for %u workers", settings->threads);
    for (unsigned i = 0; i < settings->threads && status == AKI_OK; i++)
        status = start(c, i, error);
    if (status != AKI_OK) {
        crew_close(c);
        return status;
    }
    *out = c;
    return AKI_OK;
}

void crew_close(crew *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->closing = true;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; c->workers != NULL && i < c->settings.threads; i++)
        if (c->workers[i].started)
            pthread_join(c->workers[i].thread, NULL);
    pthread_cond_destroy(&c->work);
    pthread_cond_destroy(&c->left);
    pthread_mutex_destroy(&c->lock);
    helping_close(&c->help);
    mem_free(c->workers);
    mem_free(c);
}
