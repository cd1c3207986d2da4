/* Teams under preemption: every place at which a thread can be preempted is tried. A pause lasts until the other
 * threads sleep, have ended or are preempted themselves. */
#include "interleave.h"

#define TEAM_POINT() interleave_point()
#define TEAM_SLEEP(word, seen) interleave_sleep(word, seen)
#define TEAM_WAKE(word) interleave_wake(word)
#include "base/team.c"

#define MOST_PHASES 3
#define MOST_CHUNKS 3
#define JOBS 3

/* Chunks of each phase; 0 = no such phase. Consecutive jobs differ, so that the numbers of one are wrong for the
 * next. */
typedef size_t job_list[JOBS][MOST_PHASES];
static const job_list long_jobs = {{1, 2}, {3, 1, 2}, {2}}, short_jobs = {{1}, {2}};

typedef struct crew {
    team *t;
    unsigned threads;
    const size_t (*jobs)[MOST_PHASES];
    bool mates_first; /* threads asked to help start at once, else when the leader is preempted */

    /* The description of the job, as a scheduler's worker has it: overwritten for each job, whoever is inside. */
    size_t phases[MOST_PHASES];
    unsigned content; /* number of the job, from 1; 0 = overwritten */
    /* Written while no mate is inside. */
    size_t described[MOST_PHASES];
    unsigned number;

    unsigned announced; /* jobs for which mates were asked to help */
    bool over;
    atomic_uint called_away;
    unsigned times[JOBS][MOST_PHASES][MOST_CHUNKS]; /* how often each chunk was done */
    unsigned wrong;  /* chunks done too early or too late, or that do not exist */
    unsigned helped; /* chunks done by mates */
} crew;

typedef struct member {
    crew *c;
    unsigned index, job; /* job: number */
    size_t phase;
    const size_t *phases;
} member;

static void do_chunks(void *cookie, size_t first, size_t count)
{
    const member *m = cookie;
    crew *c = m->c;
    if (c->content != m->job || first + count > c->jobs[m->job - 1][m->phase]) {
        c->wrong++;
        return;
    }
    for (size_t phase = 0; phase < m->phase; phase++)
        for (size_t i = 0; i < c->jobs[m->job - 1][phase]; i++)
            c->wrong += c->times[m->job - 1][phase][i] != 1;
    interleave_point();
    for (size_t i = first; i < first + count; i++)
        c->times[m->job - 1][m->phase][i]++;
    c->helped += m->index > 0;
}

static void go_through(member *m, team_member *place)
{
    for (m->phase = 0; m->phase < MOST_PHASES && m->phases[m->phase] > 0; m->phase++)
        if (!team_phase(place, m->phases[m->phase], do_chunks, m))
            break;
}

static bool at_once(const void *cookie)
{
    (void)cookie;
    return true;
}

static void lead(crew *c)
{
    for (unsigned job = 1; job <= JOBS && c->jobs[job - 1][0] > 0; job++) {
        member m = {.c = c, .job = job, .phases = c->phases};
        team_member place = {.team = NULL};
        memcpy(c->phases, c->jobs[job - 1], sizeof c->phases);
        c->content = job;
        atomic_store(&c->called_away, 0);
        interleave_point();
        if (team_is_free(c->t)) {
            interleave_point();
            memcpy(c->described, c->phases, sizeof c->described);
            c->number = job;
            team_lead(c->t, c->threads, &place);
        }
        c->announced++;
        if (c->mates_first)
            interleave_wait(at_once, NULL);
        interleave_point();
        go_through(&m, &place);
        team_end(&place);
        c->content = 0;
        atomic_store(&c->called_away, job == 2);
        interleave_point();
    }
    c->over = true;
}

typedef struct hint {
    const crew *c;
    unsigned seen;
} hint;

static bool has_news(const void *cookie)
{
    const hint *h = cookie;
    return h->c->over || h->c->announced > h->seen;
}

static void be_a_mate(crew *c, unsigned index)
{
    for (hint h = {.c = c}; !c->over;) {
        if (!has_news(&h))
            interleave_wait(has_news, &h);
        h.seen = c->announced;
        team_member place;
        if (!team_join(c->t, &c->called_away, &place))
            continue;
        size_t copied[MOST_PHASES];
        memcpy(copied, c->described, sizeof copied);
        member m = {.c = c, .index = index, .job = c->number};
        m.phases = copied;
        go_through(&m, &place);
        team_leave(&place);
    }
}

static void take_part(void *cookie, unsigned index)
{
    if (index == 0)
        lead(cookie);
    else
        be_a_mate(cookie, index);
}

typedef struct subject {
    unsigned threads;
    const size_t (*jobs)[MOST_PHASES];
    bool mates_first;
    size_t helped; /* chunks done by mates, over all runs */
} subject;

static bool all_goes_well(void *cookie, const interleave_plan *plan, size_t *steps)
{
    subject *s = cookie;
    crew c = {.t = team_open(false), .threads = s->threads, .jobs = s->jobs, .mates_first = s->mates_first};
    assert_non_null(c.t);
    bool fine = interleave_run(s->threads, take_part, &c, plan, steps);
    fine = fine && c.wrong == 0 && atomic_load(&c.t->inside) == 0;
    for (size_t job = 0; job < JOBS; job++)
        for (size_t phase = 0; phase < MOST_PHASES; phase++)
            for (size_t i = 0; i < MOST_CHUNKS; i++)
                fine = fine && c.times[job][phase][i] == (i < s->jobs[job][phase]);
    team_close(c.t);
    s->helped += c.helped;
    return fine;
}

static void explore(const job_list jobs, unsigned threads, unsigned switches, size_t stride)
{
    if (!INTERLEAVE_SUPPORTED)
        skip();
    for (unsigned mates_first = 0; mates_first <= 1; mates_first++) {
        subject s = {.threads = threads, .jobs = jobs, .mates_first = mates_first > 0};
        interleave_explore_all(threads, switches, stride, all_goes_well, &s);
        assert_true(s.helped > 0);
    }
}

static void two_threads_preempted_twice_anywhere(void **state)
{
    (void)state;
    explore(long_jobs, 2, 2, 1);
}

static void two_threads_preempted_three_times_anywhere(void **state)
{
    (void)state;
    explore(short_jobs, 2, 3, 1);
}

static void three_threads_preempted_twice(void **state)
{
    (void)state;
    explore(long_jobs, 3, 2, 2);
}

static void four_threads_preempted_three_times(void **state)
{
    (void)state;
    explore(long_jobs, 4, 3, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_preempted_twice_anywhere),
        cmocka_unit_test(two_threads_preempted_three_times_anywhere),
        cmocka_unit_test(three_threads_preempted_twice),
        cmocka_unit_test(four_threads_preempted_three_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
