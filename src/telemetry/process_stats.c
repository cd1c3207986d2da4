#include "telemetry/process_stats.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Fields of /proc/self/stat, counted from 1 as in proc(5). */
#define STAT_USER_TICKS 14
#define STAT_SYSTEM_TICKS 15
#define STAT_THREADS 20
#define STAT_START_TICKS 22
#define STAT_VIRTUAL_BYTES 23
#define STAT_RESIDENT_PAGES 24

static double stat_field(int wanted)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL)
        return NAN;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    /* The second field is the name in parentheses, which may hold anything; the third follows the last one. */
    const char *p = strrchr(text, ')');
    for (int field = 2; p != NULL && field < wanted; field++) {
        p = strchr(p, ' ');
        p = p != NULL ? p + 1 : NULL;
    }
    unsigned long long value;
    return p != NULL && sscanf(p, "%llu", &value) == 1 ? (double)value : NAN;
}

static double ticks_per_second(void)
{
    return (double)sysconf(_SC_CLK_TCK);
}

static double read_cpu(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    return (stat_field(STAT_USER_TICKS) + stat_field(STAT_SYSTEM_TICKS)) / ticks_per_second();
}

static double read_open_fds(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return NAN;
    double count = -1; /* the directory's own */
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static double read_max_fds(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return NAN;
    return limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur;
}

static double read_virtual_bytes(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    return stat_field(STAT_VIRTUAL_BYTES);
}

static double read_resident_bytes(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    return stat_field(STAT_RESIDENT_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

static double read_threads(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    return stat_field(STAT_THREADS);
}

/* Boot time of the machine plus ticks from there. */
static double read_start(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    char line[256];
    unsigned long long boot = 0;
    FILE *file = fopen("/proc/stat", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "btime %llu", &boot) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return boot > 0 ? (double)boot + stat_field(STAT_START_TICKS) / ticks_per_second() : NAN;
}

void process_stats_register(metrics *m)
{
    metrics_read_by(m, METRIC_PROCESS_CPU, read_cpu, NULL);
    metrics_read_by(m, METRIC_PROCESS_OPEN_FDS, read_open_fds, NULL);
    metrics_read_by(m, METRIC_PROCESS_MAX_FDS, read_max_fds, NULL);
    metrics_read_by(m, METRIC_PROCESS_VIRTUAL_BYTES, read_virtual_bytes, NULL);
    metrics_read_by(m, METRIC_PROCESS_RESIDENT_BYTES, read_resident_bytes, NULL);
    metrics_read_by(m, METRIC_PROCESS_START, read_start, NULL);
    metrics_read_by(m, METRIC_PROCESS_THREADS, read_threads, NULL);
}
