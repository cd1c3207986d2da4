/* How many CPUs this process may use. */
#ifndef BASE_CPUS_H
#define BASE_CPUS_H

/* The smaller of the affinity mask and the cgroup (v2 or v1) CPU quota, rounded up; at least 1. */
unsigned cpus_available(void);

#endif
