/* How many connections each client address has open, for the limit per address. An IPv4 address counts by itself, also
 * where it comes mapped into IPv6; of an IPv6 address the first 64 bits count, which is what one household or machine is
 * given. Connections over unix sockets have no address and are not counted. Thread-safe. */
#ifndef HTTP_CONNECTION_ADDRESS_COUNT_H
#define HTTP_CONNECTION_ADDRESS_COUNT_H

#include "akidb/embed.h"

#include <sys/socket.h>

typedef struct address_count address_count;

/* max_per_address >= 1. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status address_count_open(address_count **out, unsigned max_per_address, aki_error *error);
/* NULL allowed. */
void address_count_close(address_count *counts);

/* Counts one more; false where the limit is reached (or memory is out) and nothing was counted. counts NULL = no limit:
 * true in both. */
bool address_count_add(address_count *counts, const struct sockaddr *address);
/* How many are counted of this address; 0 for those that are not counted. */
unsigned address_count_get(address_count *counts, const struct sockaddr *address);
/* True where address_count_add would succeed now. */
bool address_count_has_room(address_count *counts, const struct sockaddr *address);
/* Takes back one address_count_add that succeeded. */
void address_count_remove(address_count *counts, const struct sockaddr *address);

#endif
