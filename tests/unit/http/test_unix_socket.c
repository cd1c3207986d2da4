#include "unit.h"

#include "base/memory.h"
#include "http/connection/listen_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char folder[64], path[80];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_unix_socket_XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/s", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static bool connects(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    bool connected = connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    close(descriptor);
    return connected;
}

static void listens_with_the_permissions_asked_for(void **state)
{
    (void)state;
    const unsigned modes[] = {0600, 0660, 0666};
    for (size_t i = 0; i < 3; i++) {
        unix_socket s;
        aki_error error;
        struct stat file;
        assert_int_equal(unix_socket_open(&s, path, modes[i], &error), AKI_OK);
        assert_int_equal(stat(path, &file), 0);
        assert_int_equal(file.st_mode & 0777, modes[i]);
        assert_true(connects());
        unix_socket_close(&s);
        assert_int_equal(access(path, F_OK), -1);
        unix_socket_close(&s); /* is nothing more */
    }
}

static void replaces_a_socket_that_nobody_serves(void **state)
{
    (void)state;
    unix_socket dead, s;
    aki_error error;
    assert_int_equal(unix_socket_open(&dead, path, 0600, &error), AKI_OK);
    close(dead.descriptor); /* as by kill -9 */
    mem_free(dead.path);
    assert_false(connects());
    assert_int_equal(unix_socket_open(&s, path, 0600, &error), AKI_OK);
    assert_true(connects());
    unix_socket_close(&s);
}

static void removes_no_file_but_its_own(void **state)
{
    (void)state;
    unix_socket first, second;
    aki_error error;
    assert_int_equal(unix_socket_open(&first, path, 0600, &error), AKI_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unix_socket_open(&second, path, 0600, &error), AKI_OK);
    unix_socket_close(&first);
    assert_true(connects());
    unix_socket_close(&second);
}

static void leaves_alone_what_is_not_its_own(void **state)
{
    (void)state;
    unix_socket first, second;
    aki_error error;
    assert_int_equal(unix_socket_open(&first, path, 0600, &error), AKI_OK);
    assert_int_equal(unix_socket_open(&second, path, 0600, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, path));
    assert_non_null(strstr(error.hint, "--unix-socket"));
    assert_true(connects());
    unix_socket_close(&second);
    assert_true(connects());
    unix_socket_close(&first);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(unix_socket_open(&second, path, 0600, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.message, "not a socket"));
    assert_int_equal(unlink(path), 0);
}

static void says_what_is_wrong_with_the_path(void **state)
{
    (void)state;
    unix_socket s;
    aki_error error;
    char name[200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(unix_socket_open(&s, name, 0600, &error), AKI_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "107"));
    assert_int_equal(unix_socket_open(&s, "", 0600, &error), AKI_INVALID_ARGUMENT);
    snprintf(name, sizeof name, "%s/missing/s", folder);
    assert_int_equal(unix_socket_open(&s, name, 0600, &error), AKI_IO_ERROR);
    assert_non_null(strstr(error.hint, "folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_with_the_permissions_asked_for),
        cmocka_unit_test(replaces_a_socket_that_nobody_serves),
        cmocka_unit_test(removes_no_file_but_its_own),
        cmocka_unit_test(leaves_alone_what_is_not_its_own),
        cmocka_unit_test(says_what_is_wrong_with_the_path),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
