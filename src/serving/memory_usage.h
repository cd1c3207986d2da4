/* How much memory this process and its control group use. */
#ifndef SERVING_MEMORY_USAGE_H
#define SERVING_MEMORY_USAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Resident bytes, mapped files included; 0 when the system does not tell. */
size_t memory_usage_bytes(void);

/* The memory limit that the system puts on this process's control group, and how much of it is taken: version 2 and
 * version 1, in a container or not. The group whose limit is nearest to being reached counts, of those from the process's own
 * up to the root. Page cache that the system would give back before it kills (inactive_file) is not taken. */
#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_OF_SELF "/proc/self/cgroup"

typedef struct cgroup_memory {
    size_t limit_bytes, used_bytes;
} cgroup_memory;

/* root: where the control groups are mounted; self: the file that names this process's. False where no limit is set or none
 * can be read. */
bool cgroup_memory_read(cgroup_memory *out, const char *root, const char *self);

#endif
