#include "unit.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "server/request_facts.h"

static void adds_up_what_the_scheduler_tells(void **state)
{
    (void)state;
    const aki_text_info info[] = {{.tokens = 3}, {.tokens = 256, .truncated = true}, {0}};
    const scheduler_result result = {.info = info,
                                     .count = 3,
                                     .tokenize_ns = 1,
                                     .queue_ns = 2,
                                     .inference_ns = 3,
                                     .times = {.submitted_ns = 4, .passes = 5}};
    request_facts facts = {.read_ns = 9};
    for (int again = 0; again < 2; again++)
        request_facts_take(&facts, &result);
    assert_int_equal(facts.texts, 3);
    assert_int_equal(facts.tokens, 259);
    assert_int_equal(facts.truncated, 1);
    assert_int_equal(facts.tokenize_ns, 1);
    assert_int_equal(facts.queue_ns, 2);
    assert_int_equal(facts.inference_ns, 3);
    assert_int_equal(facts.times.submitted_ns, 4);
    assert_int_equal(facts.times.passes, 5);
    assert_int_equal(facts.read_ns, 9);
}

static void quotes_the_beginning_of_a_text(void **state)
{
    (void)state;
    request_facts facts = {0};
    request_facts_quote(&facts, (aki_text){"short", 5});
    assert_string_equal(facts.first_text, "short");
    request_facts_quote(&facts, (aki_text){NULL, 0});
    assert_string_equal(facts.first_text, "short");
    char text[400];
    for (size_t offset = 0; offset < 4; offset++) { /* the cut falls on each byte of a character */
        memset(text, 'a', offset);
        for (size_t at = offset; at + 4 <= sizeof text; at += 4)
            memcpy(text + at, "\xF0\x9F\x98\x80", 4);
        request_facts_quote(&facts, (aki_text){text, offset + (sizeof text - offset) / 4 * 4});
        const size_t length = strlen(facts.first_text);
        assert_in_range(length, REQUEST_FACTS_TEXT_BYTES - 3, REQUEST_FACTS_TEXT_BYTES);
        assert_true(utf8_valid(facts.first_text, length, NULL));
    }
}

static void writes_the_header_in_milliseconds(void **state)
{
    (void)state;
    char header[SERVER_TIMING_BYTES];
    request_facts facts = {.queue_ns = 412000, .tokenize_ns = 50000, .inference_ns = 6120400};
    trace_root trace = {.traced = true, .trace_id = {0x4b, 0xf9}, .span_id = {1}};
    request_facts_server_timing(&facts, &trace, 6700000, header);
    assert_string_equal(header, "queue;dur=0.412, tokenize;dur=0.050, inference;dur=6.120, total;dur=6.700");
    facts = (request_facts){.queue_ns = INT64_MAX, .tokenize_ns = INT64_MAX, .inference_ns = INT64_MAX};
    trace.sampled = true;
    request_facts_server_timing(&facts, &trace, INT64_MAX, header);
    assert_non_null(strstr(header, "total;dur=9223372036854."));
    assert_non_null(
        strstr(header, ", traceparent;desc=\"00-4bf90000000000000000000000000000-0100000000000000-01\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_up_what_the_scheduler_tells),
        cmocka_unit_test(quotes_the_beginning_of_a_text),
        cmocka_unit_test(writes_the_header_in_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
