#include "engine/device/process_wire.h"

#include <errno.h>
#include <sys/socket.h>

bool process_receive(int from, void *to, size_t bytes)
{
    ssize_t got;
    do
        got = recv(from, to, bytes, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)bytes;
}

bool process_tell(int to, const void *what, size_t bytes)
{
    ssize_t sent;
    do
        sent = send(to, what, bytes, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)bytes;
}
