/* Runs threads one at a time, so that a test decides where each is preempted and for how long. The code under test
 * calls interleave_point wherever another thread might be scheduled, and interleave_sleep and interleave_wake in
 * place of a futex.
 *
 * In a run without switches each thread goes on until it sleeps, waits or ends. A plan names steps (calls of
 * interleave_point, counted over all threads) at which another thread goes on instead; the preempted one is then the
 * last in turn. So all places of a preemption can be tried one after the other, a run can be repeated exactly, and a
 * deadlock is found at once.
 *
 * The threads are contexts (ucontext) of the one thread that runs the test, so a run costs microseconds.
 * ThreadSanitizer cannot follow such contexts, and would find nothing here: skip with INTERLEAVE_SUPPORTED. */
#ifndef INTERLEAVE_H
#define INTERLEAVE_H

#include "unit.h"

#include <limits.h>
#include <stdatomic.h>
#include <ucontext.h>

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define INTERLEAVE_SUPPORTED false
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define INTERLEAVE_SUPPORTED false
#endif
#ifndef INTERLEAVE_SUPPORTED
#define INTERLEAVE_SUPPORTED true
#endif

/* Divides the number of steps tried where every step is slow. */
#ifdef __SANITIZE_ADDRESS__
#define INTERLEAVE_THINNING (unit_is_emulated() ? 10 : 3)
#else
#define INTERLEAVE_THINNING (unit_is_emulated() ? 10 : 1)
#endif

#define INTERLEAVE_MOST_THREADS 4
#define INTERLEAVE_MOST_SWITCHES 3
#define INTERLEAVE_STACK_BYTES (256 << 10)
/* More steps than any run here takes: beyond it, threads wait for each other in a loop. */
#define INTERLEAVE_MOST_STEPS 1000000

typedef struct interleave_switch {
    size_t step; /* from 1 */
    unsigned to; /* thread; one that cannot go on is not switched to */
} interleave_switch;

typedef struct interleave_plan {
    interleave_switch switches[INTERLEAVE_MOST_SWITCHES]; /* by step */
    size_t count;
} interleave_plan;

typedef struct interleave_thread {
    ucontext_t context;
    void *stack;
    bool ended;
    const atomic_uint *asleep_on;      /* NULL = awake */
    bool (*ready)(const void *cookie); /* NULL = does not wait */
    const void *ready_cookie;
} interleave_thread;

static struct {
    void (*body)(void *cookie, unsigned index);
    void *cookie;
    const interleave_plan *plan;
    ucontext_t test; /* who called interleave_run */
    interleave_thread threads[INTERLEAVE_MOST_THREADS];
    unsigned count; /* 0 = no run is under way */
    unsigned running, preempted, ended;
    size_t steps, switched;
} interleave;

static inline bool interleave_can_go_on(unsigned index)
{
    const interleave_thread *t = &interleave.threads[index];
    return !t->ended && t->asleep_on == NULL && (t->ready == NULL || t->ready(t->ready_cookie));
}

static inline void interleave_switch_to(unsigned next)
{
    interleave_thread *self = &interleave.threads[interleave.running];
    interleave.running = next;
    swapcontext(&self->context, &interleave.threads[next].context);
}

/* Switches to the next thread in turn that can go on; the one preempted last comes after all others. Without one,
 * back to the test. */
static inline void interleave_pass_on(void)
{
    for (unsigned i = 1; i <= interleave.count; i++) {
        const unsigned next = (interleave.running + i) % interleave.count;
        if (next != interleave.preempted && interleave_can_go_on(next)) {
            interleave_switch_to(next);
            return;
        }
    }
    if (interleave.preempted < interleave.count && interleave_can_go_on(interleave.preempted))
        interleave_switch_to(interleave.preempted);
    else
        swapcontext(&interleave.threads[interleave.running].context, &interleave.test);
}

static inline void interleave_point(void)
{
    const interleave_plan *plan = interleave.plan;
    if (interleave.count == 0)
        return;
    if (++interleave.steps > INTERLEAVE_MOST_STEPS)
        swapcontext(&interleave.threads[interleave.running].context, &interleave.test);
    if (interleave.switched == plan->count || plan->switches[interleave.switched].step != interleave.steps)
        return;
    const unsigned to = plan->switches[interleave.switched++].to;
    if (to == interleave.running || !interleave_can_go_on(to))
        return;
    interleave.preempted = interleave.running;
    interleave_switch_to(to);
}

/* Lets other threads run until `ready`; this thread is then last in turn. */
static inline void interleave_wait(bool (*ready)(const void *cookie), const void *cookie)
{
    interleave_thread *self = &interleave.threads[interleave.running];
    self->ready = ready;
    self->ready_cookie = cookie;
    interleave.preempted = interleave.running;
    interleave_pass_on();
    self->ready = NULL;
}

static inline void interleave_sleep(const atomic_uint *word, unsigned seen)
{
    interleave_point(); /* woken too early, before it sleeps? */
    if (atomic_load(word) != seen)
        return;
    interleave.threads[interleave.running].asleep_on = word;
    interleave_pass_on();
}

static inline void interleave_wake(const atomic_uint *word)
{
    for (unsigned i = 0; i < interleave.count; i++)
        if (interleave.threads[i].asleep_on == word)
            interleave.threads[i].asleep_on = NULL;
}

static inline void interleave_begin(void)
{
    interleave.body(interleave.cookie, interleave.running);
    interleave.threads[interleave.running].ended = true;
    interleave.ended++;
    interleave_pass_on();
}

/* Runs body(cookie, 0 .. threads - 1), each as a thread, by the plan; 0 begins. *steps: how many points were passed.
 * False: a deadlock, all threads that have not ended wait. */
static inline bool interleave_run(unsigned threads, void (*body)(void *cookie, unsigned index), void *cookie,
                                  const interleave_plan *plan, size_t *steps)
{
    assert_true(threads <= INTERLEAVE_MOST_THREADS);
    interleave.body = body;
    interleave.cookie = cookie;
    interleave.plan = plan;
    interleave.count = threads;
    interleave.running = interleave.ended = 0;
    interleave.preempted = UINT_MAX;
    interleave.steps = interleave.switched = 0;
    for (unsigned i = 0; i < threads; i++) {
        interleave_thread *t = &interleave.threads[i];
        if (t->stack == NULL)
            t->stack = malloc(INTERLEAVE_STACK_BYTES); /* kept for the next run */
        assert_non_null(t->stack);
        assert_int_equal(getcontext(&t->context), 0);
        t->context.uc_stack.ss_sp = t->stack;
        t->context.uc_stack.ss_size = INTERLEAVE_STACK_BYTES;
        t->context.uc_link = NULL;
        t->ended = false;
        t->asleep_on = NULL;
        t->ready = NULL;
        makecontext(&t->context, interleave_begin, 0);
    }
    swapcontext(&interleave.test, &interleave.threads[0].context);
    interleave.count = 0;
    *steps = interleave.steps;
    return interleave.ended == threads;
}

/* Runs one plan and returns its success; *steps as interleave_run has it. */
typedef bool (*interleave_try)(void *cookie, const interleave_plan *plan, size_t *steps);

typedef struct interleave_tally {
    size_t runs, bad;
} interleave_tally;

/* Runs the plan, and all plans with `depth` switches more, at every `stride`th step after its last one; stops at the
 * first failure. */
static inline void interleave_explore(unsigned threads, interleave_plan *plan, unsigned depth, size_t stride,
                                      interleave_try attempt, void *cookie, interleave_tally *sum)
{
    size_t steps;
    sum->runs++;
    if (!attempt(cookie, plan, &steps)) {
        sum->bad++;
        for (size_t i = 0; i < plan->count; i++)
            print_error("bad: at step %zu to thread %u\n", plan->switches[i].step, plan->switches[i].to);
    }
    /* Up to the last switch the run equals that of the plan without it; only what comes after it is new. */
    size_t step = (plan->count > 0 ? plan->switches[plan->count - 1].step : 0) + 1;
    for (; depth > 0 && step <= steps; step += stride)
        for (unsigned to = 0; to < threads && sum->bad == 0; to++) {
            interleave_plan next = *plan;
            next.switches[next.count++] = (interleave_switch){.step = step, .to = to};
            interleave_explore(threads, &next, depth - 1, stride, attempt, cookie, sum);
        }
}

/* All plans of up to `switches` preemptions, each at every `stride`th step after the one before. */
static inline void interleave_explore_all(unsigned threads, unsigned switches, size_t stride,
                                          interleave_try attempt, void *cookie)
{
    interleave_tally sum = {0};
    assert_true(switches <= INTERLEAVE_MOST_SWITCHES);
    interleave_explore(threads, &(interleave_plan){.count = 0}, switches, INTERLEAVE_THINNING * stride,
                       attempt, cookie, &sum);
    print_message("%u threads, %u preemptions: %zu runs, %zu bad\n", threads, switches, sum.runs, sum.bad);
    assert_int_equal(sum.bad, 0);
}

#endif
