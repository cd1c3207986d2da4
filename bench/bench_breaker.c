/* What a circuit breaker costs: asking it, and asking and reporting, in ns per call by one thread and by two on one
 * breaker; and 10,000 times the end of a cooldown with 1,000 callers, of which exactly the allowed probes may pass.
 * CPU time of the busiest thread; each figure is the median of bursts of about 2 ms. */
#include "resilience/breaker.h"

#include "measure.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#define BURSTS 201
#define CROWD 1000
#define COOLDOWNS 10000
#define AIM_NS 50.0
#define LIMIT_NS 100.0

static breaker guard;

static double ask(size_t rounds)
{
    int64_t now_ns = breaker_clock_ns();
    breaker_ticket ticket;
    for (size_t i = 0; i < rounds; i++)
        if (!breaker_admit(&guard, now_ns, &ticket))
            abort();
    return (double)rounds;
}

static double ask_and_report(size_t rounds)
{
    breaker_ticket ticket;
    for (size_t i = 0; i < rounds; i++)
        if (!breaker_admit(&guard, breaker_clock_ns(), &ticket) ||
            !breaker_record(&guard, ticket, BREAKER_SUCCESS, breaker_clock_ns()))
            abort();
    return (double)rounds;
}

static double refuse(size_t rounds)
{
    breaker_ticket ticket;
    for (size_t i = 0; i < rounds; i++)
        if (breaker_admit(&guard, breaker_clock_ns(), &ticket))
            abort();
    return (double)rounds;
}

static double median_ns(double (*burst)(size_t rounds))
{
    double ns[BURSTS];
    for (size_t i = 0; i < BURSTS; i++)
        ns[i] = 1e9 / measure_burst(burst);
    return measure_median(ns, BURSTS);
}

static void *second_thread(void *slowest)
{
    *(double *)slowest = median_ns(ask_and_report);
    return NULL;
}

/* False when another number of probes than the allowed one passed. */
static bool count_probes(void)
{
    int64_t now_ns = breaker_clock_ns();
    breaker_init(&guard, &breaker_defaults, 1, now_ns);
    (void)breaker_force(&guard, BREAKER_OPEN, now_ns);
    for (int i = 0; i < COOLDOWNS; i++) {
        now_ns += breaker_defaults.cooldown_ns;
        unsigned passed = 0;
        for (int k = 0; k < CROWD; k++)
            passed += breaker_admit(&guard, now_ns, &(breaker_ticket){0});
        if (passed != breaker_defaults.probes)
            return false;
        now_ns += breaker_defaults.lease_ns;
        (void)breaker_current(&guard, now_ns);
    }
    return true;
}

static bool report(const char *name, double ns)
{
    printf("%-34s %7.1f ns   %s\n", name, ns,
           ns <= AIM_NS     ? "aim reached"
           : ns <= LIMIT_NS ? "within limit"
                            : "OVER LIMIT");
    return ns <= LIMIT_NS;
}

int main(void)
{
    breaker_init(&guard, &breaker_defaults, 1, breaker_clock_ns());
    printf("circuit breaker: aim %.0f ns, limit %.0f ns for asking and reporting, clock included\n", AIM_NS,
           LIMIT_NS);
    bool kept = report("ask, closed, time given", median_ns(ask));
    kept &= report("ask and report, one thread", median_ns(ask_and_report));
    pthread_t thread;
    double second = 0;
    if (pthread_create(&thread, NULL, second_thread, &second) != 0)
        return 1;
    double first = median_ns(ask_and_report);
    pthread_join(thread, NULL);
    kept &= report("ask and report, two threads", first > second ? first : second);
    (void)breaker_force(&guard, BREAKER_FORCED_OPEN, breaker_clock_ns());
    kept &= report("refuse", median_ns(refuse));
    bool exact = count_probes();
    printf("%d cooldowns, %d callers each: %s\n", COOLDOWNS, CROWD,
           exact ? "exactly the allowed probe each time" : "WRONG NUMBER OF PROBES");
    return kept && exact ? 0 : 1;
}
