#include "unit.h"

#include "telemetry/baggage.h"

static baggage b;

static void read_header(const char *header)
{
    baggage_begin(&b);
    baggage_add(&b, header);
}

static void reads_members(void **state)
{
    (void)state;
    static const struct {
        const char *header, *key, *value; /* value NULL = not there */
    } rows[] = {
        {"", "a", NULL},
        {"a=1", "a", "1"},
        {" a\t=\t1 , b = 2 ", "b", "2"},
        {"a=1,,b=2", "b", "2"},
        {"a=", "a", ""},
        {"a=1;property;p=2,b=3", "a", "1"},
        {"a=1;property;p=2,b=3", "b", "3"},
        {"a=1,a=2", "a", "2"},
        {"a=%20x%2C%3b", "a", " x,;"},
        {"a=%c3%A9", "a", "\xc3\xa9"},
        {"a=x%ffy", "a", "x\xef\xbf\xbdy"},
        {"a=%80%80", "a", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"a=b=c", "a", "b=c"},
        /* damaged, each alone */
        {"a,b=2", "b", "2"},
        {"a,b=2", "a", NULL},
        {"=1,b=2", "b", "2"},
        {"a b=1", "a b", NULL},
        {"a=1 2", "a", NULL},
        {"a=\"1\"", "a", NULL},
        {"a=%2", "a", NULL},
        {"a=%zz", "a", NULL},
        {"a=%00", "a", NULL},
        {"a=\xc3\xa9", "a", NULL},
        {"a\xc3\xa9=1", "a", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        read_header(rows[i].header);
        const char *value = baggage_value(&b, rows[i].key);
        if (rows[i].value == NULL)
            assert_null(value);
        else
            assert_string_equal(value, rows[i].value);
    }
}

static void keeps_64_members(void **state)
{
    (void)state;
    char header[2000] = "";
    size_t used = 0;
    for (int i = 0; i < 70; i++)
        used += (size_t)snprintf(header + used, sizeof header - used, "%sk%d=%d", i > 0 ? "," : "", i, i);
    read_header(header);
    assert_int_equal(b.count, BAGGAGE_MAX_MEMBERS);
    assert_string_equal(baggage_value(&b, "k63"), "63");
    assert_null(baggage_value(&b, "k64"));
    baggage_add(&b, "k0=again");
    assert_string_equal(baggage_value(&b, "k0"), "again");
}

/* a member of `bytes` bytes: "<letter>=xxxx" */
static void add_member(char letter, size_t bytes)
{
    static char header[2 * BAGGAGE_MAX_BYTES];
    memset(header, 'x', bytes);
    header[0] = letter;
    header[1] = '=';
    header[bytes] = '\0';
    baggage_add(&b, header);
}

static void keeps_8192_bytes_and_no_half_members(void **state)
{
    (void)state;
    baggage_begin(&b);
    add_member('a', 4096);
    add_member('b', 4095); /* with the comma exactly full */
    add_member('c', 2);
    assert_int_equal(b.count, 2);
    assert_int_equal(strlen(baggage_value(&b, "b")), 4093);
    baggage_begin(&b);
    add_member('a', 4096);
    add_member('b', 4096); /* one too many */
    add_member('c', 2);
    assert_int_equal(b.count, 1);
    baggage_begin(&b);
    add_member('a', BAGGAGE_MAX_BYTES);
    assert_int_equal(b.count, 1);
}

static void has_room_for_bytes_that_are_no_utf8(void **state)
{
    (void)state;
    static char header[BAGGAGE_MAX_BYTES + 1];
    header[0] = 'a';
    header[1] = '=';
    size_t length = 2;
    for (; length + 3 <= BAGGAGE_MAX_BYTES; length += 3)
        memcpy(header + length, "%ff", 3);
    header[length] = '\0';
    read_header(header);
    assert_int_equal(strlen(baggage_value(&b, "a")), length - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_members),
        cmocka_unit_test(keeps_64_members),
        cmocka_unit_test(keeps_8192_bytes_and_no_half_members),
        cmocka_unit_test(has_room_for_bytes_that_are_no_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
