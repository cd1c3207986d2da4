#include "unit.h"

#include "cli/serve/activation.h"

static activation found;
static aki_error error;

static aki_status read_for_42(const char *pid, const char *count, const char *names)
{
    return activation_read(&found, pid, count, names, 42, &error);
}

static void takes_what_is_meant_for_this_process(void **state)
{
    (void)state;
    assert_int_equal(read_for_42("42", "2", NULL), AKI_OK);
    assert_int_equal(found.clients_count, 2);
    assert_int_equal(found.clients[0], 3);
    assert_int_equal(found.clients[1], 4);
    assert_int_equal(found.admin_count, 0);
    assert_int_equal(read_for_42("41", "2", NULL), AKI_OK);
    assert_int_equal(found.clients_count, 0);
    assert_int_equal(read_for_42(NULL, "2", NULL), AKI_OK);
    assert_int_equal(found.clients_count, 0);
    assert_int_equal(read_for_42("42", NULL, NULL), AKI_OK);
    assert_int_equal(found.clients_count, 0);
}

static void tells_the_admin_port_by_its_name(void **state)
{
    (void)state;
    assert_int_equal(read_for_42("42", "4", "http:admin::administrator"), AKI_OK);
    assert_int_equal(found.clients_count, 3);
    assert_int_equal(found.clients[0], 3);
    assert_int_equal(found.clients[1], 5);
    assert_int_equal(found.admin_count, 1);
    assert_int_equal(found.admin[0], 4);
    assert_int_equal(read_for_42("42", "3", "admin"), AKI_OK); /* names run out */
    assert_int_equal(found.clients_count, 2);
}

static void refuses_what_is_no_count(void **state)
{
    (void)state;
    const char *const counts[] = {"", "x", "1x", "-1", "17", "99999999999999999999"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        assert_int_equal(read_for_42("42", counts[i], NULL), AKI_INVALID_ARGUMENT);
    assert_int_equal(read_for_42("42", "16", NULL), AKI_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_meant_for_this_process),
        cmocka_unit_test(tells_the_admin_port_by_its_name),
        cmocka_unit_test(refuses_what_is_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
