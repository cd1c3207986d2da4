/* The cases of the W3C's own test suite for Trace Context (test/test.py), as tables, and a few of the project's own. */
#include "unit.h"

#include "telemetry/trace_context.h"

#define TRACE "12345678901234567890123456789012"
#define SPAN "1234567890123456"
#define GOOD "00-" TRACE "-" SPAN "-01"

static void reads_traceparent_or_leaves_it(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool valid;
        uint8_t flags;
    } rows[] = {
        {NULL, false, 0},
        {"", false, 0},
        {GOOD, true, 1},
        {"00-" TRACE "-" SPAN "-00", true, 0},
        {"00-" TRACE "-" SPAN "-02", true, 2},
        {"00-" TRACE "-" SPAN "-03", true, 3},
        {"00-" TRACE "-" SPAN "-ff", true, 3},
        /* blanks around */
        {" " GOOD, true, 1},
        {"\t" GOOD, true, 1},
        {GOOD " ", true, 1},
        {GOOD "\t", true, 1},
        {"\t " GOOD " \t", true, 1},
        /* version 00 with more behind it */
        {GOOD ".", false, 0},
        {GOOD "-what-the-future-will-be-like", false, 0},
        /* versions to come */
        {"cc-" TRACE "-" SPAN "-01", true, 1},
        {"cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", true, 1},
        {"cc-" TRACE "-" SPAN "-01.what-the-future-will-be-like", false, 0},
        {"ff-" TRACE "-" SPAN "-01", false, 0},
        {".0-" TRACE "-" SPAN "-01", false, 0},
        {"0.-" TRACE "-" SPAN "-01", false, 0},
        {"000-" TRACE "-" SPAN "-01", false, 0},
        {"0000-" TRACE "-" SPAN "-01", false, 0},
        {"0-" TRACE "-" SPAN "-01", false, 0},
        /* trace id */
        {"00-00000000000000000000000000000000-" SPAN "-01", false, 0},
        {"00-.2345678901234567890123456789012-" SPAN "-01", false, 0},
        {"00-1234567890123456789012345678901.-" SPAN "-01", false, 0},
        {"00-A2345678901234567890123456789012-" SPAN "-01", false, 0},
        {"00-" TRACE "3-" SPAN "-01", false, 0},
        {"00-1234567890123456789012345678901-" SPAN "-01", false, 0},
        /* parent id */
        {"00-" TRACE "-0000000000000000-01", false, 0},
        {"00-" TRACE "-.234567890123456-01", false, 0},
        {"00-" TRACE "-123456789012345.-01", false, 0},
        {"00-" TRACE "-12345678901234567-01", false, 0},
        {"00-" TRACE "-123456789012345-01", false, 0},
        /* flags */
        {"00-" TRACE "-" SPAN "-.0", false, 0},
        {"00-" TRACE "-" SPAN "-0.", false, 0},
        {"00-" TRACE "-" SPAN "-001", false, 0},
        {"00-" TRACE "-" SPAN "-1", false, 0},
        {"00-" TRACE "-" SPAN, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trace_context context;
        bool valid = trace_context_parse(&context, rows[i].header);
        if (valid != rows[i].valid || context.flags != rows[i].flags)
            fail_msg("\"%s\": %s, flags %u", rows[i].header, valid ? "taken" : "refused", context.flags);
        char back[TRACEPARENT_LENGTH + 1];
        traceparent_write(context.trace_id, context.span_id, context.flags, back);
        if (valid) {
            assert_memory_equal(back + 2, &(GOOD)[2], 50);
            assert_int_equal(back[54], '0' + context.flags);
        }
    }
}

#define Z10 "zzzzzzzzzz"
#define Z50 Z10 Z10 Z10 Z10 Z10
#define Z240 Z50 Z50 Z50 Z50 Z10 Z10 Z10 Z10
#define T10 "tttttttttt"
#define T50 T10 T10 T10 T10 T10
#define T240 T50 T50 T50 T50 T10 T10 T10 T10
#define MEMBERS_8(n) "a" n "=1,b" n "=1,c" n "=1,d" n "=1,e" n "=1,f" n "=1,g" n "=1,h" n "=1"
#define MEMBERS_32 MEMBERS_8("1") "," MEMBERS_8("2") "," MEMBERS_8("3") "," MEMBERS_8("4")

static void reads_tracestate_or_empties_it(void **state)
{
    (void)state;
    static const struct {
        const char *headers[3];
        const char *kept;
    } rows[] = {
        {{""}, ""},
        {{"foo=1"}, "foo=1"},
        {{"foo=1,bar=2"}, "foo=1,bar=2"},
        {{"foo=1", ""}, "foo=1"},
        {{"", "foo=1"}, "foo=1"},
        {{"foo=1", "bar=2"}, "foo=1,bar=2"},
        {{"foo=1,", "bar=2,rojo=1", "congo=2"}, "foo=1,bar=2,rojo=1,congo=2"},
        /* the first of repeated keys stands */
        {{"foo=1,foo=1"}, "foo=1"},
        {{"foo=1,foo=2"}, "foo=1"},
        {{"foo=1", "foo=2"}, "foo=1"},
        /* every character that is allowed */
        {{"abcdefghijklmnopqrstuvwxyz0123456789_-*/= "
          "!\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ["
          "\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"},
         "abcdefghijklmnopqrstuvwxyz0123456789_-*/= "
         "!\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\"
         "]^_`abcdefghijklmnopqrstuvwxyz{|}~"},
        {{"0a@z=1"}, "0a@z=1"},
        /* keys that level 2 of the standard added */
        {{"foo@=1,bar=2"}, "foo@=1,bar=2"},
        {{"foo@@bar=1"}, "foo@@bar=1"},
        {{"foo@bar@baz=1"}, "foo@bar@baz=1"},
        {{"foo@0=1"}, "foo@0=1"},
        {{"0foo=1"}, "0foo=1"},
        /* blanks around members */
        {{"foo=1 \t , \t bar=2, \t baz=3"}, "foo=1,bar=2,baz=3"},
        {{"foo=1\t \t,\t \tbar=2,\t \tbaz=3"}, "foo=1,bar=2,baz=3"},
        {{" foo=1"}, "foo=1"},
        {{"\tfoo=1"}, "foo=1"},
        {{"foo=1 "}, "foo=1"},
        {{"foo=1\t"}, "foo=1"},
        {{"\t foo=1 \t"}, "foo=1"},
        {{",,foo=1,,"}, "foo=1"},
        /* damaged keys */
        {{"foo =1"}, ""},
        {{"FOO=1"}, ""},
        {{"foo.bar=1"}, ""},
        {{"@foo=1,bar=2"}, ""},
        {{"_foo=1,bar=2"}, ""},
        {{"foo@b:r=1"}, ""},
        {{"=1"}, ""},
        {{"foo"}, ""},
        {{"foo=1", "bar"}, ""},
        /* number of members */
        {{MEMBERS_32}, MEMBERS_32},
        {{MEMBERS_32 ",i=1"}, ""},
        {{MEMBERS_32, "i=1"}, ""},
        /* length of keys */
        {{Z240 Z10 "zzzzzz=1"}, Z240 Z10 "zzzzzz=1"},
        {{Z240 Z10 "zzzzzzz=1"}, ""},
        {{T240 "t@vvvvvvvvvvvvvv=1"}, T240 "t@vvvvvvvvvvvvvv=1"},
        {{T240 "tt@v=1"}, T240 "tt@v=1"},
        {{T240 "t@vvvvvvvvvvvvvvv=1"}, ""},
        /* damaged values */
        {{"foo=bar=baz"}, ""},
        {{"foo=,bar=3"}, ""},
        {{"foo=a\x7f"}, ""},
        {{"foo=\xc3\xa9"}, ""},
        {{"foo=" Z240 Z10 "zzzzzz"}, "foo=" Z240 Z10 "zzzzzz"},
        {{"foo=" Z240 Z10 "zzzzzzz"}, ""},
        /* what does not fit: long members go first, then those at the end */
        {{"a=" Z240 ",b=" Z240 ",c=" Z50 ",d=1"}, "c=" Z50 ",d=1"},
        {{"a=" Z50 Z50 ",b=" Z50 Z50 ",c=" Z50 Z50 ",d=" Z50 Z50 ",e=" Z50 Z50 ",f=1"},
         "a=" Z50 Z50 ",b=" Z50 Z50 ",c=" Z50 Z50 ",d=" Z50 Z50},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trace_context context;
        tracestate_reader reader;
        assert_true(trace_context_parse(&context, GOOD));
        tracestate_begin(&reader);
        for (size_t h = 0; h < 3 && rows[i].headers[h] != NULL; h++)
            tracestate_add(&reader, rows[i].headers[h]);
        tracestate_finish(&reader, &context);
        assert_string_equal(context.state, rows[i].kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_traceparent_or_leaves_it),
        cmocka_unit_test(reads_tracestate_or_empties_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
