/* Which CPUs this process may compute on: its affinity mask, the CPU quotas of its cgroups and the machine's cores. */
#ifndef BASE_CPUS_H
#define BASE_CPUS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define CPUS_MOST 8192 /* the largest NR_CPUS of Linux */

/* A set of CPUs for sched_getaffinity and sched_setaffinity. cpu_set_t alone holds 1,024 CPUs; on a machine that may
 * have more, sched_getaffinity fails for it with EINVAL. CPU_ISSET_S and its like take sizeof mask and mask.sets. */
typedef struct cpus_mask {
    cpu_set_t sets[CPUS_MOST / CPU_SETSIZE];
} cpus_mask;

typedef struct cpus_info {
    unsigned allowed; /* CPUs of the affinity mask, >= 1 */
    unsigned cores;   /* physical cores among them, >= 1: threads of one core share its arithmetic */
    double quota;     /* CPUs' worth of time per time that the cgroups grant; 0 = no limit below `allowed` */
    /* [allowed] numbers of the CPUs: first one of each core, then their siblings. */
    uint16_t order[CPUS_MOST];
} cpus_info;

/* Cannot fail: what cannot be read is taken as no limit, and every CPU as a core. */
void cpus_read(cpus_info *out);
/* As cpus_read, with files below `root` ("" = the real ones) and the mask given. */
void cpus_read_from(cpus_info *out, const char *root, const cpus_mask *mask);
/* Reads the CPU affinity of the calling thread. Where the system does not tell it: as many CPUs as are online,
 * numbered from 0. */
void cpus_read_mask(cpus_mask *out);
/* Sets the CPU affinity of the calling thread. Where the system refuses, nothing changes. */
void cpus_apply_mask(const cpus_mask *mask);

/* Threads that can compute at once: one per core, at most the quota rounded up; at least 1. */
unsigned cpus_threads(const cpus_info *c);
/* True where `threads` threads get a CPU each for sure when each is tied to one: they take all cores, there are no more of them
 * than CPUs, and no quota is at work. With fewer threads than cores, or a quota, other processes may share these CPUs and
 * would all begin with the same ones. */
bool cpus_suit_pinning(const cpus_info *c, unsigned threads);

/* cpus_threads of this process. */
unsigned cpus_available(void);

#endif
