/* Passes of a team under preemption. The batch's arrays are overwritten for the next pass as soon as one is over. The
 * places at which a helper or its leader can be preempted are tried one by one. Each pass must end with the vectors
 * that one worker alone computes, and each worker must return. */
#include "interleave.h"

#define TEAM_POINT() interleave_point()
#define TEAM_SLEEP(word, seen) interleave_sleep(word, seen)
#define TEAM_WAKE(word) interleave_wake(word)
#include "base/team.c"

#include "synthetic.h"

#include "engine/cpu/internal.h"

#define HIDDEN 16
#define MOST_TEXTS 3
#define MOST_TOKENS 16
#define PASSES 3
#define THREADS 2

typedef struct pass {
    size_t texts;
    uint32_t offsets[MOST_TEXTS + 1];
} pass;

/* The batches differ in their numbers of rows, so that a helper that reads the offsets of a later pass is found out. */
static const pass passes[PASSES] = {{1, {0, 3}}, {3, {0, 9, 10, 12}}, {2, {0, 11, 13}}};

typedef struct crew {
    cpu_device *device;
    cpu_state *states[THREADS];
    bool mates_first;
    float expected[PASSES][MOST_TOKENS * HIDDEN];

    int32_t ids[MOST_TOKENS];
    uint32_t offsets[MOST_TEXTS + 1];
    unsigned asked, over; /* passes */
    bool wrong;
    atomic_uint called_away;
} crew;

static device_batch gather(crew *c, unsigned index)
{
    const pass *p = &passes[index];
    for (size_t i = 0; i < p->offsets[p->texts]; i++)
        c->ids[i] = (int32_t)((i * 7 + index * 31) % 100);
    memcpy(c->offsets, p->offsets, sizeof c->offsets);
    return (device_batch){c->ids, c->offsets, p->texts};
}

static bool at_once(const void *cookie)
{
    (void)cookie;
    return true;
}

static void lead(crew *c)
{
    for (unsigned i = 0; i < PASSES; i++) {
        const device_batch batch = gather(c, i);
        atomic_store(&c->called_away, 0);
        interleave_point();
        cpu_team_begin(c->states[0], &batch, THREADS);
        c->asked++;
        if (c->mates_first)
            interleave_wait(at_once, NULL);
        interleave_point();
        const float *output = cpu_team_run(c->device, c->states[0], &batch);
        const size_t rows = passes[i].offsets[passes[i].texts];
        c->wrong = c->wrong || memcmp(output, c->expected[i], rows * HIDDEN * sizeof *output) != 0;
        atomic_store(&c->called_away, i == 1);
        c->over++;
    }
}

typedef struct hint {
    const crew *c;
    unsigned seen;
} hint;

static bool has_news(const void *cookie)
{
    const hint *h = cookie;
    return h->c->over == PASSES || h->c->asked > h->seen;
}

static void help(crew *c, unsigned index)
{
    for (hint h = {.c = c}; c->over < PASSES;) {
        if (!has_news(&h))
            interleave_wait(has_news, &h);
        h.seen = c->asked;
        cpu_team_help(c->device, c->states[index], c->states[0], &c->called_away);
    }
}

static void take_part(void *cookie, unsigned index)
{
    if (index == 0)
        lead(cookie);
    else
        help(cookie, index);
}

static bool all_goes_well(void *cookie, const interleave_plan *plan, size_t *steps)
{
    crew *c = cookie;
    c->asked = c->over = 0;
    c->wrong = false;
    return interleave_run(THREADS, take_part, c, plan, steps) && !c->wrong && c->over == PASSES &&
           team_is_free(c->states[0]->team);
}

static void explore(unsigned switches, size_t stride)
{
    if (!INTERLEAVE_SUPPORTED)
        skip();
    synthetic s;
    crew c = {.device = NULL};
    aki_error error;
    synthetic_open(&s, HIDDEN, 2, HIDDEN, MODEL_RELU);
    assert_int_equal(cpu_device_open_weights(&c.device, &s.config, &s.weights, AKI_PRECISION_FP32,
                                             kernels_available()[0]->name, NULL, &error),
                     AKI_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(cpu_state_open(&c.states[i], c.device, MOST_TOKENS, &error), AKI_OK);
        c.states[i]->team->spin = false;
    }
    for (unsigned i = 0; i < PASSES; i++) {
        const device_batch batch = gather(&c, i);
        memcpy(c.expected[i], cpu_forward(c.device, c.states[0], &batch),
               passes[i].offsets[passes[i].texts] * HIDDEN * sizeof(float));
    }
    for (unsigned mates_first = 0; mates_first <= 1; mates_first++) {
        c.mates_first = mates_first > 0;
        interleave_explore_all(THREADS, switches, stride, all_goes_well, &c);
    }
    for (unsigned i = 0; i < THREADS; i++)
        cpu_state_close(c.states[i]);
    cpu_device_close(c.device);
    synthetic_close(&s);
}

static void preempted_once_anywhere(void **state)
{
    (void)state;
    explore(1, 1);
}

static void preempted_twice(void **state)
{
    (void)state;
    explore(2, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preempted_once_anywhere),
        cmocka_unit_test(preempted_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
