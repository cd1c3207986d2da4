/* The sender at a port that refuses: how long it tries, and what it says. Collectors that answer are the integration tests'. */
#include "telemetry/collector.h"

#include "base/clock.h"
#include "telemetry/otlp_sender.h"

typedef struct lines {
    size_t warnings, others;
    char last[600];
} lines;

static void collect(void *cookie, aki_log_level level, const char *target, const char *message)
{
    lines *l = cookie;
    (void)target;
    if (level == AKI_LOG_WARN)
        l->warnings++;
    else
        l->others++;
    snprintf(l->last, sizeof l->last, "%s", message);
}

/* A socket that has a port and takes no connections. */
static int refusing_port(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(s >= 0);
    assert_int_equal(bind(s, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return s;
}

typedef struct fixture {
    lines seen;
    int socket;
    char url[80];
    otlp_target target;
    otlp_sender *sender;
    buf message;
} fixture;

static void open_fixture(fixture *f, bool by_default, int64_t retry_ms)
{
    uint16_t port;
    otlp_sender_settings settings;
    *f = (fixture){.socket = refusing_port(&port)};
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/v1/traces", port);
    f->target =
        (otlp_target){.endpoint = f->url, .url = f->url, .by_default = by_default, .timeout_ms = 10000};
    otlp_sender_settings_init(&settings);
    settings.target = &f->target;
    settings.noun = "spans";
    settings.retry_first_ms = settings.retry_max_ms = retry_ms;
    settings.log = (log_sink){collect, &f->seen};
    assert_int_equal(otlp_sender_open(&f->sender, &settings, NULL), AKI_OK);
    buf_init(&f->message, 100);
    assert_true(buf_append_string(&f->message, "message"));
}

static void close_fixture(fixture *f)
{
    otlp_sender_close(f->sender);
    buf_free(&f->message);
    close(f->socket);
}

static void tries_until_the_deadline_and_warns_once(void **state)
{
    (void)state;
    fixture f;
    size_t rejected = 1;
    open_fixture(&f, false, 1);
    for (int i = 0; i < 3; i++) {
        const int64_t deadline = clock_monotonic_ns() + 30 * NS_PER_MS;
        assert_false(otlp_sender_send(f.sender, &f.message, 5, deadline, &rejected));
        assert_int_equal(rejected, 0);
        assert_true(clock_monotonic_ns() + 2 * NS_PER_MS >=
                    deadline); /* the next attempt would have been later */
    }
    assert_int_equal(f.seen.warnings, 1);
    assert_non_null(strstr(f.seen.last, f.url));
    close_fixture(&f);
}

static void says_little_of_a_collector_that_nobody_named(void **state)
{
    (void)state;
    fixture f;
    size_t rejected;
    open_fixture(&f, true, 1);
    for (int i = 0; i < 3; i++)
        assert_false(
            otlp_sender_send(f.sender, &f.message, 5, clock_monotonic_ns() + 5 * NS_PER_MS, &rejected));
    assert_int_equal(f.seen.warnings, 0);
    assert_true(f.seen.others <= 1);
    close_fixture(&f);
}

static void knows_whether_somebody_listens_where_nobody_was_named(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, true, 1);
    assert_false(otlp_sender_listens(f.sender, clock_monotonic_ns() + 60 * NS_PER_S));
    assert_int_equal(f.seen.warnings + f.seen.others, 0);
    close_fixture(&f);
    open_fixture(&f, false, 1); /* that one is waited for */
    assert_true(otlp_sender_listens(f.sender, clock_monotonic_ns() + 60 * NS_PER_S));
    close_fixture(&f);

    collector c;
    collector_open(&c, COLLECTOR_TAKES_ALL);
    open_fixture(&f, true, 1);
    otlp_sender_close(f.sender);
    f.target.url = f.target.endpoint = c.url;
    for (unsigned gzip = 0; gzip <= 1; gzip++) {
        otlp_sender_settings settings;
        otlp_sender_settings_init(&settings);
        f.target.gzip = gzip > 0;
        settings.target = &f.target;
        settings.noun = "spans";
        assert_int_equal(otlp_sender_open(&f.sender, &settings, NULL), AKI_OK);
        assert_true(otlp_sender_listens(f.sender, clock_monotonic_ns() + 60 * NS_PER_S));
        assert_true(gzip > 0 || c.body.length == 0);
        if (gzip == 0)
            otlp_sender_close(f.sender);
    }
    collector_close(&c);
    close_fixture(&f);
}

static void waits_no_longer_when_in_a_hurry(void **state)
{
    (void)state;
    fixture f;
    size_t rejected;
    open_fixture(&f, false, 3600000); /* an hour between attempts */
    const int64_t deadline = clock_monotonic_ns() + 36000 * NS_PER_S;
    otlp_sender_hurry(f.sender, deadline);
    assert_false(otlp_sender_send(f.sender, &f.message, 5, deadline, &rejected)); /* returns at all */
    assert_int_equal(f.seen.warnings, 1);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_until_the_deadline_and_warns_once),
        cmocka_unit_test(says_little_of_a_collector_that_nobody_named),
        cmocka_unit_test(knows_whether_somebody_listens_where_nobody_was_named),
        cmocka_unit_test(waits_no_longer_when_in_a_hurry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
