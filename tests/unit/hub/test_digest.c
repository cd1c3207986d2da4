#include "unit.h"

#include "hub/digest.h"

#include <fcntl.h>

static int open_file(const char *data, size_t length)
{
    char folder[256], path[300];
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/file", folder);
    unit_write_file(path, data, length);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    return descriptor;
}

static void expect_digest(const char *data, size_t length, digest_kind kind, const char *expected)
{
    char hex[DIGEST_HEX_MAX + 1];
    int descriptor = open_file(data, length);
    assert_int_equal(digest_file(descriptor, kind, NULL, NULL, hex, NULL), AKI_OK);
    assert_string_equal(hex, expected);
    close(descriptor);
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(digest_kind_of("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"), DIGEST_GIT_BLOB);
    assert_int_equal(digest_kind_of("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
                     DIGEST_SHA256);
    assert_int_equal(digest_kind_of("53AA51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
                     DIGEST_NONE);
    assert_int_equal(digest_kind_of("d41d8cd98f00b204e9800998ecf8427e"), DIGEST_NONE);
    assert_int_equal(digest_kind_of("some-etag"), DIGEST_NONE);
}

static void test_known_digests(void **state)
{
    (void)state;
    expect_digest("", 0, DIGEST_GIT_BLOB, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    expect_digest("hello\n", 6, DIGEST_GIT_BLOB, "ce013625030ba8dba906f756967f9e9ca394464a");
    expect_digest("", 0, DIGEST_SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_digest("abc", 3, DIGEST_SHA256,
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_digest("abc", 3, DIGEST_NONE, "");
}

static void test_more_than_one_block(void **state)
{
    (void)state;
    size_t length = 3000000;
    char *data = malloc(length);
    assert_non_null(data);
    memset(data, 'a', length);
    expect_digest(data, length, DIGEST_SHA256,
                  "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4");
    free(data);
}

static bool always(void *cookie)
{
    (void)cookie;
    return true;
}

static void test_cancelled(void **state)
{
    (void)state;
    char hex[DIGEST_HEX_MAX + 1];
    int descriptor = open_file("abc", 3);
    assert_int_equal(digest_file(descriptor, DIGEST_SHA256, always, NULL, hex, NULL), AKI_CANCELLED);
    close(descriptor);
}

static void test_not_readable(void **state)
{
    (void)state;
    char hex[DIGEST_HEX_MAX + 1];
    aki_error error;
    assert_int_equal(digest_file(-1, DIGEST_SHA256, NULL, NULL, hex, &error), AKI_IO_ERROR);
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(digest_file(folder, DIGEST_SHA256, NULL, NULL, hex, &error), AKI_IO_ERROR);
    close(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_known_digests),
        cmocka_unit_test(test_more_than_one_block),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_not_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
