#include "server/low_water.h"

#include <sys/socket.h>

#define TENTHS 10
#define MOST_BYTES 4096

bool low_water_set(int descriptor, size_t bytes)
{
    const int value = (int)bytes;
    return setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value) == 0;
}

size_t low_water_of_body(uint64_t left, size_t min_rate)
{
    size_t bytes = min_rate / TENTHS;
    if (bytes > MOST_BYTES)
        bytes = MOST_BYTES;
    if (bytes > left)
        bytes = (size_t)left;
    return bytes > 0 ? bytes : 1;
}
