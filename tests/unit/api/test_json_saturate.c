#include "unit.h"

#include "api/body.h"
#include "base/memory.h"

typedef struct row {
    const char *text, *saturated; /* saturated NULL = as it is */
} row;

#define MOST "9223372036854775807"
#define LEAST "-9223372036854775808"

static const row rows[] = {
    {"", NULL},
    {"{\"a\":1,\"b\":[-2,3.5e7,0,-0.0]}", NULL},
    {"[" MOST "," LEAST "]", NULL},
    {"[9223372036854775808,-9223372036854775809]", "[" MOST "," LEAST "]"},
    {"[99999999999999999999,-123456789012345678901234]", "[" MOST " ," LEAST "     ]"},
    {"{\"a\":1e308,\"b\":1e309,\"c\":-1.5E+9999}", "{\"a\":1e308,\"b\":1e308,\"c\":-1e308    }"},
    {"[1e-9999,0e99999,12345678901234567890.5]", NULL},
    /* Strings and keys stay, escaped quotes in them included. */
    {"{\"99999999999999999999\":\"\\\"1e999\\\\\",\"a\":1e999}",
     "{\"99999999999999999999\":\"\\\"1e999\\\\\",\"a\":1e308}"},
    /* What is no number of JSON stays for the parser to refuse. */
    {"[099999999999999999999,+1e999,.1e999,1.e999,1e999e,--1e999,1e99.9,-]", NULL},
    {"[99999999999999999999x,0x99999999999999999999]", "[" MOST " x,0x" MOST " ]"},
    /* Cut off. */
    {"[99999999999999999999", NULL},
    {"[1e999", NULL},
    {"[\"1e999", NULL},
    {"[\"1e999\\", NULL},
    {"-", NULL},
};

static void numbers_that_no_type_holds_become_the_nearest_that_one_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t length = strlen(rows[i].text);
        const char *expected = rows[i].saturated != NULL ? rows[i].saturated : rows[i].text;
        assert_int_equal(strlen(expected), length);
        /* In a block of its very size, so that a sanitizer sees a read behind it. */
        char *text = malloc(length > 0 ? length : 1);
        assert_non_null(text);
        memcpy(text, rows[i].text, length);
        char *saturated = json_saturate(text, length);
        assert_non_null(saturated);
        assert_memory_equal(saturated, expected, length);
        mem_free(saturated);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_no_type_holds_become_the_nearest_that_one_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
