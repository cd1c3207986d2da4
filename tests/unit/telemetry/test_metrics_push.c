#include "collector.h"

#include "base/clock.h"
#include "telemetry/otlp.pb-c.h"
#include "telemetry/telemetry.h"

#define NEVER_MS (24 * 3600 * INT64_C(1000))

typedef struct fixture {
    metrics *registry;
    otlp_target target;
    metrics_push *push;
} fixture;

static const resource from;

static void open_fixture(fixture *f, const collector *c, int64_t interval_ms)
{
    static const char *const model = "m", *const code = "c";
    const metric_names domains[METRIC_DOMAINS] = {{&model, 1}, {&code, 1}};
    aki_error error;
    *f = (fixture){.target = {.endpoint = (char *)c->url, .url = (char *)c->url, .timeout_ms = NEVER_MS}};
    assert_int_equal(metrics_open(&f->registry, domains, &error), AKI_OK);
    metrics_push_settings settings = {
        .registry = f->registry, .from = &from, .interval_ms = interval_ms, .timeout_ms = NEVER_MS};
    otlp_sender_settings_init(&settings.sender);
    settings.sender.target = &f->target;
    assert_int_equal(metrics_push_open(&f->push, &settings, &error), AKI_OK);
}

static void close_fixture(fixture *f, int64_t flush_ms)
{
    metrics_push_close(f->push, flush_ms);
    metrics_close(f->registry);
}

/* The requests counter of the last message that came. */
static const Otlp__NumberDataPoint *requests_of(const Otlp__ExportMetricsServiceRequest *read)
{
    const Otlp__ScopeMetrics *scope = read->resource_metrics[0]->scope_metrics[0];
    for (size_t i = 0; i < scope->n_metrics; i++)
        if (strcmp(scope->metrics[i]->name, metric_table[METRIC_REQUESTS].name) == 0)
            return scope->metrics[i]->sum->data_points[0];
    return NULL;
}

static void sends_what_it_has_at_the_end(void **state)
{
    (void)state;
    collector c;
    fixture f;
    const int64_t before_ns = clock_wall_ns();
    collector_open(&c, COLLECTOR_TAKES_ALL);
    open_fixture(&f, &c, NEVER_MS);
    metrics_add(metrics_shard(f.registry), METRIC_REQUESTS, 0, 7);
    close_fixture(&f, 60000);
    collector_wait(&c, 1);
    Otlp__ExportMetricsServiceRequest *read =
        otlp__export_metrics_service_request__unpack(NULL, c.body.length, (const uint8_t *)c.body.data);
    assert_non_null(read);
    const Otlp__NumberDataPoint *point = requests_of(read);
    assert_non_null(point);
    assert_int_equal(point->as_int, 7);
    assert_true((int64_t)point->start_time_unix_nano >= before_ns);
    assert_true(point->time_unix_nano >= point->start_time_unix_nano);
    otlp__export_metrics_service_request__free_unpacked(read, NULL);
    collector_close(&c);
    assert_int_equal(c.requests, 1);
}

static void sends_again_and_again(void **state)
{
    (void)state;
    collector c;
    fixture f;
    collector_open(&c, COLLECTOR_TAKES_ALL);
    open_fixture(&f, &c, 1);
    collector_wait(&c, 3);
    close_fixture(&f, 60000);
    collector_close(&c);
    assert_true(c.requests >= 4); /* the last one at the end */
    assert_int_equal(c.connections, 1);
}

static void a_refusal_does_not_end_it(void **state)
{
    (void)state;
    collector c;
    fixture f;
    collector_open(&c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    open_fixture(&f, &c, 1);
    collector_wait(&c, 3);
    close_fixture(&f, 60000);
    collector_close(&c);
}

static void ends_although_the_collector_hangs(void **state)
{
    (void)state;
    collector c;
    fixture f;
    collector_open(&c, NULL);
    open_fixture(&f, &c, 1);
    collector_wait(&c, 1); /* an export is under way, with a day's patience */
    close_fixture(&f, 0);  /* returns at all */
    collector_close(&c);
}

static void ends_although_nobody_is_there(void **state)
{
    (void)state;
    collector gone;
    fixture f;
    collector_listen(&gone);
    close(gone.listening);
    open_fixture(&f, &gone, NEVER_MS);
    close_fixture(&f, NEVER_MS); /* it is not tried again and again */
}

static void opening_fails_with_its_sender(void **state)
{
    (void)state;
    static char value[10000];
    memset(value, 'v', sizeof value - 1);
    name_value too_long = {(char *)"x-long", value};
    otlp_target target = {.endpoint = value, .url = value, .headers = {&too_long, 1}};
    metrics_push_settings settings = {.interval_ms = 1};
    metrics_push *push;
    aki_error error;
    otlp_sender_settings_init(&settings.sender);
    settings.sender.target = &target;
    assert_int_not_equal(metrics_push_open(&push, &settings, &error), AKI_OK);
    assert_null(push);
    metrics_push_close(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_what_it_has_at_the_end),  cmocka_unit_test(sends_again_and_again),
        cmocka_unit_test(a_refusal_does_not_end_it),     cmocka_unit_test(ends_although_the_collector_hangs),
        cmocka_unit_test(ends_although_nobody_is_there), cmocka_unit_test(opening_fails_with_its_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
