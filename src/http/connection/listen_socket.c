#include "http/connection/listen_socket.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void set_port(struct sockaddr *address, uint16_t port)
{
    if (address->sa_family == AF_INET)
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
}

static sa_family_t family_of(int descriptor, struct sockaddr_storage *address)
{
    socklen_t length = sizeof *address;
    return getsockname(descriptor, (struct sockaddr *)address, &length) == 0 ? address->ss_family : AF_UNSPEC;
}

/* 0 where it is none of TCP. */
static uint16_t bound_port(int descriptor)
{
    struct sockaddr_storage address;
    sa_family_t family = family_of(descriptor, &address);
    if (family != AF_INET && family != AF_INET6)
        return 0;
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

/* A listening socket, or -1 with errno. */
static int open_one(const struct addrinfo *info, bool dual_stack)
{
    int descriptor = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0)
        return -1;
    const int on = 1;
    int only_v6 = !dual_stack;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
    if (bind(descriptor, info->ai_addr, info->ai_addrlen) == 0 && listen(descriptor, SOMAXCONN) == 0)
        return descriptor;
    int reason = errno;
    close(descriptor);
    errno = reason;
    return -1;
}

static aki_status refuse(aki_error *error, int reason, const char *host, uint16_t port)
{
    aki_status status =
        error_set_errno(error, AKI_IO_ERROR, reason, "cannot listen on %s, port %u", host, (unsigned)port);
    if (reason == EADDRINUSE)
        error_hint(error, "Another program listens there: stop it, or choose a port with --port (0 takes any "
                          "free one).");
    else if (reason == EACCES || reason == EPERM)
        error_hint(error, "Ports below 1024 need a privilege: choose another with --port.");
    else if (reason == EADDRNOTAVAIL)
        error_hint(error, "This machine does not have that address: give --host one of its own, or 0.0.0.0.");
    else
        error_hint(error, "Check --host and --port.");
    return status;
}

static aki_status open_all(listen_sockets *out, const struct addrinfo *infos, const char *host, uint16_t port,
                           aki_error *error)
{
    int missing = 0;
    out->port = port;
    for (const struct addrinfo *info = infos; info != NULL && out->count < LISTEN_SOCKETS_MAX;
         info = info->ai_next) {
        if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
            continue;
        set_port(info->ai_addr, out->port);
        int descriptor = open_one(info, strcmp(host, "::") == 0);
        if (descriptor < 0 && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)) {
            missing = errno;
            continue;
        }
        if (descriptor < 0)
            return refuse(error, errno, host, out->port);
        out->descriptors[out->count++] = descriptor;
        out->port = bound_port(descriptor);
    }
    return out->count > 0 ? AKI_OK : refuse(error, missing, host, port);
}

aki_status listen_sockets_open(listen_sockets *out, const char *host, uint16_t port, aki_error *error)
{
    *out = (listen_sockets){0};
    char bare[256];
    size_t length = strlen(host);
    bool brackets = length >= 2 && host[0] == '[' && host[length - 1] == ']';
    snprintf(bare, sizeof bare, "%.*s", (int)(length - (brackets ? 2 : 0)), host + brackets);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *infos = NULL;
    int failure = bare[0] != '\0' ? getaddrinfo(bare, NULL, &hints, &infos) : EAI_NONAME;
    if (failure != 0) {
        aki_status status =
            error_set(error, AKI_INVALID_ARGUMENT, "cannot listen on '%s': %s", host, gai_strerror(failure));
        error_hint(error, "Give --host an address of this machine, like 127.0.0.1, or 0.0.0.0 for all.");
        return status;
    }
    aki_status status = open_all(out, infos, bare, port, error);
    freeaddrinfo(infos);
    if (status != AKI_OK)
        listen_sockets_close(out);
    return status;
}

aki_status listen_sockets_add_unix(listen_sockets *sockets, const char *path, unsigned mode, aki_error *error)
{
    aki_status status = unix_socket_open(&sockets->local, path, mode, error);
    if (status == AKI_OK)
        sockets->descriptors[sockets->count++] = sockets->local.descriptor;
    else
        listen_sockets_close(sockets);
    return status;
}

static bool is_listening(int descriptor)
{
    struct sockaddr_storage address;
    sa_family_t family = family_of(descriptor, &address);
    int listening = 0;
    socklen_t length = sizeof listening;
    return (family == AF_INET || family == AF_INET6 || family == AF_UNIX) &&
           getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

aki_status listen_sockets_adopt(listen_sockets *out, const int *descriptors, size_t count, aki_error *error)
{
    aki_status status = AKI_OK;
    *out = (listen_sockets){.adopted = true};
    for (size_t i = 0; i < count; i++) {
        int descriptor = descriptors[i], flags = fcntl(descriptor, F_GETFL);
        if (status != AKI_OK) {
            close(descriptor);
        } else if (i >= LISTEN_SOCKETS_MAX || !is_listening(descriptor)) {
            status =
                error_set(error, AKI_INVALID_ARGUMENT,
                          "descriptor %d, which was handed over to listen on, cannot be used", descriptor);
            error_hint(
                error,
                "Hand over at most %d listening stream sockets (ListenStream= of a systemd socket unit).",
                LISTEN_SOCKETS_MAX);
            close(descriptor);
        } else {
            fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
            fcntl(descriptor, F_SETFD, FD_CLOEXEC);
            out->descriptors[out->count++] = descriptor;
            out->port = out->port != 0 ? out->port : bound_port(descriptor);
        }
    }
    if (status != AKI_OK)
        listen_sockets_close(out);
    return status;
}

bool listen_sockets_have_unix(const listen_sockets *sockets)
{
    struct sockaddr_storage address;
    for (size_t i = 0; i < sockets->count; i++)
        if (family_of(sockets->descriptors[i], &address) == AF_UNIX)
            return true;
    return false;
}

/* Refuses new connections. TCP: a socket filter drops every packet that would open a connection; the client sends it
 * again after a second and is refused then. A unix socket that is shut down refuses connections at once. */
void listen_sockets_refuse_new(const listen_sockets *sockets)
{
    struct sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const struct sock_fprog program = {.len = 1, .filter = drop_all};
    for (size_t i = 0; i < sockets->count && !sockets->adopted; i++) {
        const int descriptor = sockets->descriptors[i];
        if (sockets->local.path != NULL && descriptor == sockets->local.descriptor)
            shutdown(descriptor, SHUT_RD);
        else
            setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
    }
}

void listen_sockets_close(listen_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        if (sockets->local.path == NULL || sockets->descriptors[i] != sockets->local.descriptor)
            close(sockets->descriptors[i]);
    sockets->count = 0;
    if (sockets->local.path != NULL)
        unix_socket_close(&sockets->local);
}

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
