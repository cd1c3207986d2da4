#include "http/request_id.h"

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static bool is_fit(const char *id)
{
    size_t length = 0;
    for (; id[length] != '\0'; length++)
        if (length == REQUEST_ID_MAX || id[length] < '!' || id[length] > '~')
            return false;
    return length > 0;
}

void request_id_choose(const char *given, char out[REQUEST_ID_MAX + 1])
{
    if (given != NULL && is_fit(given)) {
        memcpy(out, given, strlen(given) + 1);
        return;
    }
    uint64_t random[2];
    /* Fails only in the first moments after the machine's start; an id from the clocks serves as well then. */
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
        random[0] = (uint64_t)clock_wall_ns();
        random[1] = (uint64_t)clock_monotonic_ns();
    }
    snprintf(out, REQUEST_ID_MAX + 1, "%016llx%016llx", (unsigned long long)random[0],
             (unsigned long long)random[1]);
}
