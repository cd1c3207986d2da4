#include "serving/memory_budget.h"

#include "base/error.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NEAR_PERCENT 95
/* For stacks, sockets, replies and all that asks for little at a time. */
#define RESERVE_BYTES ((size_t)8 << 20)
#define MEGABYTE 1000000

typedef struct pages {
    size_t total, data;
} pages;

static bool read_pages(pages *out)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return false;
    bool good = fscanf(file, "%zu %*u %*u %*u %*u %zu", &out->total, &out->data) == 2;
    fclose(file);
    return good;
}

static void lower(memory_budget *budget, size_t limit_bytes, size_t used_bytes)
{
    size_t room = limit_bytes > used_bytes ? limit_bytes - used_bytes : 0;
    if (room >= budget->room_bytes)
        return;
    budget->room_bytes = room;
    budget->limit_bytes = limit_bytes;
}

static void lower_by(memory_budget *budget, int resource, size_t used_pages)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        lower(budget, limit.rlim_cur, used_pages * (size_t)sysconf(_SC_PAGESIZE));
}

void memory_budget_read(memory_budget *budget)
{
    cgroup_memory group;
    pages used;
    *budget = (memory_budget){.resident_bytes = memory_usage_bytes(), .room_bytes = SIZE_MAX};
    if (cgroup_memory_read(&group, CGROUP_ROOT, CGROUP_OF_SELF)) {
        lower(budget, group.limit_bytes, group.used_bytes);
        budget->group_limit_bytes = group.limit_bytes;
        budget->group_used_bytes = group.used_bytes;
        budget->near_limit = group.used_bytes > group.limit_bytes / 100 * NEAR_PERCENT;
    }
    if (read_pages(&used)) {
        lower_by(budget, RLIMIT_AS, used.total);
        lower_by(budget, RLIMIT_DATA, used.data);
    }
}

void memory_budget_explain(const memory_budget *budget, aki_error *error)
{
    if (budget->room_bytes == SIZE_MAX)
        return;
    error_hint(error,
               "%zu MB are left of the limit of %zu MB that the system sets: raise it (memory.max or "
               "MemoryMax of the control "
               "group, ulimit -v), or take a narrower --precision or fewer --threads.",
               budget->room_bytes / MEGABYTE, budget->limit_bytes / MEGABYTE);
}

aki_status memory_budget_allows(const memory_budget *budget, size_t bytes, const char *what, aki_error *error)
{
    if (budget->room_bytes == SIZE_MAX ||
        (budget->room_bytes > RESERVE_BYTES && bytes <= budget->room_bytes - RESERVE_BYTES))
        return AKI_OK;
    return error_set(
        error, AKI_OUT_OF_MEMORY,
        "%s takes about %zu MB, and only %zu MB are left of the limit of %zu MB, %zu of them in reserve",
        what, (bytes + MEGABYTE - 1) / MEGABYTE, budget->room_bytes / MEGABYTE,
        budget->limit_bytes / MEGABYTE, RESERVE_BYTES / MEGABYTE);
}

/* Version 1 says "no limit" by a number near 2^63; no machine has that much. */
#define NO_LIMIT_BYTES ((uint64_t)1 << 50)

typedef struct dialect {
    const char *mount; /* below the root */
    const char *limit, *used, *cache;
} dialect;

static const dialect version_2 = {"", "memory.max", "memory.current", "inactive_file"};
static const dialect version_1 = {"/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                  "total_inactive_file"};

/* The group's path, "/" or "/a/b", into group[room]. NULL where the process is in none that limits memory. */
static const dialect *find_group(const char *self, char *group, size_t room)
{
    char line[PATH_MAX + 64];
    const dialect *found = NULL;
    FILE *file = fopen(self, "re");
    while (file != NULL && found != &version_1 && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'),
             *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL)
            continue;
        *controllers++ = *path++ = '\0';
        bool first = strcmp(line, "0") == 0 && controllers[0] == '\0';
        bool second = strcmp(controllers, "memory") == 0;
        if (!first && !second)
            continue;
        found = second ? &version_1 : &version_2;
        snprintf(group, room, "%s", strcmp(path, "/") == 0 ? "" : path);
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static bool read_number(const char *folder, const char *name, uint64_t *value)
{
    char path[3 * PATH_MAX];
    unsigned long long number;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fscanf(file, "%llu", &number) == 1; /* not "max" */
    if (file != NULL)
        fclose(file);
    *value = good ? number : 0;
    return good;
}

static uint64_t read_cache(const char *folder, const char *name)
{
    char path[3 * PATH_MAX], key[64];
    unsigned long long value = 0, found = 0;
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    FILE *file = fopen(path, "re");
    while (file != NULL && fscanf(file, "%63s %llu", key, &value) == 2)
        if (strcmp(key, name) == 0)
            found = value;
    if (file != NULL)
        fclose(file);
    return found;
}

/* True where `folder` sets a limit that is nearer than *nearest, which then becomes it. */
static bool look_at(const char *folder, const dialect *words, cgroup_memory *nearest, bool known)
{
    uint64_t limit, used;
    if (!read_number(folder, words->limit, &limit) || limit >= NO_LIMIT_BYTES ||
        !read_number(folder, words->used, &used))
        return false;
    uint64_t cache = read_cache(folder, words->cache);
    used = used > cache ? used - cache : 0;
    uint64_t left = limit > used ? limit - used : 0;
    if (known && left >= nearest->limit_bytes - nearest->used_bytes)
        return false;
    *nearest = (cgroup_memory){.limit_bytes = limit, .used_bytes = used < limit ? used : limit};
    return true;
}

bool cgroup_memory_read(cgroup_memory *out, const char *root, const char *self)
{
    char group[PATH_MAX], folder[2 * PATH_MAX];
    bool known = false;
    *out = (cgroup_memory){0};
    const dialect *words = find_group(self, group, sizeof group);
    if (words == NULL)
        return false;
    /* In a container the group may be named as the machine sees it and mounted as the root: then only the root is there. */
    for (;;) {
        snprintf(folder, sizeof folder, "%s%s%s", root, words->mount, group);
        known = look_at(folder, words, out, known) || known;
        char *last = strrchr(group, '/');
        if (last == NULL)
            return known;
        *last = '\0';
    }
}

size_t memory_usage_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    unsigned long total, resident;
    int fields = fscanf(file, "%lu %lu", &total, &resident);
    fclose(file);
    return fields == 2 ? resident * (size_t)sysconf(_SC_PAGESIZE) : 0;
}
