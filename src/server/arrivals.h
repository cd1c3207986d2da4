/* New connections, until something has come on them that can be a request.
 *
 * A connection that sends a byte now and then, or nothing, costs the HTTP library a buffer, a thread's attention for every byte
 * and a place among those it looks through. So it is kept out until the library has something to read: the system is told
 * to report it only with as many bytes as the shortest request has (low_water.h; FreeBSD's accf_http(9) waits in the kernel
 * likewise). One that ends is handed over as well, and one that is late is closed.
 *
 * The accepting thread does all this (add, turn, hand_over_all); the rest is thread-safe. */
#ifndef SERVER_ARRIVALS_H
#define SERVER_ARRIVALS_H

#include "server/address_count.h"

#include <stdatomic.h>
#include <sys/socket.h>

/* "GET / HTTP/1.1" and two ends of line. What opens a TLS connection is longer. */
#define ARRIVALS_LEAST_BYTES 18

typedef struct arrivals arrivals;

/* Takes over the descriptor in any case. */
typedef void (*arrivals_take_fn)(void *cookie, int descriptor, const struct sockaddr *address,
                                 socklen_t length);

typedef struct arrivals_settings {
    arrivals_take_fn take;
    void *cookie;
    int64_t timeout_ms;       /* from a connection's opening to its last header */
    address_count *addresses; /* those that wait are counted here (NULL: nowhere) */
    atomic_uint *open;        /* and here, until they are handed over or closed */
} arrivals_settings;

/* Errors: AKI_OUT_OF_MEMORY, AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status arrivals_open(arrivals **out, const arrivals_settings *settings, aki_error *error);
/* Closes those that still wait. NULL allowed. */
void arrivals_close(arrivals *a);

/* Readable when there is something for arrivals_turn. */
int arrivals_descriptor(const arrivals *a);
/* Takes over the descriptor, which is handed over at once where it cannot wait: a unix socket, no memory. */
void arrivals_add(arrivals *a, int descriptor, const struct sockaddr *address, socklen_t length);
/* Hands over what has come, closes what is late. Returns when to call it again, in milliseconds, -1 = with the next event. */
int arrivals_turn(arrivals *a);
void arrivals_hand_over_all(arrivals *a);

/* When the headers of a connection that was handed over must have come, clock_monotonic_ns. The descriptor must be open. */
int64_t arrivals_deadline_ns(arrivals *a, int descriptor);

#endif
