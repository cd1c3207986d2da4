/* Sockets to listen on: every address that a host name stands for and a unix socket, with errors that say what to do. */
#ifndef HTTP_CONNECTION_LISTEN_SOCKET_H
#define HTTP_CONNECTION_LISTEN_SOCKET_H

#include <sys/types.h>

#include "akidb/embed.h"

/* A listening unix socket: a file that clients of the same machine connect to, with the file's permissions as access
 * control. */

typedef struct unix_socket {
    int descriptor; /* non-blocking, listening */
    char *path;
    /* with inode: the file that was made, so that no other is removed; pinned by the open descriptor */
    dev_t device;
    ino_t inode;
} unix_socket;

/* Takes the place of a socket file whose server is gone; refuses where one still answers, and where the file is none.
 * mode: the file's permission bits. Nobody can connect before they are set.
 * Errors: AKI_INVALID_ARGUMENT (path too long), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status unix_socket_open(unix_socket *out, const char *path, unsigned mode,
                                           aki_error *error);
/* Stops listening and removes the file where it is still the one that was made. */
void unix_socket_close(unix_socket *s);

#define LISTEN_SOCKETS_MAX 8

typedef struct listen_sockets {
    int descriptors[LISTEN_SOCKETS_MAX + 1]; /* non-blocking */
    size_t count;
    uint16_t port;     /* the same for all of TCP */
    unix_socket local; /* its descriptor is among the others; path NULL = none */
    bool adopted;      /* inherited: the process that started the program has them open as well */
} listen_sockets;

/* host: an IPv4 or IPv6 address (IPv6 in brackets or not) or a name; "::" takes IPv4 as well. port 0 = any free one.
 * Addresses of a name that this machine does not have are passed over as long as one is left.
 * Errors: AKI_INVALID_ARGUMENT (no such host), AKI_IO_ERROR (port in use, not permitted, …). */
AKI_MUST_CHECK aki_status listen_sockets_open(listen_sockets *out, const char *host, uint16_t port,
                                              aki_error *error);
/* Listens on a unix socket as well. Errors as unix_socket_open's; the others are closed then. */
AKI_MUST_CHECK aki_status listen_sockets_add_unix(listen_sockets *sockets, const char *path, unsigned mode,
                                                  aki_error *error);
/* Uses sockets that were opened and bound by who started the program. Takes them over in any case. Error:
 * AKI_INVALID_ARGUMENT (not a listening stream socket, or more than LISTEN_SOCKETS_MAX). */
AKI_MUST_CHECK aki_status listen_sockets_adopt(listen_sockets *out, const int *descriptors, size_t count,
                                               aki_error *error);
bool listen_sockets_have_unix(const listen_sockets *sockets);
/* Stops new connections, while those that the system has established can still be accepted. Closing a listening
 * socket resets connections that nobody has accepted; after this call, none can arrive between the last accept and
 * the close. Adopted sockets are left alone: the next instance accepts their connections. */
void listen_sockets_refuse_new(const listen_sockets *sockets);
void listen_sockets_close(listen_sockets *sockets);

#endif
