/* Teams: every chunk once, phases in order, whoever comes, goes or stays away. */
#include "unit.h"

#include "base/team.h"

#include <sched.h>

#include "base/thread.h"

#define MOST_MATES 5
#define PHASES 40
#define MOST_CHUNKS 37

/* A job: phase p has p % MOST_CHUNKS chunks, each of which sees that the phase before is complete. */
typedef struct job {
    atomic_uint times[PHASES][MOST_CHUNKS]; /* done */
    atomic_uint chunks_of_others;           /* done by mates */
    atomic_bool out_of_order;
} job;

typedef struct walker {
    job *work;
    size_t phase;
    bool mate;
} walker;

static size_t chunks_of(size_t phase)
{
    return phase % MOST_CHUNKS;
}

static void do_chunks(void *cookie, size_t first, size_t count)
{
    walker *w = cookie;
    for (size_t i = 0; i < (w->phase > 0 ? chunks_of(w->phase - 1) : 0); i++)
        if (atomic_load_explicit(&w->work->times[w->phase - 1][i], memory_order_relaxed) != 1)
            atomic_store(&w->work->out_of_order, true);
    for (size_t i = first; i < first + count; i++)
        atomic_fetch_add_explicit(&w->work->times[w->phase][i], 1, memory_order_relaxed);
    if (w->mate)
        atomic_fetch_add(&w->work->chunks_of_others, (unsigned)count);
}

static bool walk(team_member *member, job *work, bool mate)
{
    for (size_t phase = 0; phase < PHASES; phase++) {
        walker w = {work, phase, mate};
        if (!team_phase(member, chunks_of(phase), do_chunks, &w))
            return false;
    }
    return true;
}

static void check_done(const job *work)
{
    assert_false(work->out_of_order);
    for (size_t phase = 0; phase < PHASES; phase++)
        for (size_t i = 0; i < MOST_CHUNKS; i++)
            assert_int_equal(work->times[phase][i], i < chunks_of(phase));
}

static void one_without_a_team_does_all(void **state)
{
    (void)state;
    job work = {0};
    team_member alone = {0};
    assert_true(walk(&alone, &work, false));
    check_done(&work);
}

static void a_leader_that_nobody_joins_does_all(void **state)
{
    (void)state;
    team *t = team_open(true);
    assert_non_null(t);
    for (unsigned ranges = 1; ranges < 12; ranges++) {
        job work = {0};
        team_member leader;
        assert_true(team_is_free(t));
        team_lead(t, ranges, &leader);
        assert_true(walk(&leader, &work, false));
        team_end(&leader);
        check_done(&work);
    }
    team_close(t);
}

static void nobody_joins_when_no_job_is_open(void **state)
{
    (void)state;
    team *t = team_open(true);
    team_member leader, mate;
    job work = {0};
    assert_non_null(t);
    assert_false(team_join(t, NULL, &mate));
    team_lead(t, 2, &leader);
    assert_true(team_join(t, NULL, &mate));
    assert_false(team_is_free(t));
    assert_true(walk(&leader, &work, false));
    team_end(&leader);
    team_member late;
    assert_false(team_join(t, NULL, &late));
    assert_false(walk(&mate, &work, true)); /* the job is over */
    assert_int_equal(work.chunks_of_others, 0);
    check_done(&work);
    assert_false(team_is_free(t));
    team_leave(&mate);
    assert_true(team_is_free(t));
    team_close(t);
}

static void one_who_is_called_away_leaves_the_work_to_others(void **state)
{
    (void)state;
    team *t = team_open(true);
    team_member leader, mate;
    job work = {0};
    atomic_uint called_away = 1;
    assert_non_null(t);
    team_lead(t, 2, &leader);
    assert_true(team_join(t, &called_away, &mate));
    walker w = {&work, 0, true};
    assert_false(team_phase(&mate, chunks_of(0), do_chunks, &w));
    team_leave(&mate);
    assert_true(walk(&leader, &work, false));
    team_end(&leader);
    check_done(&work);
    assert_int_equal(work.chunks_of_others, 0);
    team_close(t);
}

/* ---- threads ------------------------------------------------------------------------------------------ */

typedef struct crew {
    team *t;
    _Atomic(job *) work;
    atomic_uint called_away;
    atomic_bool stop;
} crew;

static void *be_a_mate(void *argument)
{
    crew *c = argument;
    while (!atomic_load(&c->stop)) {
        team_member mate;
        if (team_join(c->t, &c->called_away, &mate)) {
            walk(&mate, atomic_load(&c->work), true);
            team_leave(&mate);
        }
        sched_yield();
    }
    return NULL;
}

/* More members than most machines have CPUs: some are preempted wherever it may be. */
static void check_crew(bool spin)
{
    crew c = {.t = team_open(spin)};
    pthread_t threads[MOST_MATES];
    assert_non_null(c.t);
    for (size_t i = 0; i < MOST_MATES; i++)
        assert_true(thread_start(&threads[i], be_a_mate, &c, "mate"));
    for (unsigned round = 0; round < 200; round++) {
        job work = {0};
        team_member leader;
        while (!team_is_free(c.t))
            sched_yield();
        atomic_store(&c.work, &work);
        atomic_store(&c.called_away, round % 5 == 0);
        team_lead(c.t, 1 + round % 8, &leader);
        assert_true(walk(&leader, &work, false));
        team_end(&leader);
        check_done(&work);
        while (!team_is_free(c.t)) /* they may still look at `work` */
            sched_yield();
    }
    atomic_store(&c.stop, true);
    for (size_t i = 0; i < MOST_MATES; i++)
        pthread_join(threads[i], NULL);
    team_close(c.t);
}

static void every_chunk_is_done_once_in_order(void **state)
{
    (void)state;
    check_crew(true);
}

static void those_who_wait_may_sleep(void **state)
{
    (void)state;
    check_crew(false);
}

/* The leader waits for a chunk that a mate is long in finishing, beyond all spinning; then both sleep in turn. */
typedef struct slow_job {
    atomic_bool begun, released;
} slow_job;

static void hold_a_chunk(void *cookie, size_t first, size_t count)
{
    slow_job *work = cookie;
    (void)first;
    (void)count;
    atomic_store(&work->begun, true);
    while (!atomic_load(&work->released))
        sched_yield();
}

static void do_nothing(void *cookie, size_t first, size_t count)
{
    (void)cookie;
    (void)first;
    (void)count;
}

typedef struct slow_mate {
    team *t;
    slow_job *work;
    atomic_bool joined;
} slow_mate;

static void *be_slow(void *argument)
{
    slow_mate *self = argument;
    team_member mate;
    while (!team_join(self->t, NULL, &mate))
        sched_yield();
    atomic_store(&self->joined, true);
    team_phase(&mate, 1, hold_a_chunk, self->work);
    team_phase(&mate, 1, do_nothing, NULL);
    team_leave(&mate);
    return NULL;
}

static void *release(void *argument)
{
    slow_job *work = argument;
    struct timespec while_others_sleep = {.tv_nsec = 20000000};
    nanosleep(&while_others_sleep, NULL);
    atomic_store(&work->released, true);
    return NULL;
}

static void a_leader_sleeps_until_a_preempted_mate_is_done(void **state)
{
    (void)state;
    slow_job work = {0};
    slow_mate slow = {team_open(false), &work, false};
    pthread_t mate, releaser;
    team_member leader;
    assert_non_null(slow.t);
    team_lead(slow.t, 1, &leader);
    assert_true(thread_start(&mate, be_slow, &slow, "mate"));
    while (!atomic_load(&work.begun)) /* the mate has the only chunk */
        sched_yield();
    assert_true(thread_start(&releaser, release, &work, "release"));
    assert_true(team_phase(&leader, 1, hold_a_chunk, &work));
    assert_true(atomic_load(&work.released));
    assert_true(team_phase(&leader, 1, do_nothing, NULL));
    team_end(&leader);
    pthread_join(mate, NULL);
    pthread_join(releaser, NULL);
    team_close(slow.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_without_a_team_does_all),
        cmocka_unit_test(a_leader_that_nobody_joins_does_all),
        cmocka_unit_test(nobody_joins_when_no_job_is_open),
        cmocka_unit_test(one_who_is_called_away_leaves_the_work_to_others),
        cmocka_unit_test(every_chunk_is_done_once_in_order),
        cmocka_unit_test(those_who_wait_may_sleep),
        cmocka_unit_test(a_leader_sleeps_until_a_preempted_mate_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
