#include "engine/synthetic.h"

#include "engine/device/cpu_device.h"
#include "engine/device/registry.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 60000

static char folder[] = "/tmp/akidb-registry-XXXXXX";

/* A copy of a plugin of this build with the mode, whatever the build's own umask was. */
static const char *plugin_copy(const char *name, mode_t mode)
{
    static char path[512];
    char from[512], bytes[4096];
    const char *plugins = getenv("AKIDB_TEST_PLUGINS");
    assert_non_null(plugins);
    snprintf(from, sizeof from, "%s/%s.so", plugins, name);
    snprintf(path, sizeof path, "%s/%s-%o.so", folder, name, (unsigned)mode);
    unlink(path); /* another owner may have been given to it */
    int in = open(from, O_RDONLY), out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t length; (length = read(in, bytes, sizeof bytes)) > 0;)
        assert_int_equal(write(out, bytes, (size_t)length), length);
    assert_int_equal(fchmod(out, mode), 0);
    close(in);
    close(out);
    return path;
}

static void drop_copies(void)
{
    static const char *const names[] = {"fault_device-755", "fault_device-775", "fault_device-757",
                                        "old_device-755"};
    char path[512];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s.so", folder, names[i]);
        unlink(path);
    }
}

static synthetic made;

static aki_status choose(device **out, const char *name, const char *plugin, aki_error *error)
{
    const device_model m = {
        .config = &made.config, .weights = &made.weights, .precision = AKI_PRECISION_AUTO};
    const log_sink silent = {0};
    return device_choose(out, &(device_choice){name, plugin}, &m, &silent, error);
}

static void takes_the_cpu_without_a_plugin(void **state)
{
    (void)state;
    device *d;
    aki_error error;
    assert_int_equal(choose(&d, "auto", NULL, &error), AKI_OK);
    assert_null(d);
    assert_int_equal(choose(&d, "cpu", "/nowhere/plugin.so", &error), AKI_OK);
    assert_null(d);
    assert_int_equal(choose(&d, "cuda", NULL, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "there is no device \"cuda\"; there are: cpu"));
}

static void computes_by_a_plugin(void **state)
{
    (void)state;
    device *d;
    aki_error error;
    const char *path = plugin_copy("fault_device", 0755);
    assert_int_equal(choose(&d, "auto", path, &error), AKI_OK);
    assert_non_null(d);
    const device_api *api = device_interface(d);
    assert_string_equal(api->name, "fault");
    assert_string_equal(device_description(d), "as the test says");

    static const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7};
    static const uint32_t offsets[] = {0, 3, 7};
    const device_batch batch = {.token_ids = ids, .offsets = offsets, .texts = 2};
    void *of_plugin = NULL;
    char message[DEVICE_MESSAGE_BYTES];
    const float *output = NULL;
    device_times times;
    assert_int_equal(api->state_open(&of_plugin, device_self(d), 16, message), DEVICE_OK);
    assert_int_equal(api->forward(device_self(d), of_plugin, &batch, &output, &times, message), DEVICE_OK);

    cpu_device *cpu;
    cpu_state *own;
    assert_int_equal(
        cpu_device_open_weights(&cpu, &made.config, &made.weights, AKI_PRECISION_FP32, NULL, NULL, &error),
        AKI_OK);
    assert_int_equal(cpu_state_open(&own, cpu, 16, &error), AKI_OK);
    assert_memory_equal(output, cpu_forward(cpu, own, &batch), 7 * made.config.hidden_size * sizeof *output);
    cpu_state_close(own);
    cpu_device_close(cpu);

    size_t used = 0, total = 0;
    assert_true(api->memory(device_self(d), &used, &total));
    assert_true(used > 0);
    api->state_close(of_plugin);
    assert_true(device_close(d, WAIT_MS, NULL));
    assert_int_equal(choose(&d, "gpu", path, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "there are: cpu, fault"));
}

static void prefers_the_cpu_where_a_device_scores_less(void **state)
{
    (void)state;
    device *d;
    aki_error error;
    const char *path = plugin_copy("fault_device", 0755);
    setenv("AKIDB_FAULT_SCORE", "100", 1);
    assert_int_equal(choose(&d, "auto", path, &error), AKI_OK);
    assert_null(d);
    assert_int_equal(choose(&d, "fault", path, &error), AKI_OK); /* by name it is taken all the same */
    assert_non_null(d);
    assert_true(device_close(d, WAIT_MS, NULL));
    setenv("AKIDB_FAULT_SCORE", "0", 1);
    assert_int_equal(choose(&d, "auto", path, &error), AKI_OK);
    assert_null(d);
    assert_int_equal(choose(&d, "fault", path, &error), AKI_UNAVAILABLE);
    assert_non_null(strstr(error.message, "device fault cannot be used here: as the test says"));
    unsetenv("AKIDB_FAULT_SCORE");
}

static void leaves_static_models_to_the_cpu(void **state)
{
    (void)state;
    device *d;
    aki_error error;
    const char *path = plugin_copy("fault_device", 0755);
    const size_t layers = made.config.layers;
    made.config.layers = 0;
    assert_int_equal(choose(&d, "auto", path, &error), AKI_OK);
    assert_null(d);
    assert_int_equal(choose(&d, "fault", path, &error), AKI_UNAVAILABLE);
    assert_non_null(strstr(error.message, "device fault cannot be used for this model: it is static"));
    made.config.layers = layers;
}

static void refuses_what_is_no_plugin_or_not_to_be_trusted(void **state)
{
    (void)state;
    device *d;
    aki_error error;
    assert_int_equal(choose(&d, "auto", plugin_copy("old_device", 0755), &error), AKI_INVALID_ARGUMENT);
    char versions[100];
    snprintf(versions, sizeof versions, "has version 99 of the device interface, this program has %u",
             DEVICE_ABI_VERSION);
    assert_non_null(strstr(error.message, versions));
    assert_int_equal(choose(&d, "auto", plugin_copy("fault_device", 0775), &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "may be written by others than its owner (mode 0775)"));
    assert_int_equal(choose(&d, "auto", plugin_copy("fault_device", 0757), &error), AKI_IO_ERROR);
    assert_int_equal(choose(&d, "auto", folder, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "is not a regular file"));
    assert_int_equal(choose(&d, "auto", "/nowhere/plugin.so", &error), AKI_IO_ERROR);
    assert_int_equal(choose(&d, "auto", "/proc/self/exe", &error), AKI_INVALID_ARGUMENT);
    if (geteuid() == 0) {
        const char *path = plugin_copy("fault_device", 0755);
        assert_int_equal(chown(path, 12345, 12345), 0);
        assert_int_equal(choose(&d, "auto", path, &error), AKI_IO_ERROR);
        assert_non_null(strstr(error.message, "belongs to user 12345"));
    }
}

static void counts_calls_that_are_out(void **state)
{
    (void)state;
    device *d;
    aki_error error;
    assert_int_equal(choose(&d, "auto", plugin_copy("fault_device", 0755), &error), AKI_OK);
    device_give_up(d);
    device_give_up(d);
    device_came_back(d);
    assert_int_equal(device_calls_out(d), 1);
    const unsigned life = device_life(d);
    device_end_life(d, life);
    device_end_life(d, life); /* seen by two in the same life: it ends once */
    assert_int_equal(device_life(d), life + 1);
    assert_false(device_close(d, 1, d));
    device_came_back(d);
    assert_true(device_close(d, WAIT_MS, NULL));
}

/* Built before the interface grew at its end. */
static void reads_of_an_older_plugin_only_what_it_has(void **state)
{
    (void)state;
    device_api older = device_cpu_api;
    older.struct_size = offsetof(device_api, pass_tokens);
    older.pass_tokens = 777;
    older.isolated = true;
    const device_model m = {.config = &made.config, .weights = &made.weights};
    device *d;
    aki_error error;
    device_plugin plugin = {.api = &older};
    assert_int_equal(device_open(&d, &plugin, 0, &m, NULL, &error), AKI_OK);
    assert_int_equal(device_interface(d)->pass_tokens, 0);
    assert_false(device_interface(d)->isolated);
    assert_true(device_close(d, WAIT_MS, NULL));
    older.struct_size = sizeof older;
    older.isolated = false;
    plugin = (device_plugin){.api = &older};
    assert_int_equal(device_open(&d, &plugin, 0, &m, NULL, &error), AKI_OK);
    assert_int_equal(device_interface(d)->pass_tokens, 777);
    assert_true(device_close(d, WAIT_MS, NULL));
}

static int make_model(void **state)
{
    (void)state;
    synthetic_open(&made, 64, 4, 128, MODEL_GELU_ERF);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int drop_model(void **state)
{
    (void)state;
    synthetic_close(&made);
    drop_copies();
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_cpu_without_a_plugin),
        cmocka_unit_test(computes_by_a_plugin),
        cmocka_unit_test(prefers_the_cpu_where_a_device_scores_less),
        cmocka_unit_test(leaves_static_models_to_the_cpu),
        cmocka_unit_test(refuses_what_is_no_plugin_or_not_to_be_trusted),
        cmocka_unit_test(counts_calls_that_are_out),
        cmocka_unit_test(reads_of_an_older_plugin_only_what_it_has),
    };
    return cmocka_run_group_tests(tests, make_model, drop_model);
}
