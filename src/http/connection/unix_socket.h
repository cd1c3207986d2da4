/* A listening unix socket: a file that clients of the same machine connect to, with the file's permissions as access
 * control. */
#ifndef HTTP_CONNECTION_UNIX_SOCKET_H
#define HTTP_CONNECTION_UNIX_SOCKET_H

#include "akidb/embed.h"

#include <sys/types.h>

typedef struct unix_socket {
    int descriptor; /* non-blocking, listening */
    char *path;
    dev_t
        device; /* with inode: the file that was made, so that no other is removed; pinned by the open descriptor */
    ino_t inode;
} unix_socket;

/* Takes the place of a socket file whose server is gone; refuses where one still answers, and where the file is none.
 * mode: the file's permission bits. Nobody can connect before they are set.
 * Errors: AKI_INVALID_ARGUMENT (path too long), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status unix_socket_open(unix_socket *out, const char *path, unsigned mode,
                                           aki_error *error);
/* Stops listening and removes the file where it is still the one that was made. */
void unix_socket_close(unix_socket *s);

#endif
