#include "unit.h"

#include "base/json_parse.h"

static size_t left;    /* allocations that go well */
static bool one_fails; /* and then one that fails; else all that follow */

static void *allocate(size_t size)
{
    if (one_fails && left == 0) {
        left = SIZE_MAX;
        return NULL;
    }
    return left > 0 ? (left--, malloc(size)) : NULL;
}

/* Every allocation of a parse failing in turn: each is want of memory, none is bad syntax, none leaves a byte out. */
static void fail_each_allocation(void)
{
    static const char text[] =
        "{\"texts\": [\"some words, longer than any buffer that is there at first\", 1.5, "
        "null, {\"key\": [1, 2]}]}";
    json_error_t reason;
    bool lacked_memory = false;
    json_t *root = NULL;
    size_t granted = 0;
    for (; root == NULL; granted++) {
        left = granted;
        root = json_parse(text, sizeof text - 1, JSON_REJECT_DUPLICATES, &reason, &lacked_memory);
        assert_true(lacked_memory == (root == NULL));
        assert_true(granted < 1000);
    }
    assert_true(granted > 10);
    assert_int_equal(json_array_size(json_object_get(root, "texts")), 4);
    json_decref(root);
}

static void want_of_memory_is_told_from_bad_syntax(void **state)
{
    (void)state;
    one_fails = false;
    fail_each_allocation();
    one_fails = true;
    fail_each_allocation();
}

static void bad_syntax_is_no_want_of_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "{\"a\": tru}", "[1, 2", "{\"a\": \"\\uD800\"}", "{} x"};
    left = SIZE_MAX;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_error_t reason;
        bool lacked_memory = true;
        assert_null(json_parse(texts[i], strlen(texts[i]), JSON_REJECT_DUPLICATES, &reason, &lacked_memory));
        assert_false(lacked_memory);
        assert_true(reason.text[0] != '\0');
    }
}

static int set_up(void **state)
{
    (void)state;
    json_set_alloc_funcs(allocate, free);
    json_parse_wrap_allocator(); /* goes around it */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_of_memory_is_told_from_bad_syntax),
        cmocka_unit_test(bad_syntax_is_no_want_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
