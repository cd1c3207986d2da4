/* The crew under preemption: crew.c runs with a lock, condition variables, threads, a clock and an encoder of the test's
 * own, and every place at which a thread can be preempted is tried. A deadlock is a lost wake-up or a lost worker. */
#include "interleave.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "engine/helping.h"

#include <errno.h>
#include <pthread.h>

#define MOST_WORKERS 2

/* ---- One lock, and waiting ---- */

typedef struct sleeper {
    const pthread_cond_t *on; /* NULL = awake */
    unsigned since;           /* order of falling asleep */
} sleeper;

static struct {
    bool locked;
    sleeper sleepers[INTERLEAVE_MOST_THREADS];
    unsigned slept;
    bool last_first; /* whom pthread_cond_signal wakes */
    int64_t now_ns;
    void *(*run[MOST_WORKERS])(void *);
    void *argument[MOST_WORKERS];
    unsigned started, ended[MOST_WORKERS];
    unsigned stalls; /* times when nothing went on but by a time limit */
} sim;

static bool is_free(const void *cookie)
{
    (void)cookie;
    return !sim.locked;
}

static int sim_lock(void)
{
    interleave_point();
    if (sim.locked)
        interleave_wait(is_free, NULL);
    assert_false(sim.locked);
    sim.locked = true;
    return 0;
}

static int sim_unlock(void)
{
    assert_true(sim.locked);
    sim.locked = false;
    interleave_point();
    return 0;
}

static bool is_awake_and_free(const void *cookie)
{
    const sleeper *s = cookie;
    return s->on == NULL && !sim.locked;
}

static int sim_wait(const pthread_cond_t *on)
{
    sleeper *self = &sim.sleepers[interleave.running];
    assert_true(sim.locked);
    *self = (sleeper){.on = on, .since = ++sim.slept};
    sim.locked = false;
    interleave_wait(is_awake_and_free, self);
    sim.locked = true;
    return 0;
}

static int sim_signal(const pthread_cond_t *on)
{
    sleeper *chosen = NULL;
    for (unsigned i = 0; i < interleave.count; i++) {
        sleeper *s = &sim.sleepers[i];
        if (s->on == on && (chosen == NULL || (s->since > chosen->since) == sim.last_first))
            chosen = s;
    }
    if (chosen != NULL)
        chosen->on = NULL;
    return 0;
}

static int sim_broadcast(const pthread_cond_t *on)
{
    for (unsigned i = 0; i < interleave.count; i++)
        if (sim.sleepers[i].on == on)
            sim.sleepers[i].on = NULL;
    return 0;
}

static bool others_can_go_on(void)
{
    for (unsigned i = 0; i < interleave.count; i++)
        if (i != interleave.running && interleave_can_go_on(i))
            return true;
    return false;
}

/* Lets everybody else run, and then it is time. */
static int sim_timedwait(const pthread_cond_t *on, const struct timespec *until)
{
    const int64_t until_ns = until->tv_sec * NS_PER_S + until->tv_nsec;
    sleeper *self = &sim.sleepers[interleave.running];
    *self = (sleeper){.on = on, .since = ++sim.slept};
    sim.locked = false;
    interleave_wait(is_free, NULL);
    sim.locked = true;
    const bool timed_out = self->on != NULL;
    self->on = NULL;
    if (!timed_out)
        return 0;
    sim.stalls += !others_can_go_on();
    sim.now_ns = sim.now_ns > until_ns ? sim.now_ns : until_ns;
    return ETIMEDOUT;
}

static bool sim_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    *thread = sim.started;
    sim.run[sim.started] = run;
    sim.argument[sim.started++] = argument;
    return true;
}

static bool has_ended(const void *cookie)
{
    return *(const unsigned *)cookie > 0;
}

static int sim_join(pthread_t thread)
{
    if (!has_ended(&sim.ended[thread]))
        interleave_wait(has_ended, &sim.ended[thread]);
    return 0;
}

#define pthread_mutex_init(m, a) ((void)(m))
#define pthread_mutex_destroy(m) ((void)(m))
#define pthread_mutex_lock(m) ((void)(m), sim_lock())
#define pthread_mutex_unlock(m) ((void)(m), sim_unlock())
#define pthread_cond_init(c, a) ((void)(c))
#define pthread_cond_destroy(c) ((void)(c))
#define pthread_cond_wait(c, m) ((void)(m), sim_wait(c))
#define pthread_cond_timedwait(c, m, t) ((void)(m), sim_timedwait(c, t))
#define pthread_cond_signal(c) sim_signal(c)
#define pthread_cond_broadcast(c) sim_broadcast(c)
#define pthread_join(t, r) sim_join(t)
#define thread_start(t, run, argument, name) sim_start(t, run, argument)
#define clock_monotonic_ns() (++sim.now_ns)
#include "engine/crew.c"

/* ---- An encoder whose passes can be held up ---- */

struct encoder {
    const unsigned *held_until; /* passes do not end before this is not 0; NULL = they are not held up */
};

struct encoder_state {
    bool running; /* a pass that can be helped with */
};

static struct {
    unsigned open;
    unsigned let;     /* still to be opened before any is refused */
    unsigned refused; /* still to be refused after that */
    unsigned refusals;
    unsigned helped;
} states;

aki_status encoder_state_open(encoder_state **out, const encoder *enc, aki_error *error)
{
    (void)enc;
    interleave_point();
    *out = NULL;
    if (states.let == 0 && states.refused > 0) {
        states.refused--;
        states.refusals++;
        return error_set(error, AKI_OUT_OF_MEMORY, "refused");
    }
    states.let -= states.let > 0;
    *out = calloc(1, sizeof **out);
    states.open++;
    return AKI_OK;
}

void encoder_state_close(encoder_state *state)
{
    states.open -= state != NULL;
    free(state);
}

size_t encoder_state_bytes(const encoder_state *state)
{
    return sizeof *state;
}

bool encoder_plan_prefix(encoder_state *state, const encoder_sequence *sequences, size_t count,
                         encoder_sequence *prefix)
{
    (void)state;
    (void)sequences;
    (void)count;
    (void)prefix;
    return false;
}

aki_status encoder_team_begin(const encoder *enc, encoder_state *state, const encoder_sequence *sequences,
                              size_t count, unsigned workers, aki_error *error)
{
    (void)enc;
    (void)sequences;
    (void)count;
    (void)workers;
    (void)error;
    state->running = true;
    return AKI_OK;
}

aki_status encoder_team_run(const encoder *enc, encoder_state *state, encoder_sequence *sequences,
                            size_t count, aki_error *error)
{
    (void)sequences;
    (void)count;
    (void)error;
    interleave_point();
    if (enc->held_until != NULL && *enc->held_until == 0)
        interleave_wait(has_ended, enc->held_until);
    state->running = false;
    interleave_point();
    return AKI_OK;
}

typedef struct help_given {
    const encoder_state *leader;
    const atomic_uint *called_away;
} help_given;

static bool help_is_over(const void *cookie)
{
    const help_given *h = cookie;
    return !h->leader->running || atomic_load(h->called_away) != 0;
}

void encoder_team_help(const encoder *enc, const encoder_state *own, const encoder_state *leader,
                       const atomic_uint *called_away)
{
    const help_given h = {leader, called_away};
    (void)enc;
    (void)own;
    interleave_point();
    states.helped += leader->running;
    if (!help_is_over(&h))
        interleave_wait(help_is_over, &h);
    interleave_point();
}

/* ---- A source that counts ---- */

typedef struct counter {
    encoder enc;
    crew *c;
    crew_source *source;
    unsigned waiting, running, finished, delivering, delivered;
    bool gone; /* removed: nothing of it may be called any more */
    unsigned wrong;
} counter;

static bool waits(void *cookie)
{
    counter *k = cookie;
    k->wrong += k->gone || !sim.locked;
    return k->waiting > 0;
}

static void offer(void *cookie, int64_t now_ns, turns_offer *out)
{
    out->of_class = TURNS_INTERACTIVE;
    out->start_ns = waits(cookie) ? now_ns : INT64_MAX;
}

static void take(void *cookie, void *pass, unsigned takers, int64_t now_ns)
{
    counter *k = cookie;
    (void)pass;
    (void)takers;
    (void)now_ns;
    k->wrong += k->gone || !sim.locked || k->waiting == 0 || k->source->closing;
    k->waiting--;
    k->running++;
}

static void compute_one(void *cookie, void *pass, crew_worker *w)
{
    counter *k = cookie;
    aki_error error;
    (void)pass;
    k->wrong += k->gone;
    k->wrong += crew_compute(w, NULL, 0, NULL, &error) != AKI_OK;
}

static void settle(void *cookie, void *pass)
{
    counter *k = cookie;
    (void)pass;
    k->wrong += k->gone || !sim.locked;
    k->running--;
    k->finished++;
}

static bool has_finished(void *cookie)
{
    counter *k = cookie;
    k->wrong += k->gone || !sim.locked;
    return k->finished > 0;
}

static void *pop_finished(void *cookie)
{
    counter *k = cookie;
    k->wrong += k->source->closing;
    k->finished--;
    k->delivering++;
    return k;
}

static void deliver_one(void *cookie, void *finished)
{
    counter *k = cookie;
    k->wrong += k->gone || finished != k;
    interleave_point();
    k->delivering--;
    k->delivered++;
}

static void add(counter *k, crew *c)
{
    const crew_calls calls = {.waits = waits,
                              .offer = offer,
                              .take = take,
                              .settle = settle,
                              .has_finished = has_finished,
                              .pop_finished = pop_finished,
                              .compute = compute_one,
                              .deliver = deliver_one,
                              .cookie = k};
    aki_error error;
    k->c = c;
    if (crew_add(&k->source, c, &k->enc, &calls, &error) != AKI_OK)
        abort();
}

static void submit(counter *k, unsigned passes)
{
    sim_lock();
    k->waiting += passes;
    crew_call(k->c, passes);
    sim_unlock();
}

/* One of the passes that wait is dropped, as a request is that was cancelled. */
static void drop(counter *k)
{
    sim_lock();
    if (k->waiting > 0) {
        k->waiting--;
        k->finished++;
    }
    sim_unlock();
}

static bool all_delivered(const void *cookie)
{
    const counter *k = cookie;
    return k->waiting + k->running + k->finished + k->delivering == 0;
}

static void await(counter *k)
{
    if (!all_delivered(k))
        interleave_wait(all_delivered, k);
}

static void drain_and_remove(counter *k)
{
    crew_drain(k->source);
    k->wrong += !all_delivered(k);
    crew_remove(k->source);
    k->gone = true;
}

/* ---- Scenarios ---- */

typedef struct scenario {
    unsigned workers, owners;
    void (*body[2])(struct scenario *);
    crew *c;
    counter a, b;
    unsigned ready, over; /* over: owners that are done */
    unsigned states_let, states_refused;
    bool last_first;
    size_t helped; /* over all runs */
} scenario;

static void open_crew(scenario *s)
{
    const crew_settings settings = {.threads = s->workers, .name = "worker"};
    aki_error error;
    if (crew_open(&s->c, &settings, &error) != AKI_OK)
        abort();
    s->ready = 1;
}

/* A pass that ends only when one of another source has: whoever helps with it must leave for that one. */
static void a_helper_leaves_for_another_source(scenario *s)
{
    open_crew(s);
    add(&s->a, s->c);
    add(&s->b, s->c);
    s->a.enc.held_until = &s->b.delivered;
    submit(&s->a, 1);
    interleave_point();
    submit(&s->b, 1);
    await(&s->a);
    await(&s->b);
    drain_and_remove(&s->a);
    submit(&s->b, 2);
    drop(&s->b);
    drop(&s->b);
    drain_and_remove(&s->b);
    crew_close(s->c);
}

/* Passes that wait in a source stay there when it is removed, whoever is inside. */
static void a_source_is_removed_under_load(scenario *s)
{
    open_crew(s);
    add(&s->a, s->c);
    add(&s->b, s->c);
    submit(&s->a, 3);
    submit(&s->b, 2);
    crew_remove(s->a.source);
    s->a.gone = true;
    s->a.wrong += s->a.running + s->a.delivering > 0;
    s->a.waiting = s->a.finished = 0;
    await(&s->b);
    drain_and_remove(&s->b);
    crew_close(s->c);
}

static bool is_ready(const void *cookie)
{
    return ((const scenario *)cookie)->ready > 0;
}

static bool both_are_over(const void *cookie)
{
    return ((const scenario *)cookie)->over == 2;
}

static void serve_one(scenario *s, counter *k)
{
    if (!is_ready(s))
        interleave_wait(is_ready, s);
    add(k, s->c);
    submit(k, 1);
    submit(k, 1);
    drain_and_remove(k);
    s->over++;
}

static void two_owners_a(scenario *s)
{
    open_crew(s);
    serve_one(s, &s->a);
    if (!both_are_over(s))
        interleave_wait(both_are_over, s);
    crew_close(s->c);
}

static void two_owners_b(scenario *s)
{
    serve_one(s, &s->b);
}

static bool was_refused(const void *cookie)
{
    (void)cookie;
    return states.refusals > 0;
}

/* The second worker gets no buffers when it wants to help: the first one must do everything, whichever is signalled. */
static void a_worker_without_memory(scenario *s)
{
    open_crew(s);
    add(&s->a, s->c);
    s->a.enc.held_until = &s->over;
    submit(&s->a, 1);
    if (!was_refused(NULL))
        interleave_wait(was_refused, NULL);
    s->over = 1;
    await(&s->a);
    for (unsigned i = 0; i < 3; i++) {
        submit(&s->a, 1);
        await(&s->a);
    }
    drain_and_remove(&s->a);
    crew_close(s->c);
}

static bool is_started(const void *cookie)
{
    return sim.started > *(const unsigned *)cookie;
}

static void take_part(void *cookie, unsigned index)
{
    scenario *s = cookie;
    if (index < s->owners) {
        s->body[index](s);
        return;
    }
    const unsigned worker = index - s->owners;
    if (!is_started(&worker))
        interleave_wait(is_started, &worker);
    sim.run[worker](sim.argument[worker]);
    sim.ended[worker] = 1;
}

static bool all_goes_well(void *cookie, const interleave_plan *plan, size_t *steps)
{
    scenario *s = cookie;
    memset(&sim, 0, sizeof sim);
    memset(&states, 0, sizeof states);
    sim.last_first = s->last_first;
    states.let = s->states_let;
    states.refused = s->states_refused;
    s->a = s->b = (counter){.c = NULL};
    s->ready = s->over = 0;
    const bool ended = interleave_run(s->owners + s->workers, take_part, s, plan, steps);
    s->helped += states.helped;
    return ended && s->a.wrong + s->b.wrong == 0 && states.open == 0 && sim.stalls == 0;
}

static size_t explore(scenario s, unsigned switches, size_t stride)
{
    if (!INTERLEAVE_SUPPORTED)
        skip();
    for (unsigned last_first = 0; last_first <= 1; last_first++) {
        s.last_first = last_first > 0;
        interleave_explore_all(s.owners + s.workers, switches, stride, all_goes_well, &s);
    }
    return s.helped;
}

static void helpers_leave_for_what_is_queued(void **state)
{
    (void)state;
    const scenario s = {.workers = 2, .owners = 1, .body = {a_helper_leaves_for_another_source}};
    assert_true(explore(s, 2, 1) > 0);
    explore(s, 3, 11);
}

static void sources_are_removed_whoever_is_inside(void **state)
{
    (void)state;
    const scenario s = {.workers = 2, .owners = 1, .body = {a_source_is_removed_under_load}};
    assert_true(explore(s, 2, 1) > 0);
    explore(s, 3, 11);
}

static void owners_add_and_remove_beside_each_other(void **state)
{
    (void)state;
    explore((scenario){.workers = 2, .owners = 2, .body = {two_owners_a, two_owners_b}}, 2, 3);
}

static void a_signal_reaches_a_worker_that_can_serve(void **state)
{
    (void)state;
    explore((scenario){.workers = 2,
                       .owners = 1,
                       .body = {a_worker_without_memory},
                       .states_let = 1,
                       .states_refused = UINT_MAX},
            2, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helpers_leave_for_what_is_queued),
        cmocka_unit_test(sources_are_removed_whoever_is_inside),
        cmocka_unit_test(owners_add_and_remove_beside_each_other),
        cmocka_unit_test(a_signal_reaches_a_worker_that_can_serve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
