#include "unit.h"

#include "hub/repo_id.h"

static void test_ids(void **state)
{
    (void)state;
    char long_name[98], longest[97];
    memset(long_name, 'a', 97);
    long_name[97] = '\0';
    memset(longest, 'a', 96);
    longest[96] = '\0';
    const char *const good[] = {"foo",   "foo/bar", "123",   "Foo-BAR_foo.bar123",
                                "_a/b_", "a.b/c-d", longest, "sentence-transformers/all-MiniLM-L6-v2"};
    const char *const bad[] = {
        "",     "/",     "a/",  "/a",   "a/b/c", "a--b",        "a..b", ".a",   "a.",    "-a",    "a-",
        "a/.b", "a.git", "a b", "a\nb", "a:b",   "caf\xC3\xA9", "a\\b", "../a", "a/..b", "a?b/c", long_name};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(repo_id_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(repo_id_valid(bad[i]));
}

static void test_paths(void **state)
{
    (void)state;
    assert_true(repo_id_looks_like_path("/a"));
    assert_true(repo_id_looks_like_path("./a"));
    assert_true(repo_id_looks_like_path("~/a"));
    assert_true(repo_id_looks_like_path("a/b/c"));
    assert_false(repo_id_looks_like_path("a/b"));
    assert_false(repo_id_looks_like_path("a"));
    assert_false(repo_id_looks_like_path(""));
}

static void test_revisions(void **state)
{
    (void)state;
    const char *const good[] = {
        "main", "v1.0", "refs/pr/1", "feature/x-y", "0123456789abcdef0123456789abcdef01234567", "a#b"};
    const char *const bad[] = {"",    "/a",   "a/",  "a//b",   "..",   "a..b",  ".a",    "a/.b",
                               "a b", "a~1",  "a^",  "a:b",    "a?",   "a*",    "a[b",   "a\\b",
                               "a.",  "@{u}", "a@{", "a.lock", "a\tb", "a\x7f", "a/../b"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(revision_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(revision_valid(bad[i]));
    char longest[REVISION_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[REVISION_MAX + 1] = '\0';
    assert_false(revision_valid(longest));
    longest[REVISION_MAX] = '\0';
    assert_true(revision_valid(longest));
}

static void test_commits(void **state)
{
    (void)state;
    assert_true(commit_valid("0123456789abcdef0123456789abcdef01234567"));
    assert_false(commit_valid("0123456789abcdef0123456789abcdef0123456"));
    assert_false(commit_valid("0123456789abcdef0123456789abcdef012345678"));
    assert_false(commit_valid("0123456789ABCDEF0123456789abcdef01234567"));
    assert_false(commit_valid(""));
}

static void test_file_names(void **state)
{
    (void)state;
    assert_true(repo_file_name_valid("config.json"));
    assert_true(repo_file_name_valid("1_Pooling/config.json"));
    assert_true(repo_file_name_valid(".gitattributes"));
    assert_true(repo_file_name_valid("a/...b"));
    assert_false(repo_file_name_valid(""));
    assert_false(repo_file_name_valid("/etc/passwd"));
    assert_false(repo_file_name_valid("../x"));
    assert_false(repo_file_name_valid("a/../x"));
    assert_false(repo_file_name_valid("a/./x"));
    assert_false(repo_file_name_valid("a//x"));
    assert_false(repo_file_name_valid("a/"));
    assert_false(repo_file_name_valid(".."));
    assert_false(repo_file_name_valid("a\\b"));
    assert_false(repo_file_name_valid("a\nb"));
}

static void expect_etag(const char *header, const char *expected)
{
    char etag[ETAG_MAX + 1] = "untouched";
    bool parsed = etag_parse(header, etag);
    assert_int_equal(parsed, expected != NULL);
    if (expected != NULL)
        assert_string_equal(etag, expected);
}

static void test_etags(void **state)
{
    (void)state;
    expect_etag("\"abc123\"", "abc123");
    expect_etag("W/\"abc123\"", "abc123");
    expect_etag("abc123", "abc123");
    expect_etag("W/abc-1.2_3", "abc-1.2_3");
    expect_etag("", NULL);
    expect_etag("\"\"", NULL);
    expect_etag("\"", NULL);
    expect_etag("\"abc", NULL);
    expect_etag("\"..\"", NULL);
    expect_etag("\"../../x\"", NULL);
    expect_etag("\"a/b\"", NULL);
    expect_etag("\"a b\"", NULL);
    char longest[ETAG_MAX + 2];
    memset(longest, 'f', sizeof longest);
    longest[ETAG_MAX + 1] = '\0';
    expect_etag(longest, NULL);
    longest[ETAG_MAX] = '\0';
    expect_etag(longest, longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),     cmocka_unit_test(test_paths),      cmocka_unit_test(test_revisions),
        cmocka_unit_test(test_commits), cmocka_unit_test(test_file_names), cmocka_unit_test(test_etags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
