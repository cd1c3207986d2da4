#include "serving/memory_budget.h"

#include "base/error.h"
#include "serving/memory_usage.h"

#include <stdint.h>
#include <stdio.h>
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
