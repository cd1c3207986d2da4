#include "telemetry/process_stats.h"

#include "base/clock.h"

#include <dirent.h>
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
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
#define STAT_FIELDS STAT_RESIDENT_PAGES

/* All values of one scrape come from one reading, which takes the system longer than all else that a scrape does. */
#define READING_NS NS_PER_MS

static struct {
    pthread_mutex_t lock;
    int64_t read_ns;                /* 0 = never */
    double fields[STAT_FIELDS + 1]; /* by number; not a number where it could not be read */
} reading = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The lock is held. */
static void read_stat(void)
{
    char text[1024];
    for (int field = 0; field <= STAT_FIELDS; field++)
        reading.fields[field] = NAN;
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL)
        return;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    /* The second field is the name in parentheses, which may hold anything; the third follows the last one. */
    const char *p = strrchr(text, ')');
    for (int field = 3; p != NULL && field <= STAT_FIELDS; field++) {
        unsigned long long value;
        p = strchr(p, ' ');
        p = p != NULL ? p + 1 : NULL;
        if (p != NULL && sscanf(p, "%llu", &value) == 1)
            reading.fields[field] = (double)value;
    }
}

static double stat_field(int wanted)
{
    pthread_mutex_lock(&reading.lock);
    const int64_t now_ns = clock_monotonic_ns();
    if (reading.read_ns == 0 || now_ns - reading.read_ns > READING_NS) {
        read_stat();
        reading.read_ns = now_ns;
    }
    const double value = reading.fields[wanted];
    pthread_mutex_unlock(&reading.lock);
    return value;
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

/* Seconds since the epoch; not a number where the system does not say. */
static double boot_time(void)
{
    char line[256];
    unsigned long long boot = 0;
    FILE *file = fopen("/proc/stat", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "btime %llu", &boot) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return boot > 0 ? (double)boot : NAN;
}

static double start_time;

static double read_start(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    return start_time;
}

void process_stats_register(metrics *m)
{
    start_time = boot_time() + stat_field(STAT_START_TICKS) / ticks_per_second();
    metrics_read_by(m, METRIC_PROCESS_CPU, read_cpu, NULL);
    metrics_read_by(m, METRIC_PROCESS_OPEN_FDS, read_open_fds, NULL);
    metrics_read_by(m, METRIC_PROCESS_MAX_FDS, read_max_fds, NULL);
    metrics_read_by(m, METRIC_PROCESS_VIRTUAL_BYTES, read_virtual_bytes, NULL);
    metrics_read_by(m, METRIC_PROCESS_RESIDENT_BYTES, read_resident_bytes, NULL);
    metrics_read_by(m, METRIC_PROCESS_START, read_start, NULL);
    metrics_read_by(m, METRIC_PROCESS_THREADS, read_threads, NULL);
}

/* Of NVML's interface, version 2 of each function: success is 0 everywhere. */
typedef struct nvml_utilization {
    unsigned gpu, memory; /* percent */
} nvml_utilization;

typedef struct nvml {
    int (*count)(unsigned *devices);
    int (*handle)(unsigned index, void **device);
    int (*utilization)(void *device, nvml_utilization *out);
} nvml;

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static nvml library; /* all NULL: not there. Filled once, then const */

static void open_library(void)
{
    void *handle = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return;
    int (*init)(void) = (int (*)(void))dlsym(handle, "nvmlInit_v2");
    nvml found = {
        .count = (int (*)(unsigned *))dlsym(handle, "nvmlDeviceGetCount_v2"),
        .handle = (int (*)(unsigned, void **))dlsym(handle, "nvmlDeviceGetHandleByIndex_v2"),
        .utilization = (int (*)(void *, nvml_utilization *))dlsym(handle, "nvmlDeviceGetUtilizationRates"),
    };
    if (init != NULL && found.count != NULL && found.handle != NULL && found.utilization != NULL &&
        init() == 0)
        library = found;
    else
        dlclose(handle);
}

static double read_utilization(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    pthread_once(&opened, open_library);
    unsigned devices = 0, busiest = 0;
    if (library.count == NULL || library.count(&devices) != 0)
        return 0;
    for (unsigned i = 0; i < devices; i++) {
        void *device;
        nvml_utilization now;
        if (library.handle(i, &device) == 0 && library.utilization(device, &now) == 0 && now.gpu > busiest)
            busiest = now.gpu;
    }
    return busiest;
}

void gpu_utilization_register(metrics *m)
{
    metrics_read_by(m, METRIC_GPU_UTILIZATION, read_utilization, NULL);
}
