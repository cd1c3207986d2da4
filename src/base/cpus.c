#include "base/cpus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST_PATH 4096

/* One line of a file without its end; false when there is none. */
static bool read_line(char *line, size_t size, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool read = fgets(line, (int)size, file) != NULL;
    fclose(file);
    if (read)
        line[strcspn(line, "\n")] = '\0';
    return read;
}

static double least_quota(double a, double b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* "max 100000" or "200000 100000": quota and period in microseconds. 0 = no limit. */
static double quota_of_cgroup2(const char *folder)
{
    char path[LONGEST_PATH], line[128];
    long long quota, period;
    snprintf(path, sizeof path, "%.*s/cpu.max", LONGEST_PATH - 16, folder);
    if (!read_line(line, sizeof line, path) || sscanf(line, "%lld %lld", &quota, &period) != 2 ||
        quota <= 0 || period <= 0)
        return 0;
    return (double)quota / (double)period;
}

static long long read_number(const char *folder, const char *name)
{
    char path[LONGEST_PATH], line[64];
    long long number;
    snprintf(path, sizeof path, "%.*s/%s", LONGEST_PATH - 32, folder, name);
    return read_line(line, sizeof line, path) && sscanf(line, "%lld", &number) == 1 ? number : -1;
}

static double quota_of_cgroup1(const char *folder)
{
    long long quota = read_number(folder, "cpu.cfs_quota_us"),
              period = read_number(folder, "cpu.cfs_period_us");
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

/* The least quota of the group `group` ("/a/b") below `mount` and of all its parents. The mount itself counts too: inside
 * a container it is often the container's own group, whatever the path says. */
static double least_of_parents(const char *mount, const char *group, double (*quota_of)(const char *folder))
{
    char folder[LONGEST_PATH];
    double least = 0;
    const size_t root = strlen(mount);
    int written = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (written < 0 || (size_t)written >= sizeof folder)
        return quota_of(mount);
    for (;;) {
        least = least_quota(least, quota_of(folder));
        char *slash = strrchr(folder + root, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

/* True where "cpu" is one of "cpu,cpuacct". */
static bool lists_cpu(const char *controllers, size_t length)
{
    while (length > 0) {
        size_t word = strcspn(controllers, ",:");
        if (word == 3 && strncmp(controllers, "cpu", 3) == 0)
            return true;
        if (word >= length)
            return false;
        controllers += word + 1;
        length -= word + 1;
    }
    return false;
}

/* Lines of /proc/self/cgroup: "0::/path" (version 2), "4:cpu,cpuacct:/path" (version 1). */
static double read_quota(const char *root)
{
    char path[LONGEST_PATH], line[LONGEST_PATH], mount[LONGEST_PATH];
    double least = 0;
    snprintf(path, sizeof path, "%.1024s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL)
            continue;
        const size_t length = (size_t)(group - controllers) - 1;
        group++;
        if (length == 0) {
            snprintf(mount, sizeof mount, "%.1024s/sys/fs/cgroup", root);
            least = least_quota(least, least_of_parents(mount, group, quota_of_cgroup2));
            snprintf(mount, sizeof mount, "%.1024s/sys/fs/cgroup/unified", root); /* beside version 1 */
            least = least_quota(least, least_of_parents(mount, group, quota_of_cgroup2));
        } else if (lists_cpu(controllers + 1, length)) {
            snprintf(mount, sizeof mount, "%.1024s/sys/fs/cgroup/cpu", root);
            least = least_quota(least, least_of_parents(mount, group, quota_of_cgroup1));
            snprintf(mount, sizeof mount, "%.1024s/sys/fs/cgroup/%.*s", root, (int)length, controllers + 1);
            least = least_quota(least, least_of_parents(mount, group, quota_of_cgroup1));
        }
    }
    fclose(file);
    return least;
}

/* The first CPU of those that share a core with `cpu`: "0,64" or "0-1". */
static unsigned first_sibling(const char *root, unsigned cpu, const cpus_mask *mask)
{
    char path[LONGEST_PATH], line[1024];
    snprintf(path, sizeof path, "%.1024s/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", root,
             cpu);
    if (!read_line(line, sizeof line, path))
        return cpu;
    for (char *at = line; *at >= '0' && *at <= '9';) {
        unsigned long first = strtoul(at, &at, 10), last = *at == '-' ? strtoul(at + 1, &at, 10) : first;
        for (unsigned long sibling = first; sibling <= last && sibling < CPUS_MOST; sibling++)
            if (CPU_ISSET_S(sibling, sizeof *mask, mask->sets))
                return (unsigned)sibling;
        at += *at == ',';
    }
    return cpu;
}

void cpus_read_from(cpus_info *out, const char *root, const cpus_mask *mask)
{
    uint16_t siblings[CPUS_MOST], sibling_count = 0;
    *out = (cpus_info){.allowed = 0};
    for (unsigned cpu = 0; cpu < CPUS_MOST; cpu++)
        if (CPU_ISSET_S(cpu, sizeof *mask, mask->sets)) {
            if (first_sibling(root, cpu, mask) == cpu)
                out->order[out->cores++] = (uint16_t)cpu;
            else
                siblings[sibling_count++] = (uint16_t)cpu;
        }
    memcpy(out->order + out->cores, siblings, sibling_count * sizeof *siblings);
    out->allowed = out->cores + sibling_count;
    const double quota = read_quota(root);
    out->quota = quota < out->allowed ? quota : 0;
}

void cpus_read_mask(cpus_mask *out)
{
    if (sched_getaffinity(0, sizeof *out, out->sets) == 0 && CPU_COUNT_S(sizeof *out, out->sets) > 0)
        return;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    *out = (cpus_mask){0};
    for (long cpu = 0; cpu < CPUS_MOST && (cpu == 0 || cpu < online); cpu++)
        CPU_SET_S((size_t)cpu, sizeof *out, out->sets);
}

void cpus_apply_mask(const cpus_mask *mask)
{
    (void)sched_setaffinity(0, sizeof *mask, mask->sets);
}

void cpus_read(cpus_info *out)
{
    cpus_mask mask;
    cpus_read_mask(&mask);
    cpus_read_from(out, "", &mask);
}

unsigned cpus_threads(const cpus_info *c)
{
    const double quota = ceil(c->quota);
    return quota > 0 && quota < c->cores ? (unsigned)quota : c->cores;
}

bool cpus_suit_pinning(const cpus_info *c, unsigned threads)
{
    return c->quota == 0 && threads >= c->cores && threads <= c->allowed;
}

unsigned cpus_available(void)
{
    cpus_info c;
    cpus_read(&c);
    return cpus_threads(&c);
}
