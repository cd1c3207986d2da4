#include "unit.h"

#include "base/error.h"
#include "base/memory.h"
#include "cli/options/options.h"

static int64_t accept(option_id id, const char *text)
{
    option_value value = {.text = NULL};
    aki_error error = {.message = ""};
    assert_int_equal(option_parse(id, "label", text, &value, &error), AKI_OK);
    assert_string_equal(value.text, text);
    mem_free(value.text);
    return value.number;
}

static void refuse(option_id id, const char *text, const char *message)
{
    option_value value = {.text = NULL};
    aki_error error;
    assert_int_equal(option_parse(id, "AKIDB_X", text, &value, &error), AKI_INVALID_ARGUMENT);
    assert_string_equal(error.message, message);
    assert_null(value.text);
}

static void test_numbers(void **state)
{
    (void)state;
    assert_int_equal(accept(OPTION_PORT, "0"), 0);
    assert_int_equal(accept(OPTION_PORT, "65535"), 65535);
    const char *bad[] = {"65536", "-1", "", "8080x", " 80", "80 ", "0x50", "1e3", "99999999999999999999",
                         "auto"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(OPTION_PORT, bad[i], "AKIDB_X: must be a whole number from 0 to 65535");
    assert_int_equal(accept(OPTION_THREADS, "auto"), 0);
    assert_int_equal(accept(OPTION_THREADS, "AUTO"), 0);
    assert_int_equal(accept(OPTION_MAX_LENGTH, "none"), 0);
    refuse(OPTION_MAX_LENGTH, "1", "AKIDB_X: must be none, or a whole number from 2 to 1000000000");
}

static void test_bytes(void **state)
{
    (void)state;
    assert_int_equal(accept(OPTION_MAX_BODY_BYTES, "8MiB"), 8 << 20);
    assert_int_equal(accept(OPTION_MAX_BODY_BYTES, "8mib"), 8 << 20);
    assert_int_equal(accept(OPTION_MAX_BODY_BYTES, "8 MiB"), 8 << 20);
    assert_int_equal(accept(OPTION_MAX_BODY_BYTES, "8MB"), 8000000);
    assert_int_equal(accept(OPTION_MAX_BODY_BYTES, "2048"), 2048);
    assert_int_equal(accept(OPTION_MAX_BODY_BYTES, "2048B"), 2048);
    assert_int_equal(accept(OPTION_MAX_BODY_BYTES, "1GiB"), 1 << 30);
    const char *bad[] = {"2GiB", "1023", "8MiBs", "8 8", "-8MiB", "MiB", "1.5MiB", "99999999999TiB", "10s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(OPTION_MAX_BODY_BYTES, bad[i],
               "AKIDB_X: must be a number of bytes such as 512KiB, 8MiB or 2GB, from 1KiB to 1GiB");
}

static void test_durations_need_a_unit(void **state)
{
    (void)state;
    assert_int_equal(accept(OPTION_REQUEST_TIMEOUT, "10s"), 10000);
    assert_int_equal(accept(OPTION_REQUEST_TIMEOUT, "500ms"), 500);
    assert_int_equal(accept(OPTION_REQUEST_TIMEOUT, "2m"), 120000);
    assert_int_equal(accept(OPTION_REQUEST_TIMEOUT, "1h"), 3600000);
    assert_int_equal(accept(OPTION_DRAIN_TIMEOUT, "0"), 0);
    const char *bad[] = {"10", "0", "2h", "10 minutes", "1us", "s", "-5s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(OPTION_REQUEST_TIMEOUT, bad[i],
               "AKIDB_X: must be a duration such as 500ms, 10s or 2m, from 1ms to 1h");
}

static void test_switches_and_choices(void **state)
{
    (void)state;
    const char *yes[] = {"true", "yes", "on", "1", "TRUE"}, *no[] = {"false", "no", "off", "0", "Off"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(accept(OPTION_OFFLINE, yes[i]), 1);
        assert_int_equal(accept(OPTION_OFFLINE, no[i]), 0);
    }
    refuse(OPTION_OFFLINE, "2", "AKIDB_X: must be true or false");
    assert_int_equal(accept(OPTION_INPUT_FORMAT, "auto"), 0);
    assert_int_equal(accept(OPTION_INPUT_FORMAT, "CSV"), 3);
    refuse(OPTION_INPUT_FORMAT, "line", "AKIDB_X: must be auto, lines, jsonl or csv");
    refuse(OPTION_INPUT_FORMAT, "auto|lines", "AKIDB_X: must be auto, lines, jsonl or csv");
    refuse(OPTION_PRECISION, "", "AKIDB_X: must be auto, fp32, bf16, int8 or int4");
}

static void test_texts(void **state)
{
    (void)state;
    accept(OPTION_HOST, "::1");
    refuse(OPTION_HOST, "", "AKIDB_X: must be a text that is not empty");
    refuse(OPTION_HOST, "\xFF", "AKIDB_X: must be valid UTF-8");
    accept(OPTION_INPUT, "/tmp/\xFF"); /* a path may be any bytes */
    accept(OPTION_LOG, "info,server=debug");
    refuse(OPTION_LOG, "info,server=loud",
           "AKIDB_X: must be a level (trace, debug, info, warn, error, off), or several separated by commas, "
           "each "
           "may be target=level");
}

static void test_kubernetes_service_variable_is_explained(void **state)
{
    (void)state;
    option_value value = {.text = NULL};
    aki_error error;
    assert_int_equal(
        option_parse(OPTION_PORT, "AKIDB_PORT=tcp://10.0.0.1:80", "tcp://10.0.0.1:80", &value, &error),
        AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.hint, "enableServiceLinks"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_durations_need_a_unit),
        cmocka_unit_test(test_switches_and_choices),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_kubernetes_service_variable_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
