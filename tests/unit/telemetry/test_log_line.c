#include "unit.h"

#include "base/utf8.h"
#include "telemetry/log_writer.h"

#include <jansson.h>
#include <math.h>

#define JAN_2026_NS INT64_C(1767225600123456789)

static const uint8_t trace_id[16] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                                     0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
static const uint8_t span_id[8] = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7};

static void test_json_line(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 1 << 16);
    log_line_json(&out, JAN_2026_NS,
                  &(log_event){.level = AKI_LOG_WARN, .target = "hub", .message = "say \"hi\"\n\tC:\\x"});
    assert_string_equal(
        out.data, "{\"timestamp\":\"2026-01-01T00:00:00.123456Z\",\"level\":\"WARN\",\"target\":\"hub\","
                  "\"fields\":{\"message\":\"say \\\"hi\\\"\\u000a\\u0009C:\\\\x\"}}\n");
    buf_free(&out);
}

static const log_field fields[] = {
    {.name = "code", .kind = LOG_TEXT, .text = "not \"here\""},
    {.name = "status", .kind = LOG_INTEGER, .integer = -404},
    {.name = "total_ms", .kind = LOG_REAL, .real = 1.25},
    {.name = "ratio", .kind = LOG_REAL, .real = NAN},
    {.name = "truncated", .kind = LOG_BOOLEAN, .boolean = true},
};
static const log_event traced = {.level = AKI_LOG_INFO,
                                 .target = "access",
                                 .message = "m",
                                 .fields = fields,
                                 .fields_count = 5,
                                 .span = "embedding_request",
                                 .request_id = "r1",
                                 .trace_id = trace_id,
                                 .span_id = span_id};

static void test_json_line_with_everything(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 1 << 16);
    log_line_json(&out, JAN_2026_NS, &traced);
    assert_string_equal(
        out.data, "{\"timestamp\":\"2026-01-01T00:00:00.123456Z\",\"level\":\"INFO\",\"target\":\"access\","
                  "\"fields\":{\"message\":\"m\",\"code\":\"not \\\"here\\\"\",\"status\":-404,"
                  "\"total_ms\":1.250,\"ratio\":null,\"truncated\":true},"
                  "\"span\":{\"name\":\"embedding_request\"},\"request_id\":\"r1\","
                  "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"00f067aa0ba902b7\"}\n");
    buf_free(&out);
}

static void test_text_line(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 1 << 16);
    log_line_text(&out, JAN_2026_NS,
                  &(log_event){.level = AKI_LOG_INFO,
                               .target = "serve",
                               .message = "two\nlines \"as they are\" \x1b[31m"});
    assert_string_equal(out.data,
                        "2026-01-01T00:00:00.123456Z INFO  serve: two\\x0alines \"as they are\" \\x1b[31m\n");
    buf_clear(&out);
    log_field quoted = {.name = "text", .kind = LOG_TEXT, .text = "\xC2\x9B\x32J \xE2\x80\xAE"};
    const log_event hostile = {
        .level = AKI_LOG_INFO,
        .target = "serve",
        .message = "\xC2\x9B\x32J\xC2\x85 \xE2\x80\xA8 \xE2\x80\xAE \xF3\xA0\x80\x81 caf\xC3\xA9",
        .fields = &quoted,
        .fields_count = 1};
    log_line_text(&out, JAN_2026_NS, &hostile);
    assert_string_equal(
        out.data, "2026-01-01T00:00:00.123456Z INFO  serve: \\u009b2J\\u0085 \\u2028 \\u202e \\U000e0001 "
                  "caf\xC3\xA9 text=\"\\u009b2J \\u202e\"\n");
    buf_clear(&out);
    log_line_json(&out, JAN_2026_NS, &hostile);
    assert_non_null(strstr(out.data,
                           "\"message\":\"\\u009b2J\\u0085 \\u2028 \\u202e \\udb40\\udc01 caf\xC3\xA9\","
                           "\"text\":\"\\u009b2J \\u202e\""));
    buf_clear(&out);
    log_line_text(&out, JAN_2026_NS, &traced);
    assert_string_equal(out.data,
                        "2026-01-01T00:00:00.123456Z INFO  access: m code=\"not \\\"here\\\"\" status=-404 "
                        "total_ms=1.250 ratio=null truncated=true request_id=r1 "
                        "trace_id=4bf92f3577b34da6a3ce929d0e0e4736\n");
    buf_free(&out);
}

static json_t *assert_valid(const buf *line, bool json)
{
    assert_false(line->failed);
    assert_true(utf8_valid(line->data, line->length, NULL));
    assert_ptr_equal(strchr(line->data, '\n'), line->data + line->length - 1);
    if (!json)
        return NULL;
    json_t *parsed = json_loadb(line->data, line->length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    return parsed;
}

/* Every pair of bytes, in every text of an event. */
static void test_any_bytes_give_a_valid_line(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 1 << 16);
    for (unsigned pair = 1; pair < 65536; pair++) {
        char text[4] = {(char)(pair >> 8), (char)pair, 'x', '\0'};
        const log_field field = log_text("field", text);
        const log_event event = {.level = AKI_LOG_INFO,
                                 .target = text,
                                 .message = text,
                                 .fields = &field,
                                 .fields_count = 1,
                                 .span = text,
                                 .request_id = text};
        buf_clear(&out);
        log_line_text(&out, 0, &event);
        assert_valid(&out, false);
        buf_clear(&out);
        log_line_json(&out, 0, &event);
        json_decref(assert_valid(&out, true));
    }
    buf_free(&out);
}

/* Random bytes of random lengths, far over the bound too. */
static void test_fuzzed_events_give_bounded_valid_lines(void **state)
{
    (void)state;
    uint32_t random = 7;
    static char texts[4][3 * LOG_LINE_TEXT_BYTES];
    buf out;
    buf_init(&out, 1 << 16);
    for (int round = 0; round < 2000; round++) {
        for (size_t t = 0; t < 4; t++) {
            random = random * 1664525U + 1013904223U;
            const size_t length = (random >> 8) % (round % 10 == 0 ? sizeof texts[t] : 40);
            for (size_t i = 0; i < length; i++) {
                random = random * 1664525U + 1013904223U;
                texts[t][i] = (char)((random >> 24) | ((random >> 24) == 0));
            }
            texts[t][length] = '\0';
        }
        const log_field some[] = {log_text("a", texts[0]), log_real("b", (double)random * 1e300),
                                  log_integer("c", INT64_MIN), log_text("d", texts[1])};
        const log_event event = {.level = AKI_LOG_ERROR,
                                 .target = "t",
                                 .message = texts[2],
                                 .fields = some,
                                 .fields_count = 4,
                                 .request_id = texts[3]};
        buf_clear(&out);
        log_line_json(&out, 0, &event);
        json_decref(assert_valid(&out, true));
        buf_clear(&out);
        log_line_text(&out, 0, &event);
        assert_valid(&out, false);
    }
    buf_free(&out);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    static char text[LOG_LINE_TEXT_BYTES + 100];
    for (size_t at = 0; at < sizeof text - 4; at += 3)
        memcpy(text + at, "\xE2\x82\xAC", 4);
    buf out;
    buf_init(&out, 1 << 16);
    log_line_json(&out, 0, &(log_event){.level = AKI_LOG_INFO, .target = "t", .message = text});
    json_t *parsed = assert_valid(&out, true);
    const char *message = json_string_value(json_object_get(json_object_get(parsed, "fields"), "message"));
    assert_int_equal(strlen(message), LOG_LINE_TEXT_BYTES / 3 * 3);
    assert_null(strstr(message, "\xEF\xBF\xBD"));
    json_decref(parsed);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_json_line_with_everything),
        cmocka_unit_test(test_text_line),
        cmocka_unit_test(test_any_bytes_give_a_valid_line),
        cmocka_unit_test(test_fuzzed_events_give_bounded_valid_lines),
        cmocka_unit_test(test_long_texts_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
