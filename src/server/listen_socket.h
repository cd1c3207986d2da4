/* Sockets to listen on: every address that a host name stands for, with errors that say what to do. */
#ifndef SERVER_LISTEN_SOCKET_H
#define SERVER_LISTEN_SOCKET_H

#include "akidb/embed.h"

#define LISTEN_SOCKETS_MAX 8

typedef struct listen_sockets {
    int descriptors[LISTEN_SOCKETS_MAX]; /* non-blocking */
    size_t count;
    uint16_t port; /* the same for all */
} listen_sockets;

/* host: an IPv4 or IPv6 address (IPv6 in brackets or not) or a name; "::" takes IPv4 as well. port 0 = any free one.
 * Addresses of a name that this machine does not have are passed over as long as one is left.
 * Errors: AKI_INVALID_ARGUMENT (no such host), AKI_IO_ERROR (port in use, not permitted, …). */
AKI_MUST_CHECK aki_status listen_sockets_open(listen_sockets *out, const char *host, uint16_t port,
                                              aki_error *error);
void listen_sockets_close(listen_sockets *sockets);

#endif
