/* What replies mean: tables of the OTLP specification. */
#include "unit.h"

#include "telemetry/otlp_reply.h"

static void http_statuses(void **state)
{
    (void)state;
    static const struct {
        long status;
        otlp_outcome outcome;
    } rows[] = {
        {200, OTLP_ACCEPTED}, {202, OTLP_ACCEPTED}, {301, OTLP_REFUSED}, {400, OTLP_REFUSED},
        {401, OTLP_REFUSED},  {403, OTLP_REFUSED},  {404, OTLP_REFUSED}, {408, OTLP_REFUSED},
        {413, OTLP_REFUSED},  {429, OTLP_RETRY},    {500, OTLP_REFUSED}, {501, OTLP_REFUSED},
        {502, OTLP_RETRY},    {503, OTLP_RETRY},    {504, OTLP_RETRY},   {505, OTLP_REFUSED},
        {100, OTLP_REFUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        otlp_reply reply;
        otlp_reply_http(&reply, rows[i].status, NULL, NULL, 0, 7);
        assert_int_equal(reply.outcome, rows[i].outcome);
        assert_int_equal(reply.rejected, 0);
        if (reply.outcome == OTLP_RETRY)
            assert_int_equal(reply.retry_after_ms, 7000);
        assert_int_equal(reply.cause[0] == '\0', reply.outcome == OTLP_ACCEPTED);
    }
}

/* ExportTraceServiceResponse{partial_success{rejected_spans: 5, error_message: "odd\n"}} */
static const uint8_t partial[] = {0x0a, 8, 0x08, 5, 0x12, 4, 'o', 'd', 'd', '\n'};

static void partial_success(void **state)
{
    (void)state;
    otlp_reply reply;
    otlp_reply_http(&reply, 200, "application/x-protobuf; charset=x", partial, sizeof partial, 0);
    assert_int_equal(reply.outcome, OTLP_ACCEPTED);
    assert_int_equal(reply.rejected, 5);
    assert_string_equal(reply.cause, "odd ");
    /* another type, or bytes that are no message: accepted, nothing more is known */
    otlp_reply_http(&reply, 200, "application/json", partial, sizeof partial, 0);
    assert_int_equal(reply.rejected, 0);
    otlp_reply_http(&reply, 200, "application/x-protobuf", partial, sizeof partial - 3, 0);
    assert_int_equal(reply.outcome, OTLP_ACCEPTED);
    assert_int_equal(reply.rejected, 0);

    uint8_t framed[5 + sizeof partial] = {0, 0, 0, 0, sizeof partial};
    memcpy(framed + 5, partial, sizeof partial);
    const grpc_trailers fine = {.status = "0"};
    otlp_reply_grpc(&reply, 200, &fine, framed, sizeof framed);
    assert_int_equal(reply.outcome, OTLP_ACCEPTED);
    assert_int_equal(reply.rejected, 5);
    framed[0] = 1; /* compressed, which was not asked for */
    otlp_reply_grpc(&reply, 200, &fine, framed, sizeof framed);
    assert_int_equal(reply.rejected, 0);
    otlp_reply_grpc(&reply, 200, &fine, framed, 3);
    assert_int_equal(reply.outcome, OTLP_ACCEPTED);
    otlp_reply_grpc(&reply, 200, &fine, NULL, 0);
    assert_int_equal(reply.outcome, OTLP_ACCEPTED);
}

/* google.rpc.Status{code: 8, details: [RetryInfo{retry_delay{seconds: 2, nanos: 500000000}}]} */
#define RETRY_IN_2500_MS "CAgaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIKCggIAhCAyrXuAQ=="

static void grpc_statuses(void **state)
{
    (void)state;
    for (int code = 1; code <= 18; code++) {
        static const bool retryable[19] = {
            [1] = true, [4] = true, [10] = true, [11] = true, [14] = true, [15] = true};
        char text[4];
        otlp_reply reply;
        snprintf(text, sizeof text, "%d", code);
        const grpc_trailers trailers = {.status = text, .message = "why\r\nnot"};
        otlp_reply_grpc(&reply, 200, &trailers, NULL, 0);
        assert_int_equal(reply.outcome, retryable[code] ? OTLP_RETRY : OTLP_REFUSED);
        assert_non_null(strstr(reply.cause, ": why  not"));
        assert_int_equal(reply.retry_after_ms, -1);
    }
}

static void grpc_says_when_to_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *details;
        int64_t ms; /* -1 = not said */
    } rows[] = {
        {NULL, -1}, {"", -1}, {"!!!!", -1}, {"AAAA", -1}, {RETRY_IN_2500_MS, -2}, {"CAg=", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        otlp_reply reply;
        const grpc_trailers trailers = {.status = "8", .details = rows[i].details};
        otlp_reply_grpc(&reply, 200, &trailers, NULL, 0);
        const int64_t ms = rows[i].ms == -2 ? 2500 : rows[i].ms;
        assert_int_equal(reply.retry_after_ms, ms);
        assert_int_equal(reply.outcome, ms >= 0 ? OTLP_RETRY : OTLP_REFUSED);
    }
    /* without padding, as gRPC sends it */
    char bare[] = RETRY_IN_2500_MS;
    bare[strlen(bare) - 2] = '\0';
    const grpc_trailers trailers = {.status = "8", .details = bare};
    otlp_reply reply;
    otlp_reply_grpc(&reply, 200, &trailers, NULL, 0);
    assert_int_equal(reply.retry_after_ms, 2500);
}

static void replies_of_others_than_grpc_servers(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *code;
        otlp_outcome outcome;
    } rows[] = {{200, NULL, OTLP_REFUSED}, {404, NULL, OTLP_REFUSED}, {429, NULL, OTLP_RETRY},
                {502, NULL, OTLP_RETRY},   {503, NULL, OTLP_RETRY},   {504, NULL, OTLP_RETRY},
                {200, "x", OTLP_REFUSED},  {200, "-1", OTLP_REFUSED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        otlp_reply reply;
        const grpc_trailers trailers = {.status = rows[i].code};
        otlp_reply_grpc(&reply, rows[i].status, &trailers, NULL, 0);
        assert_int_equal(reply.outcome, rows[i].outcome);
    }
}

static void a_reply_that_breaks_off_is_a_lost_connection(void **state)
{
    (void)state;
    static const struct {
        long status;
        const char *code, *content_type;
        otlp_outcome outcome;
    } rows[] = {
        {200, NULL, "application/grpc", OTLP_RETRY},  {200, NULL, "application/grpc+proto", OTLP_RETRY},
        {200, NULL, "text/html", OTLP_REFUSED},       {404, NULL, "application/grpc", OTLP_REFUSED},
        {200, "x", "application/grpc", OTLP_REFUSED}, {200, "3", "application/grpc", OTLP_REFUSED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        otlp_reply reply;
        const grpc_trailers trailers = {.status = rows[i].code, .content_type = rows[i].content_type};
        otlp_reply_grpc(&reply, rows[i].status, &trailers, NULL, 0);
        assert_int_equal(reply.outcome, rows[i].outcome);
        assert_int_equal(reply.rejected, 0);
    }
}

static void no_reply(void **state)
{
    (void)state;
    otlp_reply reply;
    otlp_reply_none(&reply, true, "cannot\nconnect");
    assert_int_equal(reply.outcome, OTLP_RETRY);
    assert_string_equal(reply.cause, "cannot connect");
    otlp_reply_none(&reply, false, "bad certificate file");
    assert_int_equal(reply.outcome, OTLP_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_statuses),
        cmocka_unit_test(partial_success),
        cmocka_unit_test(grpc_statuses),
        cmocka_unit_test(grpc_says_when_to_come_back),
        cmocka_unit_test(replies_of_others_than_grpc_servers),
        cmocka_unit_test(a_reply_that_breaks_off_is_a_lost_connection),
        cmocka_unit_test(no_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
