#include "unit.h"

#include "base/buf.h"
#include "base/json_scan.h"

/* "name=value;name=value" of an object, "not an object", or "fault COLUMN". */
static void describe(const char *text, size_t length, char *out, size_t room)
{
    json_scan scan;
    json_member member;
    json_scan_outcome outcome;
    size_t used = 0;
    out[0] = '\0';
    json_scan_begin(&scan, text, length);
    while ((outcome = json_scan_next(&scan, &member)) == JSON_SCAN_MEMBER)
        used +=
            (size_t)snprintf(out + used, room - used, "%s%.*s=%.*s", used > 0 ? ";" : "",
                             (int)member.name_length, member.name, (int)member.value_length, member.value);
    if (outcome == JSON_SCAN_NOT_OBJECT)
        snprintf(out, room, "not an object");
    if (outcome == JSON_SCAN_FAULT)
        snprintf(out, room, "fault %zu", scan.fault_column);
}

static void test_members_come_as_they_were_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *members;
    } table[] = {
        {"{}", ""},
        {" \t{ \r\n} \n", ""},
        {"{\"a\":1}", "a=1"},
        {"{\"a\" : 1 , \"b\" : \"x\" }", "a=1;b=\"x\""},
        {"{\"a\":0.1,\"b\":1e3,\"c\":-0,\"d\":1E+400}", "a=0.1;b=1e3;c=-0;d=1E+400"},
        {"{\"a\":123456789012345678901234567890}", "a=123456789012345678901234567890"},
        {"{\"a\":true,\"b\":false,\"c\":null}", "a=true;b=false;c=null"},
        {"{\"a\":{\"b\":[1, {\"c\":[]},{}]},\"d\":[[],[ ]]}", "a={\"b\":[1, {\"c\":[]},{}]};d=[[],[ ]]"},
        {"{\"a\":\"} , \\\" ]\"}", "a=\"} , \\\" ]\""},
        {"{\"a\\u0062\":\"\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\\\"}",
         "a\\u0062=\"\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\\\""},
        {"{\"\":\"\\ud800\",\"caf\xC3\xA9\":\"\xF0\x9F\x98\x80\"}",
         "=\"\\ud800\";caf\xC3\xA9=\"\xF0\x9F\x98\x80\""},
        {"{\"a\":1,\"a\":2}", "a=1;a=2"}, /* whoever minds can see it */
        {"[1,2,{\"a\":[]}]", "not an object"},
        {" \"a\" ", "not an object"},
        {"17", "not an object"},
        {"null", "not an object"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char found[300];
        describe(table[i].text, strlen(table[i].text), found, sizeof found);
        assert_string_equal(found, table[i].members);
    }
}

static void test_faults_are_found_where_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t column;
    } table[] = {
        {"", 0},
        {"   ", 3},
        {"{", 1},
        {"{\"a\"", 4},
        {"{\"a\":", 5},
        {"{\"a\":1", 6},
        {"{\"a\":1,", 7},
        {"{\"a\":1,}", 8},
        {"{,}", 2},
        {"{\"a\":1}}", 8},
        {"{\"a\":1} x", 9},
        {"{\"a\":1}{\"b\":2}", 8},
        {"{\"a\" 1}", 6},
        {"{a:1}", 2},
        {"{'a':1}", 2},
        {"{\"a\":1 \"b\":2}", 8},
        {"{\"a\":[1,]}", 9},
        {"{\"a\":[1 2]}", 9},
        {"{\"a\":[1}", 8},
        {"{\"a\":{\"b\":1]}", 12},
        {"{\"a\":{\"b\"}}", 10},
        {"{\"a\":{1:2}}", 7},
        {"{\"a\":01}", 7},
        {"{\"a\":+1}", 6},
        {"{\"a\":.5}", 6},
        {"{\"a\":1.}", 8},
        {"{\"a\":1.e5}", 8},
        {"{\"a\":1e}", 8},
        {"{\"a\":-}", 7},
        {"{\"a\":--1}", 7},
        {"{\"a\":0x10}", 7},
        {"{\"a\":NaN}", 6},
        {"{\"a\":Infinity}", 6},
        {"{\"a\":-Infinity}", 7},
        {"{\"a\":tru}", 6},
        {"{\"a\":True}", 6},
        {"{\"a\":nullx}", 10},
        {"{\"a\":undefined}", 6},
        {"{\"a\":\"b}", 8},
        {"{\"a\":\"b\\\"}", 10},
        {"{\"a\":\"\\x\"}", 7},
        {"{\"a\":\"\\u12g4\"}", 7},
        {"{\"a\":\"\\u12\"}", 7},
        {"{\"a\":\"\\", 7},
        {"{\"a\":\"\t\"}", 7},
        {"{\"a\":\"\x01\"}", 7},
        {"{\"a\":1}//c", 8},
        {"\xEF\xBB\xBF{\"a\":1}", 1},
        {"{\"a\":\"\xFF\"}", 7},
        {"{\"a\":\"\xED\xA0\x80\"}", 7},
        {"{\"a\":\xC3\xA9}", 6},
        {"[1", 2},
        {"nul", 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char found[300], expected[40];
        describe(table[i].text, strlen(table[i].text), found, sizeof found);
        snprintf(expected, sizeof expected, "fault %zu", table[i].column);
        if (strcmp(found, expected) != 0)
            print_error("%s\n", table[i].text);
        assert_string_equal(found, expected);
    }
}

static void test_nul_is_no_byte_of_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length, column;
    } table[] = {
        {"{\"a\":1}\0", 8, 8},       {"\0{\"a\":1}", 8, 1}, {"{\"a\0b\":1}", 9, 4}, {"{\"a\":\"\0\"}", 9, 7},
        {"{\"a\":\"\\\0\"}", 10, 7}, {"{\"a\"\0:1}", 8, 5}, {"{\"a\":\0}", 7, 6},   {"{\0}", 3, 2}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char found[300], expected[40];
        describe(table[i].text, table[i].length, found, sizeof found);
        snprintf(expected, sizeof expected, "fault %zu", table[i].column);
        assert_string_equal(found, expected);
    }
}

/* {"a":[[[...]]]} with `depth` arrays or objects. */
static bool is_valid_at_depth(size_t depth, const char *open, const char *close)
{
    buf text;
    json_scan scan;
    json_member member;
    buf_init(&text, SIZE_MAX / 2);
    buf_append_string(&text, "{\"a\":");
    for (size_t i = 0; i < depth; i++)
        buf_append_string(&text, open);
    for (size_t i = 0; i < depth; i++)
        buf_append_string(&text, close);
    buf_append_string(&text, "}");
    json_scan_begin(&scan, text.data, text.length);
    bool valid =
        json_scan_next(&scan, &member) == JSON_SCAN_MEMBER && json_scan_next(&scan, &member) == JSON_SCAN_END;
    if (!valid)
        assert_string_equal(scan.fault, "nested too deeply");
    buf_free(&text);
    return valid;
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    assert_true(is_valid_at_depth(JSON_SCAN_MAX_DEPTH, "[", "]"));
    assert_false(is_valid_at_depth(JSON_SCAN_MAX_DEPTH + 1, "[", "]"));
    assert_false(is_valid_at_depth(1000000, "[", "]"));
    assert_false(is_valid_at_depth(1000000, "{\"b\":", "}"));
}

/* No prefix of a valid object is valid, and none is read past its end (each is a block of its own). */
static void test_every_prefix_is_a_fault(void **state)
{
    (void)state;
    static const char whole[] = "{\"a\":[1.5e-3,{\"b\":\"\\u00e9\\n\"},true],\"\xC3\xA9\":null}";
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        char *text = malloc(length > 0 ? length : 1);
        char found[300];
        assert_non_null(text);
        memcpy(text, whole, length);
        describe(text, length, found, sizeof found);
        assert_int_equal(strncmp(found, "fault ", 6), 0);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_come_as_they_were_written),
        cmocka_unit_test(test_faults_are_found_where_they_are),
        cmocka_unit_test(test_nul_is_no_byte_of_json),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_every_prefix_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
