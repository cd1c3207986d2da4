/* Where the time of a pass on a device went. */
#ifndef ENGINE_DEVICE_DEVICE_TIMES_H
#define ENGINE_DEVICE_DEVICE_TIMES_H

#include <stdint.h>

/* 0 = not known. */
typedef struct device_times {
    int64_t transfer_in_ns, forward_ns, transfer_out_ns;
} device_times;

#endif
