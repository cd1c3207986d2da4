/* Another file than the published one is not taken for it, whatever is wrong with it. */
#include "unit.h"

#include "cli/serve/model_loader.h"

#include <limits.h>
#include <sys/stat.h>

static char folder[200], file[240];

static int make_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(file, sizeof file, "%s/model.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void nothing_is_not_the_published_weights(void **state)
{
    (void)state;
    char long_path[PATH_MAX + 100];
    memset(long_path, 'p', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_false(published_weights_in(folder));
    assert_false(published_weights_in("/no/such/folder"));
    assert_false(published_weights_in(""));
    assert_false(published_weights_in(long_path));
}

static void other_bytes_are_not_the_published_weights(void **state)
{
    (void)state;
    static const char *const contents[] = {"", "x", "{}"};
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        unit_write_file(file, contents[i], strlen(contents[i]));
        assert_false(published_weights_in(folder));
    }
    assert_int_equal(unlink(file), 0);
}

static void what_cannot_be_read_is_not_the_published_weights(void **state)
{
    (void)state;
    assert_int_equal(mkdir(file, 0700), 0);
    assert_false(published_weights_in(folder));
    assert_int_equal(rmdir(file), 0);
    assert_int_equal(symlink("model.safetensors", file), 0); /* leads to itself */
    assert_false(published_weights_in(folder));
    assert_int_equal(unlink(file), 0);
}

/* With the model of the tests, where there is one: the whole file, and the same without its last byte. */
static void one_byte_less_is_not_the_published_weights(void **state)
{
    (void)state;
    const char *model = getenv("AKIDB_TEST_MODEL");
    if (model == NULL || !published_weights_in(model)) {
        print_message("no published model at AKIDB_TEST_MODEL: skipped\n");
        skip();
    }
    char path[PATH_MAX], piece[1 << 16];
    size_t got;
    snprintf(path, sizeof path, "%s/model.safetensors", model);
    FILE *from = fopen(path, "rb"), *to = fopen(file, "wb");
    assert_true(from != NULL && to != NULL);
    while ((got = fread(piece, 1, sizeof piece, from)) > 0)
        assert_int_equal(fwrite(piece, 1, got, to), got);
    fclose(from);
    assert_int_equal(fclose(to), 0);
    assert_true(published_weights_in(folder));
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(truncate(file, info.st_size - 1), 0);
    assert_false(published_weights_in(folder));
    assert_int_equal(unlink(file), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_not_the_published_weights),
        cmocka_unit_test(other_bytes_are_not_the_published_weights),
        cmocka_unit_test(what_cannot_be_read_is_not_the_published_weights),
        cmocka_unit_test(one_byte_less_is_not_the_published_weights),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
