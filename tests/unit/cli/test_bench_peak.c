#include "unit.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "cli/bench/peak.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"

#include <math.h>
#include <time.h>

/* One FLOP per nanosecond of CPU time, whatever runs beside. */
static double one_gigaflops(size_t rounds)
{
    struct timespec now;
    int64_t start_ns = -1, now_ns;
    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        now_ns = (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
        if (start_ns < 0)
            start_ns = now_ns;
    } while (now_ns - start_ns < (int64_t)rounds);
    return (double)(now_ns - start_ns);
}

static void test_sum_over_threads(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        double rate = 0;
        bench_peak peak;
        bench_peak_init(&peak, one_gigaflops, threads);
        assert_true(peak.rounds >= 250000);
        assert_int_equal(bench_peak_measure(&peak, &rate, NULL), AKI_OK);
        double expected = 1e9 * (threads < cpus_available() ? threads : cpus_available());
        assert_true(rate > 0.8 * expected && rate <= 1.001 * expected);
    }
}

static void measures(bench_burst burst)
{
    double rate = 0;
    bench_peak peak;
    assert_non_null(burst);
    bench_peak_init(&peak, burst, 2);
    assert_int_equal(bench_peak_measure(&peak, &rate, NULL), AKI_OK);
    assert_true(isfinite(rate) && rate > 0);
}

static void test_every_precision_of_every_tier_has_a_burst(void **state)
{
    (void)state;
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++) {
        measures(bench_burst_of((*tier)->name, AKI_PRECISION_FP32));
        if ((*tier)->bf16 == NULL) {
            assert_null(bench_burst_of((*tier)->name, AKI_PRECISION_BF16));
            continue;
        }
        bench_burst burst = bench_burst_of((*tier)->name, AKI_PRECISION_BF16);
        measures(burst);
        assert_ptr_equal(burst, (*tier)->bf16->burst);
    }
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++) {
        bench_burst burst = bench_burst_of((*tier)->name, AKI_PRECISION_INT8);
        if ((*tier)->int8 == NULL) {
            assert_null(burst);
            continue;
        }
        measures(burst);
        assert_ptr_equal(burst, (*tier)->int8->burst);
    }
    assert_null(bench_burst_of("no such tier", AKI_PRECISION_FP32));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum_over_threads),
        cmocka_unit_test(test_every_precision_of_every_tier_has_a_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
