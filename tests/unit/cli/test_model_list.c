/* The models that --model and --models name, and what is wrong with them. */
#include "unit.h"

#include "cli/serve/model_list.h"

#include <sys/stat.h>

static const char *const no_environment[] = {NULL};

static options resolve(int count, const char *const *arguments)
{
    options o;
    aki_error error;
    assert_int_equal(options_resolve(&o, COMMAND_SERVE, count, arguments, no_environment, &error), AKI_OK);
    return o;
}

#define RESOLVED(...)                                                                                        \
    resolve((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)),                             \
            (const char *[]){__VA_ARGS__})

static model_list read_list(options *o)
{
    model_list list;
    aki_error error;
    if (model_list_read(&list, o, &error) != AKI_OK)
        fail_msg("%s", error.message);
    return list;
}

static void free_list(options *o, model_list *list)
{
    model_list_free(list);
    options_free(o);
}

static void one_model_is_called_as_told_or_by_its_id_or_folder(void **state)
{
    (void)state;
    static const struct {
        const char *model, *given, *expected;
    } rows[] = {{"some/id", NULL, "some/id"},
                {"/usr/bin/", NULL, "bin"},
                {"/usr/bin", "mine", "mine"},
                {"some/id,name=own", "mine", "own"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        options o = rows[i].given != NULL ? RESOLVED("--model", rows[i].model, "--model-name", rows[i].given)
                                          : RESOLVED("--model", rows[i].model);
        model_list list = read_list(&o);
        assert_int_equal(list.count, 1);
        assert_false(list.changes);
        assert_string_equal(list.specs[0].name, rows[i].expected);
        free_list(&o, &list);
    }
    options o = RESOLVED("--offline");
    model_list list = read_list(&o);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.specs[0].name, "sentence-transformers/all-MiniLM-L6-v2");
    free_list(&o, &list);
}

static void each_model_has_options_of_its_own(void **state)
{
    (void)state;
    options o =
        RESOLVED("--precision", "fp32", "--keep-alive", "5m", "--model", "org/a", "--model",
                 "org/b,name=b,alias=x,alias=y,precision=int8,prompt=query,pin=true,keep_alive=forever");
    model_list list = read_list(&o);
    assert_int_equal(list.count, 2);
    const model_spec *a = &list.specs[0], *b = &list.specs[1];
    assert_string_equal(a->name, "org/a");
    assert_int_equal(a->precision, AKI_PRECISION_FP32);
    assert_int_equal(a->keep_alive_ms, 300000);
    assert_false(a->pinned);
    assert_null(a->prompt);
    assert_string_equal(b->name, "b");
    assert_string_equal(b->source, "org/b");
    assert_int_equal(b->aliases_count, 2);
    assert_string_equal(b->aliases[1], "y");
    assert_int_equal(b->precision, AKI_PRECISION_INT8);
    assert_string_equal(b->prompt, "query");
    assert_true(b->pinned);
    assert_true(b->keep_alive_ms == MODEL_KEEP_FOREVER);
    free_list(&o, &list);
}

static void a_folder_may_have_a_comma_in_its_name(void **state)
{
    (void)state;
    char folder[256], flag[300];
    options o = RESOLVED("--model", "/no/such, folder,or=so");
    model_list refused;
    aki_error error;
    assert_int_equal(model_list_read(&refused, &o, &error), AKI_INVALID_ARGUMENT);
    free_list(&o, &refused);

    unit_temporary_folder(folder, sizeof folder);
    snprintf(flag, sizeof flag, "%s/a,name=b", folder);
    assert_int_equal(mkdir(flag, 0700), 0);
    o = RESOLVED("--model", flag);
    model_list list = read_list(&o);
    assert_string_equal(list.specs[0].source, flag);
    assert_string_equal(list.specs[0].name, "a,name=b");
    free_list(&o, &list);
}

static void refuse_flag(const char *flag, const char *message, const char *hint)
{
    options o = RESOLVED("--model", flag);
    model_list list;
    aki_error error;
    assert_int_equal(model_list_read(&list, &o, &error), AKI_INVALID_ARGUMENT);
    if (strstr(error.message, message) == NULL || strstr(error.hint, hint) == NULL)
        fail_msg("%s / %s", error.message, error.hint);
    free_list(&o, &list);
}

static void what_is_wrong_with_a_flag_is_told(void **state)
{
    (void)state;
    refuse_flag("a,nmae=b", "--model a,nmae=b: a model has no setting 'nmae'", "Did you mean 'name'?");
    refuse_flag("a,colour=b", "a model has no setting 'colour'", "A model has source, name");
    refuse_flag("a,name=", "'name' is empty", "");
    refuse_flag(",name=a", "the source is empty", "ID|FOLDER first");
    refuse_flag("a,name=b,pinned", "'pinned' is no setting of a model", "Write key=value");
    refuse_flag("a,pin=maybe", "must be true or false", "");
    refuse_flag("a,precision=fp8", "must be auto, fp32, bf16, int8 or int4", "");
    refuse_flag("a,keep_alive=soon", "must be forever, or a duration", "");
    refuse_flag("a,alias=a", "the alias 'a' is the name of the model 'a' already", "another name");
    refuse_flag("a,alias=1,alias=2,alias=3,alias=4,alias=5,alias=6,alias=7,alias=8,alias=9,alias=10,alias=11,"
                "alias=12,"
                "alias=13,alias=14,alias=15,alias=16,alias=17",
                "at most 16 aliases", "");
}

static void a_name_given_twice_is_refused(void **state)
{
    (void)state;
    options o = RESOLVED("--model", "a", "--model", "/usr/a");
    model_list list;
    aki_error error;
    assert_int_equal(model_list_read(&list, &o, &error), AKI_INVALID_ARGUMENT);
    assert_string_equal(error.message, "--model /usr/a: a model is called 'a' already: --model a");
    free_list(&o, &list);
}

/* ---- The file -------------------------------------------------------------------------------------------------------- */

static char path[300];

static void write_file(const char *text)
{
    static char folder[256];
    if (folder[0] == '\0')
        unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/models.ini", folder);
    unit_write_file(path, text, strlen(text));
}

static void a_file_has_a_section_for_each_model(void **state)
{
    (void)state;
    write_file("# ours\n[first]\nsource = org/one\n\n[second]\nsource = \"/some where\"\nalias = x, y ,z\n"
               "precision = int8\nprompt = query\npin = yes\nkeep_alive = 10m\n");
    options o = RESOLVED("--models", path);
    model_list list = read_list(&o);
    assert_true(list.changes);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.specs[0].name, "first");
    assert_string_equal(list.specs[1].source, "/some where");
    assert_int_equal(list.specs[1].aliases_count, 3);
    assert_string_equal(list.specs[1].aliases[1], "y");
    assert_true(list.specs[1].pinned && list.specs[1].keep_alive_ms == 600000);
    free_list(&o, &list);
    o = RESOLVED("--models", path, "--model", "org/zero");
    list = read_list(&o);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.specs[0].name, "org/zero"); /* the default */
    free_list(&o, &list);
}

/* message: with $ in the place of the file's path. */
static void refuse_file(const char *text, const char *message)
{
    write_file(text);
    options o = RESOLVED("--models", path);
    model_list list;
    aki_error error;
    char expected[900] = "";
    for (const char *c = message; *c != '\0'; c++) {
        const size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%.*s", *c == '$' ? (int)strlen(path) : 1,
                 *c == '$' ? path : c);
    }
    assert_int_equal(model_list_read(&list, &o, &error), AKI_INVALID_ARGUMENT);
    assert_string_equal(error.message, expected);
    assert_true(error.hint[0] != '\0');
    free_list(&o, &list);
}

static void what_is_wrong_with_a_file_is_told_with_its_line(void **state)
{
    (void)state;
    refuse_file("", "the models file '$' names no model");
    refuse_file("[a]\nsource = b\n[c]\n", "$ line 3: the model [c] has no source");
    refuse_file("[a]\n[c]\nsource = b\n", "$ line 1: the model [a] has no source");
    refuse_file("[a]\nsuorce = b\n", "$ line 2: a model has no setting 'suorce'");
    refuse_file("source = b\n", "$ line 1: 'source' stands before the first [name] of a model");
    refuse_file("[a]\nname = b\n", "$ line 2: 'name' stands for the [name] of the section");
    refuse_file("[a]\nsource b\n", "$ line 2: neither `key = value` nor a [section]");
    refuse_file("[a\n", "$ line 1: a section is written [name]");
    refuse_file("[]\n", "$ line 1: 'name' is empty");
    refuse_file("[a]\nsource = b\npin = perhaps\n", "$ line 3: must be true or false");
    refuse_file("[a]\nsource = b\n\n[a]\nsource = c\n", "$ line 4: a model is called 'a' already: $ line 1");
    refuse_file("[a]\nsource = b\n[c]\nsource = b\nalias = x,a\n",
                "$ line 3: the alias 'a' is the name of the model 'a' already: $ line 1");
}

static void a_file_that_is_not_there_is_told(void **state)
{
    (void)state;
    options o = RESOLVED("--models", "/nonexistent/models.ini");
    model_list list;
    aki_error error;
    assert_int_equal(model_list_read(&list, &o, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "cannot open the models file '/nonexistent/models.ini'"));
    free_list(&o, &list);
}

static void files_of_a_folder_are_stamped(void **state)
{
    (void)state;
    char folder[256], file[300];
    unit_temporary_folder(folder, sizeof folder);
    options o = RESOLVED("--model", folder);
    model_list before = read_list(&o);
    assert_null(before.specs[0].stamp); /* nothing is there */
    static const char *const names[] = {"model.safetensors", "config.json"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%s", folder, names[i]);
        unit_write_file(file, "", 0);
    }
    model_list first = read_list(&o), again = read_list(&o);
    assert_non_null(first.specs[0].stamp);
    assert_true(model_spec_loads_alike(&first.specs[0], &again.specs[0]));
    snprintf(file, sizeof file, "%s/model.safetensors", folder);
    unit_write_file(file, "more", 4);
    model_list after = read_list(&o);
    assert_false(model_spec_loads_alike(&first.specs[0], &after.specs[0]));
    model_list_free(&before);
    model_list_free(&first);
    model_list_free(&again);
    free_list(&o, &after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_model_is_called_as_told_or_by_its_id_or_folder),
        cmocka_unit_test(each_model_has_options_of_its_own),
        cmocka_unit_test(a_folder_may_have_a_comma_in_its_name),
        cmocka_unit_test(what_is_wrong_with_a_flag_is_told),
        cmocka_unit_test(a_name_given_twice_is_refused),
        cmocka_unit_test(a_file_has_a_section_for_each_model),
        cmocka_unit_test(what_is_wrong_with_a_file_is_told_with_its_line),
        cmocka_unit_test(a_file_that_is_not_there_is_told),
        cmocka_unit_test(files_of_a_folder_are_stamped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
