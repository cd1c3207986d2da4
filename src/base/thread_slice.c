#include "base/thread_slice.h"

/* Not beside <sched.h>: both define struct sched_param. */
#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

int64_t thread_slice_set(int64_t ns)
{
    struct sched_attr attributes = {.size = sizeof attributes};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0)
        return 0;
    const uint64_t former_ns = attributes.sched_runtime;
    if (former_ns == 0)
        return 0;
    attributes.sched_runtime = (uint64_t)ns;
    return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 ? (int64_t)former_ns : 0;
}
