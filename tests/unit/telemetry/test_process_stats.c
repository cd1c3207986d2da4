#include "unit.h"

#include "telemetry/metrics_text.h"
#include "telemetry/process_stats.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

/* The value of an unlabelled metric in a fresh exposition. */
static double value_of(metrics *m, const char *name)
{
    buf out;
    buf_init(&out, (size_t)1 << 20);
    assert_true(metrics_write(m, METRICS_PROMETHEUS, &out));
    char line[128];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(out.data, line);
    assert_non_null(at);
    double value = strtod(at + strlen(line), NULL);
    buf_free(&out);
    return value;
}

static void values_are_those_of_the_kernel(void **state)
{
    (void)state;
    static const char *const model = "m", *const code = "internal_error";
    const metric_names domains[] = {{&model, 1}, {&code, 1}};
    metrics *m;
    aki_error error;
    assert_int_equal(metrics_open(&m, domains, &error), AKI_OK);
    process_stats_register(m);

    double before = value_of(m, "process_open_fds");
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(value_of(m, "process_open_fds") == before + 1);
    close(fd);

    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(value_of(m, "process_max_fds") == (double)limit.rlim_cur);
    assert_true(value_of(m, "process_threads") >= 1);
    assert_true(value_of(m, "process_resident_memory_bytes") > 0);
    assert_true(value_of(m, "process_virtual_memory_bytes") >= value_of(m, "process_resident_memory_bytes"));
    assert_true(value_of(m, "process_cpu_seconds_total") >= 0);
    double start = value_of(m, "process_start_time_seconds");
    assert_true(start > 0 && start <= (double)time(NULL) + 1);
    metrics_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_are_those_of_the_kernel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
