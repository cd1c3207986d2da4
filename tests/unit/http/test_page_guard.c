#include "http/made_request.h"

#include "http/page_guard.h"

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
        assert_true(page_guard_is_form_type(forms[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(page_guard_is_form_type(others[i]));
}

static void refuses_what_a_page_may_have_sent(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *type, *host;
        bool changes, over_loopback;
        const char *why; /* NULL = it is served */
    } rows[] = {{NULL, NULL, "localhost", false, true, NULL},
                {NULL, "text/plain", "page.example", false, true, NULL},
                {NULL, "application/json", "localhost:1", true, true, NULL},
                {NULL, "application/json", "127.0.0.1", true, true, NULL},
                {NULL, NULL, "ops.example", true, false, NULL},
                {"https://page.example", NULL, "localhost", false, true, "Origin"},
                {"null", NULL, "localhost", false, false, "Origin"},
                {NULL, "text/plain", "localhost", true, false, "Content-Type"},
                {NULL, NULL, "page.example", true, true, "loopback"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        made_request made;
        make_request(&made, rows[i].changes ? "POST" : "GET", "/");
        make_header(&made, "Origin", rows[i].origin);
        make_header(&made, "Content-Type", rows[i].type);
        make_header(&made, "Host", rows[i].host);
        const char *why = page_guard_refusal(&made.request, rows[i].changes, rows[i].over_loopback);
        assert_int_equal(why == NULL, rows[i].why == NULL);
        if (why != NULL)
            assert_non_null(strstr(why, rows[i].why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_types_that_forms_have),
        cmocka_unit_test(refuses_what_a_page_may_have_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
