#include "unit.h"

#include "telemetry/metrics_text.h"

#define OPEN METRICS_OPENMETRICS
#define PLAIN METRICS_PROMETHEUS

static void answers_each_accept_header(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        metrics_format format;
    } rows[] = {
        {NULL, PLAIN},
        {"", PLAIN},
        {"*/*", PLAIN},
        {"text/plain", PLAIN},
        {"text/plain;version=0.0.4", PLAIN},
        {"text/html", PLAIN},
        {"application/json", PLAIN},
        {"application/openmetrics-text", OPEN},
        {"Application/OpenMetrics-Text", OPEN},
        {"application/openmetrics-text; version=1.0.0", OPEN},
        {"application/openmetrics-text;version=1.0.0;charset=utf-8", OPEN},
        {"application/openmetrics-text; version=1.0.0; q=0.5", OPEN},
        {"application/openmetrics-text; version=0.0.1", PLAIN},
        {"application/openmetrics-text; version=2.0.0", PLAIN},
        {"application/openmetrics-text; version=1", PLAIN},
        {"application/openmetrics-text;q=0", PLAIN},
        {"application/openmetrics-text;q=x", PLAIN},
        {"application/openmetrics-text;q=7", PLAIN},
        {"application/openmetrics-textual", PLAIN},
        {"application/openmetrics", PLAIN},
        {"application/openmetrics-text;q=0.3,text/plain;q=0.8", PLAIN},
        {"application/openmetrics-text;q=0.8,text/plain;q=0.3", OPEN},
        {"text/plain;q=0.5,application/openmetrics-text;q=0.5", OPEN},
        {"text/plain,application/openmetrics-text;q=0.9", PLAIN},
        {"*/*;q=0.1, application/openmetrics-text;q=0.2", OPEN},
        {"text/*;q=0.9 , application/openmetrics-text;q=0.2", PLAIN},
        /* what Prometheus 2 and 3 send */
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         OPEN},
        {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
         "version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;"
         "q=0.3,*/*;q=0.2",
         OPEN},
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", PLAIN},
        {",,,", PLAIN},
        {";;;q=", PLAIN},
        {", application/openmetrics-text ,", OPEN},
        {"application/openmetrics-text;", OPEN},
        {"application/openmetrics-text;q", OPEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (metrics_format_accepted(rows[i].accept) != rows[i].format)
            fail_msg("wrong format for: %s", rows[i].accept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_each_accept_header)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
