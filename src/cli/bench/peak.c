#include "cli/bench/peak.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "kernels/precision.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#define MEASURE_NS (10 * NS_PER_MS)
#define BURST_NS (NS_PER_MS / 2)
#define FIRST_ROUNDS 1000

/* The threads burst from their start on; what they do counts once all of them run and the end is set. */
typedef struct burst_thread {
    const bench_peak *peak;
    const atomic_llong *end_ns; /* 0 = not all are running yet */
    pthread_t thread;
    double flops_per_second;
} burst_thread;

static int64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

bench_burst bench_burst_of(const char *tier, aki_precision precision)
{
    const kernel_table *kernels = kernels_find(tier);
    return kernels != NULL ? kernel_burst_of(kernels, precision) : NULL;
}

void bench_peak_init(bench_peak *peak, bench_burst burst, unsigned threads)
{
    *peak = (bench_peak){.burst = burst, .threads = threads, .rounds = FIRST_ROUNDS};
    for (;;) {
        int64_t start = thread_cpu_ns();
        burst(peak->rounds);
        if (thread_cpu_ns() - start >= BURST_NS)
            return;
        peak->rounds *= 2;
    }
}

static void *run_bursts(void *argument)
{
    burst_thread *self = argument;
    const bench_peak *peak = self->peak;
    while (atomic_load(self->end_ns) == 0)
        peak->burst(peak->rounds);
    double work = 0;
    int64_t start = thread_cpu_ns();
    do
        work += peak->burst(peak->rounds);
    while (clock_monotonic_ns() < atomic_load(self->end_ns));
    self->flops_per_second = work * NS_PER_S / (double)(thread_cpu_ns() - start);
    return NULL;
}

aki_status bench_peak_measure(const bench_peak *peak, double *flops_per_second, aki_error *error)
{
    atomic_llong end_ns = 0;
    unsigned started = 0, cpus = cpus_available();
    aki_status status = AKI_OK;
    burst_thread *threads = mem_zalloc(peak->threads, sizeof *threads);
    if (threads == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %u threads", peak->threads);
    for (; started < peak->threads && status == AKI_OK; started++) {
        burst_thread *t = &threads[started];
        t->peak = peak;
        t->end_ns = &end_ns;
        if (!thread_start(&t->thread, run_bursts, t, "bench-peak")) {
            status = error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start thread %u of %u",
                                     started + 1, peak->threads);
            break;
        }
    }
    atomic_store(&end_ns, clock_monotonic_ns() + MEASURE_NS);
    double sum = 0;
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i].thread, NULL);
        sum += threads[i].flops_per_second;
    }
    mem_free(threads);
    *flops_per_second = peak->threads > cpus ? sum * cpus / peak->threads : sum;
    return status;
}
