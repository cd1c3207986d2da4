#include "unit.h"

#include "hub/lock.h"

#include <sys/stat.h>

static bool never_twice(void *cookie)
{
    int *asked = cookie;
    return ++*asked > 1;
}

static void test_lock_excludes_and_is_given_back(void **state)
{
    (void)state;
    char folder[256], path[300];
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/.locks/model/etag.lock", folder);
    int asked = 0;
    hub_settings settings = {.cancelled = never_twice, .cookie = &asked};
    file_lock first, second;
    assert_int_equal(lock_acquire(&first, path, &settings, NULL), AKI_OK);
    assert_true(first.descriptor >= 0);
    assert_int_equal(asked, 0);
    assert_int_equal(lock_acquire(&second, path, &settings, NULL), AKI_CANCELLED); /* it waited */
    assert_int_equal(second.descriptor, -1);
    lock_release(&first);
    asked = 0;
    assert_int_equal(lock_acquire(&second, path, &settings, NULL), AKI_OK);
    lock_release(&second);
    lock_release(&second); /* allowed */
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0664);
}

static void test_lock_that_cannot_be(void **state)
{
    (void)state;
    char folder[256], path[300];
    unit_temporary_folder(folder, sizeof folder);
    hub_settings settings = {0};
    file_lock lock;
    aki_error error;
    assert_int_equal(lock_acquire(&lock, folder, &settings, &error), AKI_IO_ERROR);
    snprintf(path, sizeof path, "%s/link.lock", folder);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_int_equal(lock_acquire(&lock, path, &settings, &error), AKI_IO_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock_excludes_and_is_given_back),
        cmocka_unit_test(test_lock_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
