/* How much memory this process has, how much of it is taken, and whether there is room for more.
 *
 * Two limits. The operator's (--memory-limit) is compared with the resident memory: above it the instance is not ready, so that
 * others are asked instead, but it goes on serving. The system's, of the control group and of setrlimit (address space, data),
 * kill or fail: what would come near them is refused. */
#ifndef SERVING_MEMORY_BUDGET_H
#define SERVING_MEMORY_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "akidb/embed.h"

typedef struct memory_budget {
    size_t resident_bytes;
    size_t room_bytes;  /* until the nearest of the system's limits; SIZE_MAX = none is set */
    size_t limit_bytes; /* that limit */
    bool near_limit;    /* over 95 % of a control group's is taken, by whomever */
    /* Of the control group whose limit is nearest to being reached; 0 and 0 = none has a limit. */
    size_t group_limit_bytes, group_used_bytes;
} memory_budget;

void memory_budget_read(memory_budget *budget);

/* Checks that `bytes` more can be had, with a reserve left for all else. Error: AKI_OUT_OF_MEMORY, which says for `what` and how
 * much there is. */
AKI_MUST_CHECK aki_status memory_budget_allows(const memory_budget *budget, size_t bytes, const char *what,
                                               aki_error *error);
/* Adds to an error for lack of memory what the limit is and what is left. */
void memory_budget_explain(const memory_budget *budget, aki_error *error);

/* How much memory this process and its control group use. */

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
