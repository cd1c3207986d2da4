/* How much memory this process has in use. */
#ifndef SERVING_MEMORY_USAGE_H
#define SERVING_MEMORY_USAGE_H

#include <stddef.h>

/* Resident bytes, mapped files included; 0 when the system does not tell. */
size_t memory_usage_bytes(void);

#endif
