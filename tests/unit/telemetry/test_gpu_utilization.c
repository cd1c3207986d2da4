/* With tests/plugins/fake_nvml.c in place of NVIDIA's library; without one the value is 0, as the metrics' tests see it. */
#include "unit.h"

#include "telemetry/metrics_text.h"
#include "telemetry/process_stats.h"

#include <dlfcn.h>

static int *devices, *percent;

/* Loaded under the name that is asked for later: who asks gets this one. */
static int load_fake(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s/fake_nvml.so", getenv("AKIDB_TEST_PLUGINS"));
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return -1;
    devices = dlsym(library, "fake_nvml_devices");
    percent = dlsym(library, "fake_nvml_percent");
    return devices != NULL && percent != NULL ? 0 : -1;
}

static void assert_utilization(metrics *m, const char *value)
{
    char line[100];
    buf out;
    buf_init(&out, (size_t)1 << 20);
    snprintf(line, sizeof line, "\ncandle_gpu_utilization_percent %s\n", value);
    assert_true(metrics_write(m, METRICS_PROMETHEUS, &out));
    if (strstr(out.data, line) == NULL)
        fail_msg("not %s: %.60s", value, strstr(out.data, "\ncandle_gpu_utilization_percent"));
    buf_free(&out);
}

static void tells_the_busiest_of_those_that_can_tell(void **state)
{
    (void)state;
    static const struct {
        int devices, percent[4];
        const char *expected;
    } rows[] = {
        {0, {0}, "0"},
        {1, {37}, "37"},
        {3, {5, 80, 20}, "80"},
        {2, {5, 60, 90}, "60"},       /* the third one is not there */
        {3, {-1, 40, 1000}, "40"},    /* two of them are lost */
        {4, {-1, -1, -1, 1000}, "0"}, /* all of them */
        {-1, {100, 100}, "0"},        /* not even their number is known */
        {1, {100}, "100"},            /* and again */
    };
    static const char *const model = "m", *const code = "c";
    const metric_names domains[METRIC_DOMAINS] = {{&model, 1}, {&code, 1}};
    metrics *m;
    assert_int_equal(metrics_open(&m, domains, NULL), AKI_OK);
    gpu_utilization_register(m);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        *devices = rows[i].devices;
        memcpy(percent, rows[i].percent, sizeof rows[i].percent);
        assert_utilization(m, rows[i].expected);
    }
    metrics_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_busiest_of_those_that_can_tell),
    };
    return cmocka_run_group_tests(tests, load_fake, NULL);
}
