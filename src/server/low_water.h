/* How many bytes a TCP connection must have ready before the system reports it as readable: SO_RCVLOWAT of socket(7), which
 * Linux 4.18 and later heed in epoll. Where more is to come anyway, waiting for it saves a thread from waking up for every
 * byte of a client that sends them one by one. The end of a stream is always reported. */
#ifndef SERVER_LOW_WATER_H
#define SERVER_LOW_WATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False where the system does not do it: each byte is reported then. */
bool low_water_set(int descriptor, size_t bytes);

/* For a body of which `left` bytes are to come: what the slowest client allowed, of min_rate bytes a second, sends in a
 * tenth of a second, but never more than comes. 1 where there is no least rate: silence is judged by each byte then. */
size_t low_water_of_body(uint64_t left, size_t min_rate);

#endif
