#include "unit.h"

#include "telemetry/otlp.pb-c.h"
#include "telemetry/otlp_message.h"

static void values_keep_their_types(void **state)
{
    (void)state;
    const span_attribute rows[] = {span_text("text", "caf\xc3\xa9"), span_name("name", ""),
                                   span_integer("integer", INT64_MIN), span_real("real", -0.5),
                                   span_boolean("boolean", true)};
    arena a = {0};
    Otlp__KeyValue **made = otlp_attributes(&a, rows, 5);
    assert_non_null(made);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(made[i]->key, rows[i].key);
    assert_int_equal(made[0]->value->value_case, OTLP__ANY_VALUE__VALUE_STRING_VALUE);
    assert_string_equal(made[0]->value->string_value, "caf\xc3\xa9");
    assert_string_equal(made[1]->value->string_value, "");
    assert_int_equal(made[2]->value->value_case, OTLP__ANY_VALUE__VALUE_INT_VALUE);
    assert_true(made[2]->value->int_value == INT64_MIN);
    assert_int_equal(made[3]->value->value_case, OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE);
    assert_true(made[3]->value->double_value == -0.5);
    assert_int_equal(made[4]->value->value_case, OTLP__ANY_VALUE__VALUE_BOOL_VALUE);
    assert_true(made[4]->value->bool_value);
    arena_free(&a);
}

/* One such text would make the collector refuse the whole message. */
static void a_text_that_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    static const char *const bad[] = {"\xff", "cut \xc3", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const span_attribute row = span_text("key", bad[i]);
        arena a = {0};
        Otlp__KeyValue **made = otlp_attributes(&a, &row, 1);
        assert_non_null(made);
        assert_string_equal(made[0]->value->string_value, "(not UTF-8)");
        arena_free(&a);
    }
}

static void a_failed_arena_yields_nothing(void **state)
{
    (void)state;
    span_attribute row = span_integer("key", 1);
    const resource from = {&row, 1};
    arena a = {.failed = true};
    assert_null(otlp_attributes(&a, &row, 1));
    assert_null(otlp_resource(&a, &from));
    assert_null(otlp_scope(&a));
    arena_free(&a);
}

static void a_resource_may_be_empty(void **state)
{
    (void)state;
    arena a = {0};
    Otlp__Resource *made = otlp_resource(&a, &(resource){0});
    assert_non_null(made);
    assert_int_equal(made->n_attributes, 0);
    arena_free(&a);
}

static void packing_appends(void **state)
{
    (void)state;
    Otlp__InstrumentationScope scope = OTLP__INSTRUMENTATION_SCOPE__INIT;
    buf out;
    scope.name = (char *)"n";
    buf_init(&out, 100);
    assert_true(buf_append_string(&out, "before"));
    assert_true(otlp_pack(&scope, &out));
    assert_int_equal(out.length, 6 + 3);
    assert_memory_equal(out.data, "before\x0a\x01n", 9); /* field 1, one byte */
    buf_free(&out);
}

static void packing_stops_at_what_the_buffer_may_hold(void **state)
{
    (void)state;
    Otlp__InstrumentationScope scope = OTLP__INSTRUMENTATION_SCOPE__INIT;
    buf out;
    scope.name = (char *)"a name of some length";
    buf_init(&out, 10);
    assert_false(otlp_pack(&scope, &out));
    assert_int_equal(out.length, 0);
    buf_free(&out);
}

static void packing_stops_at_what_receivers_take(void **state)
{
    (void)state;
    static const size_t key_and_length = 5; /* bytes before the text */
    Otlp__InstrumentationScope scope = OTLP__INSTRUMENTATION_SCOPE__INIT;
    char *text = malloc(OTLP_MESSAGE_MAX_BYTES + 1);
    buf out;
    assert_non_null(text);
    memset(text, 't', OTLP_MESSAGE_MAX_BYTES);
    text[OTLP_MESSAGE_MAX_BYTES] = '\0';
    buf_init(&out, 2 * OTLP_MESSAGE_MAX_BYTES);
    scope.name = text + key_and_length - 1;
    assert_false(otlp_pack(&scope, &out)); /* by one byte */
    assert_int_equal(out.length, 0);
    scope.name = text + key_and_length;
    assert_true(otlp_pack(&scope, &out));
    assert_int_equal(out.length, OTLP_MESSAGE_MAX_BYTES);
    buf_free(&out);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_keep_their_types),
        cmocka_unit_test(a_text_that_is_not_utf8_is_replaced),
        cmocka_unit_test(a_failed_arena_yields_nothing),
        cmocka_unit_test(a_resource_may_be_empty),
        cmocka_unit_test(packing_appends),
        cmocka_unit_test(packing_stops_at_what_the_buffer_may_hold),
        cmocka_unit_test(packing_stops_at_what_receivers_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
