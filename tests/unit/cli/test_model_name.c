#include "unit.h"

#include "base/memory.h"
#include "cli/model_source.h"

#include <limits.h>
#include <sys/stat.h>

static void expect(const char *model, const char *expected)
{
    char *name = model_name_of(model);
    if (name == NULL || strcmp(name, expected) != 0)
        fail_msg("'%s': '%s', expected '%s'", model, name != NULL ? name : "", expected);
    mem_free(name);
}

static void ids_stay_as_they_are(void **state)
{
    (void)state;
    expect("some-org/some.model_1", "some-org/some.model_1");
    expect("name", "name");
    expect("some/file", "some/file");
}

/* Each spelling of a folder gives its last part. */
static void folders_are_called_by_their_last_part(void **state)
{
    (void)state;
    static const char *const endings[] = {"",       "/",         "//",         "/.",         "/./",
                                          "/.//./", "/inner/..", "/inner/../", "/inner/./.."};
    char root[200], path[PATH_MAX], here[PATH_MAX];
    unit_temporary_folder(root, sizeof root);
    snprintf(path, sizeof path, "%s/a.model", root);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/a.model/inner", root);
    assert_int_equal(mkdir(path, 0755), 0);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(path, sizeof path, "%s/a.model%s", root, endings[i]);
        expect(path, "a.model");
    }
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(root), 0);
    expect("a.model", "a.model");
    expect("a.model/", "a.model");
    expect("./a.model", "a.model");
    expect("a.model/inner", "inner"); /* a folder, though it looks like an id */
    assert_int_equal(setenv("HOME", root, 1), 0);
    expect("~/a.model/", "a.model");
    assert_int_equal(symlink("a.model", "link"), 0);
    expect("link/", "link");
    assert_int_equal(chdir("a.model"), 0);
    expect(".", "a.model");
    expect("./", "a.model");
    expect("inner/..", "a.model");
    assert_int_equal(chdir("inner"), 0);
    expect("..", "a.model");
    expect("../", "a.model");
    assert_int_equal(chdir(here), 0);
}

static void a_snapshot_in_the_cache_has_the_id_of_its_model(void **state)
{
    (void)state;
    expect("/hub/models--some-org--a.model/snapshots/0123/", "some-org/a.model");
    expect("./models--a.model/snapshots/0123", "a.model");
    expect("/hub/models--some-org--a.model/other/0123", "0123");
    expect("/hub/datasets--some-org--a.model/snapshots/0123", "0123");
    expect("./snapshots/0123", "0123");
    expect("/snapshots/0123", "0123");
}

static void paths_to_nothing_and_the_root(void **state)
{
    (void)state;
    expect("/", "/");
    expect("///", "/");
    expect("/.", "/");
    expect("/no/such/folder/", "folder");
    expect("/no/such/..", "..");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_stay_as_they_are),
        cmocka_unit_test(folders_are_called_by_their_last_part),
        cmocka_unit_test(a_snapshot_in_the_cache_has_the_id_of_its_model),
        cmocka_unit_test(paths_to_nothing_and_the_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
