#include "unit.h"

#include "server/admin_guard.h"

static void knows_the_types_that_forms_have(void **state)
{
    (void)state;
    static const char *const forms[] = {"text/plain",
                                        "TEXT/PLAIN; charset=utf-8",
                                        "text/plain;charset=utf-8",
                                        "application/x-www-form-urlencoded",
                                        "multipart/form-data; boundary=x",
                                        "text/plain ;x"};
    static const char *const others[] = {
        "application/json", "text/plainer", "text/html", "", "text/plain,x", "application/json; text/plain"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        assert_true(admin_guard_is_form_type(forms[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(admin_guard_is_form_type(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_types_that_forms_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
