#include "http/made_request.h"

#include "http/page_guard.h"

static void knows_the_origins_of_the_list(void **state)
{
    (void)state;
    static const char list[] = "https://a.example, http://b.example:8080,null";
    assert_true(cors_allows(list, "https://a.example"));
    assert_true(cors_allows(list, "http://b.example:8080"));
    assert_true(cors_allows(list, "null"));
    static const char *const others[] = {"",
                                         "https://a.exampl",
                                         "https://a.example.org",
                                         "http://a.example",
                                         "https://a.example,",
                                         "https://A.example",
                                         "http://b.example",
                                         "https://a.example, http://b.example:8080",
                                         "*"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(cors_allows(list, others[i]));
}

static void a_star_is_every_origin(void **state)
{
    (void)state;
    assert_true(cors_allows("*", "https://a.example"));
    assert_true(cors_allows("https://b.example,*", "https://a.example"));
    assert_false(cors_allows("*", NULL));
    assert_false(cors_allows("*", ""));
    assert_false(cors_allows(NULL, "https://a.example"));
    assert_false(cors_allows("", "https://a.example"));
    assert_false(cors_allows(" ,, ", "https://a.example"));
}

/* The value of a header of the reply; NULL = it has none. */
static const char *value_of(const http_reply *reply, const char *wanted)
{
    const char *at = NULL, *name, *value;
    while (http_reply_next(reply, &at, &name, &value))
        if (strcmp(name, wanted) == 0)
            return value;
    return NULL;
}

static void replies_say_who_may_read_them(void **state)
{
    (void)state;
    static const struct {
        const char *list, *origin, *vary, *allowed;
    } rows[] = {{NULL, "https://a.example", NULL, NULL},
                {"https://a.example", "https://a.example", "Origin", "https://a.example"},
                {"https://a.example", "https://b.example", "Origin", NULL},
                {"https://a.example", NULL, "Origin", NULL},
                {"*", "https://b.example", "Origin", "*"},
                {"*,https://a.example", "https://b.example", "Origin", "https://b.example"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        made_request made;
        http_reply reply;
        make_request(&made, "POST", "/");
        make_header(&made, "origin", rows[i].origin);
        http_reply_init(&reply, 200);
        cors_add_headers(rows[i].list, &made.request, &reply);
        const char *vary = value_of(&reply, "Vary"),
                   *allowed = value_of(&reply, "Access-Control-Allow-Origin");
        assert_string_equal(vary != NULL ? vary : "", rows[i].vary != NULL ? rows[i].vary : "");
        assert_string_equal(allowed != NULL ? allowed : "", rows[i].allowed != NULL ? rows[i].allowed : "");
        assert_int_equal(value_of(&reply, "Access-Control-Expose-Headers") != NULL, rows[i].allowed != NULL);
        http_reply_free(&reply);
    }
}

static void leave_is_asked_for_by_a_preflight(void **state)
{
    (void)state;
    static const char list[] = "https://a.example";
    static const struct {
        const char *method, *origin, *wanted;
        bool asks;
    } rows[] = {{"OPTIONS", list, "POST", true},
                {"OPTIONS", "https://b.example", "POST", false},
                {"OPTIONS", list, NULL, false},
                {"OPTIONS", NULL, "POST", false},
                {"POST", list, "POST", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        made_request made;
        make_request(&made, rows[i].method, "/");
        make_header(&made, "Origin", rows[i].origin);
        make_header(&made, "access-control-request-method", rows[i].wanted);
        assert_int_equal(cors_is_preflight(list, &made.request), rows[i].asks);
        assert_false(cors_is_preflight(NULL, &made.request));
    }
    http_reply reply;
    cors_begin_leave(&reply);
    assert_int_equal(reply.status, 204);
    assert_non_null(strstr(value_of(&reply, "Access-Control-Allow-Methods"), "POST"));
    assert_non_null(strstr(value_of(&reply, "Access-Control-Allow-Headers"), "authorization"));
    assert_non_null(value_of(&reply, "Access-Control-Max-Age"));
    http_reply_free(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_origins_of_the_list),
        cmocka_unit_test(a_star_is_every_origin),
        cmocka_unit_test(replies_say_who_may_read_them),
        cmocka_unit_test(leave_is_asked_for_by_a_preflight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
