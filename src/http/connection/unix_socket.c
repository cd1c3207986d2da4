#include "http/connection/unix_socket.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* True where a server answers at the address. */
static bool is_alive(const struct sockaddr_un *address)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return true;
    /* EAGAIN: its queue of connections is full, so there is one. */
    bool alive = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
    close(probe);
    return alive;
}

static aki_status remove_stale(const struct sockaddr_un *address, aki_error *error)
{
    const char *path = address->sun_path;
    struct stat file;
    if (lstat(path, &file) != 0)
        return errno == ENOENT ? AKI_OK
                               : error_set_errno(error, AKI_IO_ERROR, errno, "cannot look at '%s'", path);
    if (!S_ISSOCK(file.st_mode)) {
        aki_status status =
            error_set(error, AKI_IO_ERROR, "'%s' is there and is not a socket: it is left alone", path);
        error_hint(error, "Give --unix-socket another path, or remove the file.");
        return status;
    }
    if (is_alive(address)) {
        aki_status status = error_set(error, AKI_IO_ERROR, "another program listens on '%s'", path);
        error_hint(error, "Stop it, or give --unix-socket another path.");
        return status;
    }
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot remove the old socket '%s'", path);
    return AKI_OK;
}

/* The permissions are set between bind and listen: a socket that does not listen yet refuses connections. */
static aki_status listen_at(unix_socket *s, const struct sockaddr_un *address, unsigned mode,
                            aki_error *error)
{
    struct stat file;
    s->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->descriptor >= 0 && bind(s->descriptor, (const struct sockaddr *)address, sizeof *address) == 0 &&
        lstat(address->sun_path, &file) == 0) {
        s->device = file.st_dev;
        s->inode = file.st_ino;
        if (chmod(address->sun_path, mode) == 0 && listen(s->descriptor, SOMAXCONN) == 0)
            return AKI_OK;
    }
    aki_status status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot listen on the unix socket '%s'",
                                        address->sun_path);
    error_hint(error, "The folder of --unix-socket must be there and writable.");
    return status;
}

aki_status unix_socket_open(unix_socket *out, const char *path, unsigned mode, aki_error *error)
{
    *out = (unix_socket){.descriptor = -1};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) {
        aki_status status = error_set(error, AKI_INVALID_ARGUMENT,
                                      "the unix socket's path has %zu bytes; at most %zu are possible",
                                      length, sizeof address.sun_path - 1);
        error_hint(error, "Give --unix-socket a shorter path.");
        return status;
    }
    memcpy(address.sun_path, path, length);
    out->path = mem_copy_string(path);
    if (out->path == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the unix socket");
    aki_status status = remove_stale(&address, error);
    if (status == AKI_OK)
        status = listen_at(out, &address, mode, error);
    if (status != AKI_OK)
        unix_socket_close(out);
    return status;
}

void unix_socket_close(unix_socket *s)
{
    struct stat file;
    if (s->inode != 0 && lstat(s->path, &file) == 0 && file.st_dev == s->device && file.st_ino == s->inode)
        unlink(s->path);
    if (s->descriptor >= 0)
        close(s->descriptor);
    mem_free(s->path);
    *s = (unix_socket){.descriptor = -1};
}
