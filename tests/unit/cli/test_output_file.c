#include "unit.h"

#include "base/file.h"
#include "cli/bulk/output_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char folder[200], path[240], partial[260], state_path[280];

static int open_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/out.npy", folder);
    snprintf(partial, sizeof partial, "%s.partial", path);
    snprintf(state_path, sizeof state_path, "%s.state", partial);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    unlink(path);
    unlink(partial);
    unlink(state_path);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void expect_contents(const char *name, const char *text)
{
    buf out;
    buf_init(&out, 1000);
    assert_int_equal(file_read(name, &out, NULL), AKI_OK);
    assert_string_equal(out.data != NULL ? out.data : "", text);
    buf_free(&out);
}

static void test_appears_when_complete(void **state)
{
    (void)state;
    output_file *file;
    assert_int_equal(output_open(&file, path, -1, NULL), AKI_OK);
    assert_false(output_is_stream(file));
    assert_string_equal(output_state_path(file), state_path);
    assert_int_equal(output_found_bytes(file), 0);
    assert_int_equal(output_write(file, "0123456789", 10, NULL), AKI_OK);
    assert_int_equal(output_patch(file, "ab", 2, NULL), AKI_OK);
    assert_int_equal(output_bytes(file), 10);
    assert_false(file_exists(path));
    unit_write_file(state_path, "{}", 2);
    assert_int_equal(output_finish(file, NULL), AKI_OK);
    output_close(file);
    expect_contents(path, "ab23456789");
    assert_false(file_exists(partial));
    assert_false(file_exists(state_path));
}

static void test_goes_on_behind_what_is_sound(void **state)
{
    (void)state;
    output_file *file;
    unit_write_file(partial, "sound+torn", 10);
    assert_int_equal(output_open(&file, path, -1, NULL), AKI_OK);
    assert_int_equal(output_found_bytes(file), 10);
    assert_int_equal(output_continue(file, 5, NULL), AKI_OK);
    assert_int_equal(output_write(file, " and more", 9, NULL), AKI_OK);
    assert_int_equal(output_finish(file, NULL), AKI_OK);
    output_close(file);
    expect_contents(path, "sound and more");
}

static void test_unfinished_file_stays(void **state)
{
    (void)state;
    output_file *file;
    assert_int_equal(output_open(&file, path, -1, NULL), AKI_OK);
    output_close(file);
    assert_false(file_exists(partial)); /* nothing was written: nothing is left */
    assert_int_equal(output_open(&file, path, -1, NULL), AKI_OK);
    assert_int_equal(output_write(file, "x", 1, NULL), AKI_OK);
    output_close(file);
    expect_contents(partial, "x");
    assert_false(file_exists(path));
}

static void test_second_writer_is_refused(void **state)
{
    (void)state;
    output_file *first, *second;
    aki_error error;
    assert_int_equal(output_open(&first, path, -1, NULL), AKI_OK);
    assert_int_equal(output_open(&second, path, -1, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "another akidb-embed is writing"));
    assert_null(second);
    assert_true(file_exists(partial)); /* the first one's */
    output_close(first);
}

/* Replaces the C library's function, to end another run between our open and our lock. */
static bool other_run_finishes;

int flock(int descriptor, int operation)
{
    if (other_run_finishes) {
        other_run_finishes = false;
        assert_int_equal(rename(partial, path), 0);
    }
    return (int)syscall(SYS_flock, descriptor, operation);
}

/* Our lock is then on the finished output, which must not be cut or written to. */
static void test_lock_of_a_finished_output_is_none(void **state)
{
    (void)state;
    output_file *file;
    unit_write_file(partial, "whole", 5);
    other_run_finishes = true;
    assert_int_equal(output_open(&file, path, -1, NULL), AKI_OK);
    assert_false(other_run_finishes);
    assert_int_equal(output_found_bytes(file), 0);
    assert_int_equal(output_continue(file, 0, NULL), AKI_OK);
    assert_int_equal(output_write(file, "next", 4, NULL), AKI_OK);
    expect_contents(path, "whole");
    assert_int_equal(output_finish(file, NULL), AKI_OK);
    output_close(file);
    expect_contents(path, "next");
}

/* After the end the partial path belongs to the next run, even if nothing was written. */
static void test_closing_removes_nothing_of_the_next_run(void **state)
{
    (void)state;
    output_file *first, *second;
    assert_int_equal(output_open(&first, path, -1, NULL), AKI_OK);
    assert_int_equal(output_finish(first, NULL), AKI_OK);
    assert_int_equal(output_open(&second, path, -1, NULL), AKI_OK);
    output_close(first);
    assert_true(file_exists(partial));
    assert_int_equal(output_write(second, "x", 1, NULL), AKI_OK);
    assert_int_equal(output_finish(second, NULL), AKI_OK);
    output_close(second);
    expect_contents(path, "x");
}

static void test_removal_takes_both_names(void **state)
{
    (void)state;
    output_file *file;
    unit_write_file(path, "old", 3);
    assert_int_equal(output_open(&file, path, -1, NULL), AKI_OK);
    assert_int_equal(output_remove(file, NULL), AKI_OK);
    output_close(file);
    assert_false(file_exists(path));
    assert_false(file_exists(partial));
}

/* Neither opening a pipe that nobody reads nor writing to one that is full outlasts the stop. */
static void test_stop_ends_waiting_for_a_reader(void **state)
{
    (void)state;
    output_file *file;
    static const char data[1 << 20];
    int stop = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(output_open(&file, path, stop, NULL), AKI_CANCELLED);
    assert_null(file);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(output_open(&file, path, stop, NULL), AKI_OK);
    assert_int_equal(output_write(file, "x", 1, NULL), AKI_OK); /* there is room: nothing is lost */
    assert_int_equal(output_write(file, data, sizeof data, NULL), AKI_CANCELLED);
    output_close(file);
    close(reader);
    close(stop);
}

static void test_link_is_followed(void **state)
{
    (void)state;
    output_file *file;
    char target[260];
    snprintf(target, sizeof target, "%s/target", folder);
    unit_write_file(target, "old", 3);
    assert_int_equal(symlink("target", path), 0);
    assert_int_equal(output_open(&file, path, -1, NULL), AKI_OK);
    assert_int_equal(output_write(file, "new", 3, NULL), AKI_OK);
    assert_int_equal(output_finish(file, NULL), AKI_OK);
    output_close(file);
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    expect_contents(target, "new");
    unlink(target);
}

static void test_streams(void **state)
{
    (void)state;
    output_file *file;
    assert_int_equal(output_open(&file, "/dev/null", -1, NULL), AKI_OK);
    assert_true(output_is_stream(file));
    assert_null(output_state_path(file));
    assert_int_equal(output_write(file, "x", 1, NULL), AKI_OK);
    assert_int_equal(output_finish(file, NULL), AKI_OK);
    output_close(file);
    assert_false(file_exists("/dev/null.partial"));
    assert_int_equal(output_open(&file, "/dev/full", -1, NULL), AKI_OK);
    aki_error error;
    assert_int_equal(output_write(file, "x", 1, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "No space left"));
    assert_non_null(strstr(error.hint, "Make room"));
    output_close(file);
}

static void test_reader_that_has_gone(void **state)
{
    (void)state;
    output_file *file;
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(output_open(&file, path, -1, NULL), AKI_OK);
    close(reader);
    void (*former)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(output_write(file, "x", 1, NULL), AKI_CANCELLED);
    signal(SIGPIPE, former);
    output_close(file);
}

static void test_limit_on_file_size_is_reported(void **state)
{
    (void)state;
    output_file *file;
    aki_error error;
    struct rlimit former, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &former), 0);
    small = (struct rlimit){.rlim_cur = 100, .rlim_max = former.rlim_max};
    void (*former_handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(output_open(&file, path, -1, NULL), AKI_OK);
    static const char data[200];
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    aki_status status = output_write(file, data, sizeof data, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &former), 0);
    signal(SIGXFSZ, former_handler);
    assert_int_equal(status, AKI_IO_ERROR);
    assert_non_null(strstr(error.hint, "the same command again"));
    output_close(file);
}

static void test_what_cannot_be_written(void **state)
{
    (void)state;
    output_file *file;
    aki_error error;
    assert_int_equal(output_open(&file, "/nonexistent/x.npy", -1, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "cannot create '/nonexistent/x.npy.partial': No such file"));
    assert_int_equal(output_open(&file, folder, -1, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "is a folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_appears_when_complete, clean),
        cmocka_unit_test_teardown(test_goes_on_behind_what_is_sound, clean),
        cmocka_unit_test_teardown(test_unfinished_file_stays, clean),
        cmocka_unit_test_teardown(test_second_writer_is_refused, clean),
        cmocka_unit_test_teardown(test_lock_of_a_finished_output_is_none, clean),
        cmocka_unit_test_teardown(test_closing_removes_nothing_of_the_next_run, clean),
        cmocka_unit_test_teardown(test_removal_takes_both_names, clean),
        cmocka_unit_test_teardown(test_stop_ends_waiting_for_a_reader, clean),
        cmocka_unit_test_teardown(test_link_is_followed, clean),
        cmocka_unit_test_teardown(test_streams, clean),
        cmocka_unit_test_teardown(test_reader_that_has_gone, clean),
        cmocka_unit_test_teardown(test_limit_on_file_size_is_reported, clean),
        cmocka_unit_test_teardown(test_what_cannot_be_written, clean),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
