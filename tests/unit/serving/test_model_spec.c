#include "unit.h"

#include "serving/model_spec.h"

static void a_copy_is_whole_and_stands_alone(void **state)
{
    (void)state;
    const model_spec from = {.name = "n",
                             .source = "s",
                             .aliases = {"x", "y"},
                             .aliases_count = 2,
                             .precision = AKI_PRECISION_INT8,
                             .prompt = "query",
                             .pinned = true,
                             .keep_alive_ms = 7,
                             .stamp = "1",
                             .origin = "o"};
    model_spec to;
    assert_true(model_spec_copy(&to, &from));
    assert_ptr_not_equal(to.name, from.name);
    assert_string_equal(to.aliases[1], "y");
    assert_string_equal(to.prompt, "query");
    assert_true(to.pinned && to.keep_alive_ms == 7 && to.aliases_count == 2);
    assert_true(model_spec_loads_alike(&from, &to));
    model_spec_free(&to);
    assert_null(to.name);
    model_spec_free(&to);
}

static void only_what_is_loaded_differently_is_loaded_anew(void **state)
{
    (void)state;
    const model_spec a = {.name = "n", .source = "s", .pinned = false, .keep_alive_ms = 1};
    model_spec b = a;
    b.pinned = true;
    b.keep_alive_ms = 2;
    b.aliases[b.aliases_count++] = "z";
    assert_true(model_spec_loads_alike(&a, &b));
    b.stamp = "2";
    assert_false(model_spec_loads_alike(&a, &b));
    b = a;
    b.precision = AKI_PRECISION_FP32;
    assert_false(model_spec_loads_alike(&a, &b));
    b = a;
    b.prompt = "query";
    assert_false(model_spec_loads_alike(&a, &b));
    b = a;
    b.source = "t";
    assert_false(model_spec_loads_alike(&a, &b));
}

static void a_name_stands_for_one_model(void **state)
{
    (void)state;
    model_spec specs[] = {
        {.name = "a", .source = "s", .aliases = {"x"}, .aliases_count = 1, .origin = "f line 1"},
        {.name = "b", .source = "s", .aliases = {"y"}, .aliases_count = 1, .origin = "f line 5"},
    };
    aki_error error;
    assert_int_equal(model_specs_check(specs, 2, &error), AKI_OK);
    specs[1].name = "a";
    assert_int_equal(model_specs_check(specs, 2, &error), AKI_INVALID_ARGUMENT);
    assert_string_equal(error.message, "f line 5: a model is called 'a' already: f line 1");
    specs[1].name = "x";
    assert_int_equal(model_specs_check(specs, 2, &error), AKI_INVALID_ARGUMENT);
    assert_string_equal(error.message,
                        "f line 5: the name 'x' is an alias of the model 'a' already: f line 1");
    specs[1].name = "b";
    specs[1].aliases[0] = "a";
    assert_int_equal(model_specs_check(specs, 2, &error), AKI_INVALID_ARGUMENT);
    assert_string_equal(error.message,
                        "f line 5: the alias 'a' is the name of the model 'a' already: f line 1");
    specs[1].aliases[0] = "x";
    assert_int_equal(model_specs_check(specs, 2, &error), AKI_INVALID_ARGUMENT);
    specs[1].aliases[0] = "b";
    assert_int_equal(model_specs_check(specs, 2, &error), AKI_INVALID_ARGUMENT);
    specs[1].aliases[0] = "";
    assert_int_equal(model_specs_check(specs, 2, &error), AKI_INVALID_ARGUMENT);
}

static void a_name_and_the_list_have_bounds(void **state)
{
    (void)state;
    static char name[MODEL_NAME_MAX_BYTES + 2];
    memset(name, 'n', MODEL_NAME_MAX_BYTES);
    model_spec one = {.name = name, .source = "s"};
    aki_error error;
    assert_int_equal(model_specs_check(&one, 1, &error), AKI_OK);
    name[MODEL_NAME_MAX_BYTES] = 'n';
    assert_int_equal(model_specs_check(&one, 1, &error), AKI_INVALID_ARGUMENT);

    static model_spec many[MODEL_SPECS_MAX + 1];
    static char names[MODEL_SPECS_MAX + 1][8];
    for (size_t i = 0; i <= MODEL_SPECS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "%zu", i);
        many[i] = (model_spec){.name = names[i], .source = "s"};
    }
    assert_int_equal(model_specs_check(many, MODEL_SPECS_MAX, &error), AKI_OK);
    assert_int_equal(model_specs_check(many, MODEL_SPECS_MAX + 1, &error), AKI_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_whole_and_stands_alone),
        cmocka_unit_test(only_what_is_loaded_differently_is_loaded_anew),
        cmocka_unit_test(a_name_stands_for_one_model),
        cmocka_unit_test(a_name_and_the_list_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
