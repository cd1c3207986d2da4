#include "unit.h"

#include "http/request.h"

#include "base/clock.h"

typedef struct timeout_row {
    const char *text;
    int64_t ns; /* 0 = refused */
} timeout_row;

static const timeout_row ms_rows[] = {
    {"1", NS_PER_MS},
    {"10", 10 * NS_PER_MS},
    {"2500", 2500 * NS_PER_MS},
    {"007", 7 * NS_PER_MS},
    {"999999999", 999999999 * NS_PER_MS},
    {"000000001", NS_PER_MS},
    {"0000000001", 0},
    {"1000000000", 0},
    {"18446744073709551616", 0},
    {"99999999999999999999999999999999", 0},
    {"", 0},
    {"0", 0},
    {"00", 0},
    {"-1", 0},
    {"+1", 0},
    {" 1", 0},
    {"1 ", 0},
    {"1.5", 0},
    {"1e3", 0},
    {"0x10", 0},
    {"10ms", 0},
    {"10s", 0},
    {"ms", 0},
    {"1,2", 0},
    {"\xD9\xA1", 0},
};

static const timeout_row grpc_rows[] = {
    {"1H", 3600 * NS_PER_S},
    {"2M", 120 * NS_PER_S},
    {"3S", 3 * NS_PER_S},
    {"4m", 4 * NS_PER_MS},
    {"5u", 5000},
    {"6n", 6},
    {"00000001S", NS_PER_S},
    {"99999999n", 99999999},
    {"99999999u", INT64_C(99999999000)},
    {"99999999m", 99999999 * NS_PER_MS},
    {"99999999S", 99999999 * NS_PER_S},
    {"2562047H", INT64_C(2562047) * 3600 * NS_PER_S},
    {"2562048H", INT64_MAX},
    {"99999999M", INT64_C(99999999) * 60 * NS_PER_S},
    {"99999999H", INT64_MAX},
    {"100000000n", 0},
    {"000000001S", 0},
    {"18446744073709551617S", 0},
    {"", 0},
    {"1", 0},
    {"S", 0},
    {"0S", 0},
    {"00000000m", 0},
    {"-1S", 0},
    {"+1S", 0},
    {"1.5S", 0},
    {"1 S", 0},
    {" 1S", 0},
    {"1S ", 0},
    {"1s", 0},
    {"1h", 0},
    {"1N", 0},
    {"1U", 0},
    {"1ms", 0},
    {"1SS", 0},
    {"1S1", 0},
    {"infinite", 0},
    {"0x1S", 0},
};

static const timeout_row second_rows[] = {
    {"600", 600 * NS_PER_S},
    {"30.0", 30 * NS_PER_S},
    {"0.5", NS_PER_S / 2},
    {"2.25", 2250 * NS_PER_MS},
    {"0.0019", NS_PER_MS},
    {"999999", 999999 * NS_PER_S},
    {"1.", NS_PER_S},
    {"1000000", 0},
    {"0", 0},
    {"0.0001", 0},
    {".5", 0},
    {"-1", 0},
    {"1e3", 0},
    {"None", 0},
    {"1s", 0},
    {"1.5.5", 0},
    {"", 0},
};

static void check(const timeout_row *rows, size_t count, bool (*parse)(const char *, int64_t *))
{
    for (size_t i = 0; i < count; i++) {
        int64_t ns = -1;
        bool taken = parse(rows[i].text, &ns);
        if (taken != (rows[i].ns != 0) || (taken && ns != rows[i].ns))
            fail_msg("'%s': %s, %lld ns", rows[i].text, taken ? "taken" : "refused", (long long)ns);
    }
}

static void reads_milliseconds(void **state)
{
    (void)state;
    check(ms_rows, sizeof ms_rows / sizeof ms_rows[0], request_timeout_parse_ms);
}

static void reads_grpc_timeouts(void **state)
{
    (void)state;
    check(grpc_rows, sizeof grpc_rows / sizeof grpc_rows[0], request_timeout_parse_grpc);
}

static void reads_seconds(void **state)
{
    (void)state;
    check(second_rows, sizeof second_rows / sizeof second_rows[0], request_timeout_parse_seconds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_milliseconds),
        cmocka_unit_test(reads_grpc_timeouts),
        cmocka_unit_test(reads_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
