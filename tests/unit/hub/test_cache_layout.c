#include "unit.h"

#include "hub/cache_layout.h"

#include <sys/stat.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER_COMMIT "89abcdef0123456789abcdef0123456789abcdef"

static cache_layout make_layout(const char *root, const char *id)
{
    cache_layout layout;
    assert_int_equal(cache_layout_init(&layout, root, id, NULL), AKI_OK);
    return layout;
}

static void test_paths(void **state)
{
    (void)state;
    cache_layout layout = make_layout("/cache//", "org/name");
    assert_string_equal(cache_blob_path(&layout, "ff").text, "/cache/models--org--name/blobs/ff");
    assert_string_equal(cache_snapshot_path(&layout, COMMIT).text,
                        "/cache/models--org--name/snapshots/" COMMIT);
    assert_string_equal(cache_file_path(&layout, COMMIT, "1_Pooling/config.json").text,
                        "/cache/models--org--name/snapshots/" COMMIT "/1_Pooling/config.json");
    assert_string_equal(cache_ref_path(&layout, "refs/pr/1").text, "/cache/models--org--name/refs/refs/pr/1");
    assert_string_equal(cache_absent_path(&layout, COMMIT, "x").text,
                        "/cache/models--org--name/.no_exist/" COMMIT "/x");
    assert_string_equal(cache_lock_path(&layout, "ff").text, "/cache/.locks/models--org--name/ff.lock");
    layout = make_layout("/", "name");
    assert_string_equal(layout.repo, "models--name");
}

static void test_roots_that_cannot_be(void **state)
{
    (void)state;
    cache_layout layout;
    aki_error error;
    assert_int_equal(cache_layout_init(&layout, "", "a", &error), AKI_IO_ERROR);
    assert_int_equal(cache_layout_init(&layout, "~/.cache", "a", &error), AKI_INVALID_ARGUMENT);
    char root[CACHE_PATH_MAX];
    memset(root, 'a', sizeof root);
    root[sizeof root - 1] = '\0';
    assert_int_equal(cache_layout_init(&layout, root, "a", &error), AKI_IO_ERROR);
}

static void test_repo_names(void **state)
{
    (void)state;
    char id[REPO_ID_MAX + 1];
    assert_true(cache_repo_to_id("models--org--name", id));
    assert_string_equal(id, "org/name");
    assert_true(cache_repo_to_id("models--name", id));
    assert_string_equal(id, "name");
    assert_false(cache_repo_to_id("datasets--org--name", id));
    assert_false(cache_repo_to_id("models--", id));
    assert_false(cache_repo_to_id("models--a--b--c", id));
    assert_false(cache_repo_to_id(".locks", id));
}

static void test_refs(void **state)
{
    (void)state;
    char root[256], commit[COMMIT_LENGTH + 1];
    unit_temporary_folder(root, sizeof root);
    cache_layout layout = make_layout(root, "org/name");
    assert_true(cache_read_ref(&layout, COMMIT, commit)); /* a commit means itself */
    assert_string_equal(commit, COMMIT);
    assert_false(cache_read_ref(&layout, "main", commit));
    assert_int_equal(cache_write_ref(&layout, "main", COMMIT, NULL), AKI_OK);
    assert_true(cache_read_ref(&layout, "main", commit));
    assert_string_equal(commit, COMMIT);
    assert_int_equal(cache_write_ref(&layout, "main", OTHER_COMMIT, NULL), AKI_OK);
    assert_true(cache_read_ref(&layout, "main", commit));
    assert_string_equal(commit, OTHER_COMMIT);
    assert_int_equal(cache_write_ref(&layout, "refs/pr/1", COMMIT, NULL), AKI_OK);
    assert_true(cache_read_ref(&layout, "refs/pr/1", commit));

    cache_path path = cache_ref_path(&layout, "main");
    unit_write_file(path.text, COMMIT "\n", COMMIT_LENGTH + 1);
    assert_true(cache_read_ref(&layout, "main", commit));
    const char *const bad[] = {"", "../../evil", COMMIT "0", COMMIT "\nx"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        unit_write_file(path.text, bad[i], strlen(bad[i]));
        assert_false(cache_read_ref(&layout, "main", commit));
    }
}

static void expect_link(const cache_layout *layout, const char *file, const char *expected)
{
    char target[256];
    cache_path path = cache_file_path(layout, COMMIT, file);
    ssize_t length = readlink(path.text, target, sizeof target - 1);
    assert_true(length > 0);
    target[length] = '\0';
    assert_string_equal(target, expected);
}

static void test_links(void **state)
{
    (void)state;
    char root[256];
    unit_temporary_folder(root, sizeof root);
    cache_layout layout = make_layout(root, "org/name");
    assert_int_equal(cache_link_file(&layout, COMMIT, "a.json", "ff", NULL), AKI_OK);
    expect_link(&layout, "a.json", "../../blobs/ff");
    assert_int_equal(cache_link_file(&layout, COMMIT, "a.json", "ff", NULL), AKI_OK);
    assert_int_equal(cache_link_file(&layout, COMMIT, "a.json", "ee", NULL), AKI_OK);
    expect_link(&layout, "a.json", "../../blobs/ee");
    assert_int_equal(cache_link_file(&layout, COMMIT, "1_Pooling/deep/config.json", "ff", NULL), AKI_OK);
    expect_link(&layout, "1_Pooling/deep/config.json", "../../../../blobs/ff");

    cache_path path = cache_file_path(&layout, COMMIT, "b.json");
    unit_write_file(path.text, "x", 1); /* a real file in its place */
    assert_int_equal(cache_link_file(&layout, COMMIT, "b.json", "ff", NULL), AKI_OK);
    expect_link(&layout, "b.json", "../../blobs/ff");
}

static void test_folder_that_is_a_file(void **state)
{
    (void)state;
    char root[256];
    unit_temporary_folder(root, sizeof root);
    char file[300];
    snprintf(file, sizeof file, "%s/file", root);
    unit_write_file(file, "x", 1);
    cache_layout layout = make_layout(file, "org/name");
    aki_error error;
    assert_int_equal(cache_link_file(&layout, COMMIT, "a.json", "ff", &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.hint, "HF_HUB_CACHE"));
    cache_mark_absent(&layout, COMMIT, "a.json"); /* harmless */
}

static void test_absent_files(void **state)
{
    (void)state;
    char root[256];
    unit_temporary_folder(root, sizeof root);
    cache_layout layout = make_layout(root, "org/name");
    cache_mark_absent(&layout, COMMIT, "modules.json");
    struct stat info;
    cache_path path = cache_absent_path(&layout, COMMIT, "modules.json");
    assert_int_equal(stat(path.text, &info), 0);
    assert_int_equal(info.st_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),        cmocka_unit_test(test_roots_that_cannot_be),
        cmocka_unit_test(test_repo_names),   cmocka_unit_test(test_refs),
        cmocka_unit_test(test_links),        cmocka_unit_test(test_folder_that_is_a_file),
        cmocka_unit_test(test_absent_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
