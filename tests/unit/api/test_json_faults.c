#include "unit.h"

#include "api/json_faults.h"

#define ELSEWHERE SIZE_MAX
#define MAX_FAULTS 4

typedef struct row {
    const char *text, *repaired; /* repaired NULL = no fault */
    struct {
        size_t position, element, offset;
        const char *bytes;
    } faults[MAX_FAULTS];
} row;

static const row rows[] = {
    {.text = ""},
    {.text = "{\"texts\":[\"plain\",\"caf\xC3\xA9\",\"\\u00e9\\n\\\\ud800 \\ud83d\\ude00\"]}"},
    {"{\"texts\":[\"\\ud800\"]}", "{\"texts\":[\"\\ufffd\"]}", {{11, 0, 0, "\xED\xA0\x80"}}},
    {"{\"texts\":[\"a\",\"b\\uDFFFc\"]}", "{\"texts\":[\"a\",\"b\\ufffdc\"]}", {{16, 1, 1, "\xED\xBF\xBF"}}},
    /* Only the first of each text is told; halves in the wrong order are two. */
    {"{\"texts\":[\"\\udc00\\ud800\",\"\\ud800x\"]}",
     "{\"texts\":[\"\\ufffd\\ufffd\",\"\\ufffdx\"]}",
     {{11, 0, 0, "\xED\xB0\x80"}, {26, 1, 0, "\xED\xA0\x80"}}},
    /* Places count what the escapes and characters before become. */
    {"{\"texts\":[\"\\n\\u0041\\u00e9\\u20ac\\ud83d\\ude00\xC3\xA9\\ud83d\"]}",
     "{\"texts\":[\"\\n\\u0041\\u00e9\\u20ac\\ud83d\\ude00\xC3\xA9\\ufffd\"]}",
     {{45, 0, 13, "\xED\xA0\xBD"}}},
    {"{\"texts\":[\"a\",\"b\xFF\xFF\"],\"on_error\":\"item\"}",
     "{\"texts\":[\"a\",\"b??\"],\"on_error\":\"item\"}",
     {{16, 1, 1, "\xFF"}}},
    {"{\"on_error\":\"item\",\"texts\":[\"\xED\xA0\x80\"]}",
     "{\"on_error\":\"item\",\"texts\":[\"???\"]}",
     {{29, 0, 0, "\xED"}}},
    /* Elsewhere: in a key, in another field, beside strings, in a list of another name. */
    {"{\"\\ud800\":1}", "{\"\\ufffd\":1}", {{2, ELSEWHERE, 0, "\xED\xA0\x80"}}},
    {"{\"model\":\"\\ud800\"}", "{\"model\":\"\\ufffd\"}", {{10, ELSEWHERE, 0, "\xED\xA0\x80"}}},
    {"{\"texts\":[\xFF]}", "{\"texts\":[?]}", {{10, 0, 0, "\xFF"}}},
    {"{\"texts\":[]\xFF}", "{\"texts\":[]?}", {{11, ELSEWHERE, 0, "\xFF"}}},
    {"{\"others\":[\"\\ud800\"]}", "{\"others\":[\"\\ufffd\"]}", {{12, ELSEWHERE, 0, "\xED\xA0\x80"}}},
    {"{\"a\":\"texts\",\"b\":[\"\\ud800\"]}",
     "{\"a\":\"texts\",\"b\":[\"\\ufffd\"]}",
     {{19, ELSEWHERE, 0, "\xED\xA0\x80"}}},
    {"{\"a\":{\"texts\":[\"\\ud800\"]}}",
     "{\"a\":{\"texts\":[\"\\ufffd\"]}}",
     {{16, ELSEWHERE, 0, "\xED\xA0\x80"}}},
    {"[\"texts\",[\"\\ud800\"]]", "[\"texts\",[\"\\ufffd\"]]", {{11, ELSEWHERE, 0, "\xED\xA0\x80"}}},
    /* Within an element that is no string; the elements go on behind it. */
    {"{\"texts\":[[\"x\",\"\\ud800\"],{\"a\":[1,2]},\"\\ud800\"]}",
     "{\"texts\":[[\"x\",\"\\ufffd\"],{\"a\":[1,2]},\"\\ufffd\"]}",
     {{16, 0, 0, "\xED\xA0\x80"}, {38, 2, 0, "\xED\xA0\x80"}}},
    {"{\"texts\":[\"a]\\\",[{\",\"\\ud800\"]}",
     "{\"texts\":[\"a]\\\",[{\",\"\\ufffd\"]}",
     {{21, 1, 0, "\xED\xA0\x80"}}},
    /* Cut off. */
    {"{\"texts\":[\"\\ud800", "{\"texts\":[\"\\ufffd", {{11, 0, 0, "\xED\xA0\x80"}}},
    {.text = "{\"texts\":[\"\\ud80"},
    {.text = "{\"texts\":[\"\\"},
    {"{\"texts\":[\"\xE2\x82", "{\"texts\":[\"??", {{11, 0, 0, "\xE2"}}},
};

static void finds_and_replaces_what_is_no_unicode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const row *r = &rows[i];
        json_faults found;
        const size_t length = strlen(r->text);
        assert_true(json_faults_find(&found, r->text, length, "texts"));
        size_t count = 0;
        while (count < MAX_FAULTS && r->faults[count].bytes != NULL)
            count++;
        assert_int_equal(found.count, count);
        if (r->repaired == NULL)
            assert_null(found.repaired);
        else
            assert_memory_equal(found.repaired, r->repaired, length);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(found.faults[k].position, r->faults[k].position);
            assert_int_equal(found.faults[k].element, r->faults[k].element);
            assert_int_equal(found.faults[k].offset, r->faults[k].offset);
            assert_int_equal(found.faults[k].length, strlen(r->faults[k].bytes));
            assert_memory_equal(found.faults[k].bytes, r->faults[k].bytes, found.faults[k].length);
        }
        json_faults_free(&found);
    }
}

/* Any input: a fault lies within the text, and the copy has no fault left. */
static void random_text_is_taken(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "{\"texts\":[", "\"",   "\\ud800",  "\\udc00", "\xFF", "\xC3\xA9", ",", "]", "}", "{", "[", ":", "a",
        "\\",           "\\\"", "\"texts\""};
    uint32_t random = 7;
    for (int round = 0; round < 20000; round++) {
        char text[128];
        int used = snprintf(text, sizeof text, "{\"texts\":[");
        for (int k = 0; k < 12; k++) {
            random = random * 1664525U + 1013904223U;
            used += snprintf(text + used, sizeof text - (size_t)used, "%s",
                             pieces[(random >> 16) % (sizeof pieces / sizeof pieces[0])]);
        }
        json_faults found, again;
        const size_t length = strlen(text);
        assert_true(json_faults_find(&found, text, length, "texts"));
        for (size_t k = 0; k < found.count; k++)
            assert_true(found.faults[k].position < length &&
                        (k == 0 || found.faults[k].element > found.faults[k - 1].element));
        if (found.count > 0 && found.faults[found.count - 1].element != ELSEWHERE) {
            assert_true(json_faults_find(&again, found.repaired, length, "texts"));
            assert_int_equal(again.count, 0);
            json_faults_free(&again);
        }
        json_faults_free(&found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_and_replaces_what_is_no_unicode),
        cmocka_unit_test(random_text_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
