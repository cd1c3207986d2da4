#include "base/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>

/* cgroup v2: "max 100000" or "200000 100000" (quota, period in microseconds). 0 = no limit. */
static unsigned quota_of_cgroup2(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (file == NULL)
        return 0;
    long long quota, period;
    int fields = fscanf(file, "%lld %lld", &quota, &period);
    fclose(file);
    if (fields != 2 || quota <= 0 || period <= 0 || quota / period > INT_MAX)
        return 0;
    return (unsigned)((quota + period - 1) / period);
}

static long long read_number(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    long long number;
    if (fscanf(file, "%lld", &number) != 1)
        number = -1;
    fclose(file);
    return number;
}

static unsigned quota_of_cgroup1(void)
{
    long long quota = read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    long long period = read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (quota <= 0 || period <= 0 || quota / period > INT_MAX)
        return 0;
    return (unsigned)((quota + period - 1) / period);
}

unsigned cpus_available(void)
{
    cpu_set_t set;
    unsigned count = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        count = (unsigned)CPU_COUNT(&set);
    unsigned quota = quota_of_cgroup2();
    if (quota == 0)
        quota = quota_of_cgroup1();
    return quota > 0 && quota < count ? quota : count;
}
