#include "unit.h"

#include "api/options.h"
#include "server/routes.h"

static void finds_each_row_by_its_method_and_path(void **state)
{
    (void)state;
    const char *allow = "untouched";
    for (const route *r = route_table; r->path != NULL; r++) {
        assert_ptr_equal(routes_find(r->method, r->path, &allow),
                         r); /* {model} is as good a name as another */
        assert_non_null(r->handle);
        assert_null(allow);
    }
    assert_ptr_equal(routes_find("HEAD", "/health/live", &allow), routes_find("GET", "/health/live", &allow));
}

static void tells_what_a_path_takes(void **state)
{
    (void)state;
    const char *allow;
    assert_null(routes_find("GET", "/api/v1/embed", &allow));
    assert_string_equal(allow, "POST");
    assert_null(routes_find("POST", "/health/ready", &allow));
    assert_string_equal(allow, "GET, HEAD");
    assert_null(routes_find("get", "/health/ready", &allow));
    assert_string_equal(allow, "GET, HEAD");
    assert_null(routes_find("GET", "/health/live/", &allow));
    assert_null(allow);
    assert_null(routes_find("GET", "", &allow));
    assert_null(allow);
}

static void names_all_methods_of_a_path(void **state)
{
    (void)state;
    const char *allow;
    assert_null(routes_find("PUT", "/", &allow));
    assert_string_equal(allow, "GET, HEAD, POST");
    assert_string_equal(routes_find("POST", "/", &allow)->path, "/");
    assert_null(allow);
}

static void finds_routes_with_a_model_in_their_path(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        bool found;
    } rows[] = {{"GET", "/v1/models/org/name", true},
                {"HEAD", "/v1/models/a", true},
                {"GET", "/v1/models/", false},
                {"POST", "/openai/deployments/org/name/embeddings", true},
                {"POST", "/openai/deployments//embeddings", false},
                {"POST", "/openai/deployments/a/completions", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *allow;
        assert_int_equal(routes_find(rows[i].method, rows[i].path, &allow) != NULL, rows[i].found);
    }
}

static void tells_whose_form_errors_have(void **state)
{
    (void)state;
    assert_ptr_equal(routes_api("/", "POST"), &tei_root);
    assert_null(routes_api("/", "GET"));
    assert_ptr_equal(routes_api("/v2/embed", "DELETE"), &cohere_v2_embed);
    assert_ptr_equal(routes_api("/api/v1/embed", "POST"), &native_embed);
    assert_null(routes_api("/nowhere", "POST"));
}

static void tells_what_a_path_counts_as(void **state)
{
    (void)state;
    assert_int_equal(routes_kind("/api/v1/embed"), METRIC_ROUTE_EMBED);
    assert_int_equal(routes_kind("/metrics"), METRIC_ROUTE_METRICS);
    assert_int_equal(routes_kind("/"), METRIC_ROUTE_INDEX);
    assert_int_equal(routes_kind("/api/v1/embed/"), METRIC_ROUTE_OTHER);
    assert_int_equal(routes_kind(""), METRIC_ROUTE_OTHER);
}

/* As JSON, with " in the place of '; the caller frees. */
static json_t *parse(const char *prefix, const char *quoted, const char *suffix)
{
    char text[4096];
    json_error_t reason;
    assert_in_range(snprintf(text, sizeof text, "%s%s%s", prefix, quoted, suffix), 1, sizeof text - 1);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    json_t *root = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &reason);
    assert_non_null(root);
    return root;
}

/* Each field of a table has a schema, its reader's or one among the members, and no field has two. */
static void check_fields(const api_description *form, const json_t *members)
{
    for (size_t t = 0; t < sizeof form->fields / sizeof form->fields[0]; t++)
        for (const api_field *f = form->fields[t]; f != NULL && f->name != NULL; f++)
            assert_int_equal(option_schema(f->read) != NULL, json_object_get(members, f->name) == NULL);
}

static void describes_every_operation(void **state)
{
    (void)state;
    for (const route *r = route_table; r->path != NULL; r++) {
        if (r->api == NULL)
            continue;
        const api_description *form = r->api->description;
        const bool has_body = strcmp(r->method, "POST") == 0;
        assert_non_null(form);
        json_decref(parse("", form->reply, ""));
        json_t *members = parse("{", form->members != NULL ? form->members : "", "}");
        assert_int_equal(json_object_size(members) > 0, has_body);
        json_t *nested = parse("{", form->nested_members != NULL ? form->nested_members : "", "}");
        check_fields(form, form->nested != NULL ? nested : members);
        json_t *required = parse("[", form->required != NULL ? form->required : "", "]");
        for (size_t i = 0; i < json_array_size(required); i++)
            assert_non_null(json_object_get(members, json_string_value(json_array_get(required, i))));
        json_decref(required);
        json_decref(nested);
        json_decref(members);
    }
}

static void shows_operators_what_is_theirs(void **state)
{
    (void)state;
    const char *allow;
    const route *embed = routes_find("POST", "/api/v1/embed", &allow),
                *live = routes_find("GET", "/health/live", &allow),
                *reset = routes_find("POST", "/admin/breaker/reset", &allow);
    api_keys *any = (api_keys *)&live; /* is never looked into */
    for (int keys = 0; keys < 2; keys++) {
        const server s = {.keys = keys ? any : NULL};
        assert_true(routes_visible(embed, &s, false));
        assert_false(routes_visible(embed, &s, true));
        assert_true(routes_visible(live, &s, false) && routes_visible(live, &s, true));
        assert_true(routes_visible(reset, &s, true));
        assert_int_equal(routes_visible(reset, &s, false), keys);
    }
}

static void shows_pages_where_they_are_switched_on(void **state)
{
    (void)state;
    const char *allow;
    const route *ui = routes_find("GET", "/ui", &allow);
    for (int on = 0; on < 2; on++) {
        const server s = {.settings.has_pages = on};
        assert_int_equal(routes_visible(ui, &s, false), on);
        assert_false(routes_visible(ui, &s, true));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_row_by_its_method_and_path),
        cmocka_unit_test(tells_what_a_path_takes),
        cmocka_unit_test(names_all_methods_of_a_path),
        cmocka_unit_test(finds_routes_with_a_model_in_their_path),
        cmocka_unit_test(tells_whose_form_errors_have),
        cmocka_unit_test(describes_every_operation),
        cmocka_unit_test(shows_operators_what_is_theirs),
        cmocka_unit_test(shows_pages_where_they_are_switched_on),
        cmocka_unit_test(tells_what_a_path_counts_as),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
