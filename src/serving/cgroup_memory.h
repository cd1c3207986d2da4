/* The memory limit that the system puts on this process's control group, and how much of it is taken: version 2 and
 * version 1, in a container or not. The group whose limit is nearest to being reached counts, of those from the process's own
 * up to the root. Page cache that the system would give back before it kills (inactive_file) is not taken. */
#ifndef SERVING_CGROUP_MEMORY_H
#define SERVING_CGROUP_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_OF_SELF "/proc/self/cgroup"

typedef struct cgroup_memory {
    size_t limit_bytes, used_bytes;
} cgroup_memory;

/* root: where the control groups are mounted; self: the file that names this process's. False where no limit is set or none
 * can be read. */
bool cgroup_memory_read(cgroup_memory *out, const char *root, const char *self);

#endif
