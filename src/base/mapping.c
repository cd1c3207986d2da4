#include "base/mapping.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct mapping {
    unsigned char *data;
    size_t size;
    size_t slot;
    int descriptor; /* kept open: tells whether the file is still as long as it was */
};

/* What the signal handler reads: plain atomics in static storage, no locks, no heap. */
typedef struct guard {
    _Atomic(uintptr_t) start; /* 0 = free or not yet complete; written last */
    _Atomic(uintptr_t) end;
    atomic_bool damaged;
    bool taken; /* under registry_lock */
} guard;

static guard registry[MAPPING_MAX];
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous_action;
static uintptr_t page_bytes;

static void forward_to_previous(int signal_number, siginfo_t *info, void *context)
{
    if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
        previous_action.sa_sigaction(signal_number, info, context);
    } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
        previous_action.sa_handler(signal_number);
    } else {
        /* Restores the default and returns: the faulting instruction runs again and ends the process as usual. */
        sigaction(SIGBUS, &previous_action, NULL);
    }
}

static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < MAPPING_MAX; i++) {
        guard *g = &registry[i];
        uintptr_t start = atomic_load_explicit(&g->start, memory_order_acquire);
        if (start == 0 || address < start || address >= atomic_load_explicit(&g->end, memory_order_relaxed))
            continue;
        atomic_store_explicit(&g->damaged, true, memory_order_release);
        void *page = (void *)(address & ~(page_bytes - 1));
        /* mmap is a bare system call on Linux and so safe here, though POSIX does not list it. */
        if (mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
            errno = saved_errno;
            return;
        }
        break;
    }
    errno = saved_errno;
    forward_to_previous(signal_number, info, context);
}

/* Asks anew each time: somebody else may have installed a handler over ours since. */
static bool install_handler_locked(void)
{
    struct sigaction current;
    if (sigaction(SIGBUS, NULL, &current) != 0)
        return false;
    if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_bus_error)
        return true;
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    previous_action = current;
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, NULL) == 0;
}

static bool register_range(mapping *map)
{
    pthread_mutex_lock(&registry_lock);
    bool installed = install_handler_locked(), done = false;
    for (size_t i = 0; i < MAPPING_MAX && installed && !done; i++) {
        if (registry[i].taken)
            continue;
        registry[i].taken = true;
        map->slot = i;
        atomic_store(&registry[i].damaged, false);
        atomic_store(&registry[i].end, (uintptr_t)map->data + map->size);
        atomic_store_explicit(&registry[i].start, (uintptr_t)map->data, memory_order_release);
        done = true;
    }
    pthread_mutex_unlock(&registry_lock);
    return done;
}

static aki_status map_descriptor(mapping *map, const char *path, aki_error *error)
{
    struct stat info;
    if (fstat(map->descriptor, &info) != 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot examine '%s'", path);
    if (!S_ISREG(info.st_mode))
        return error_set(error, AKI_MODEL_INVALID, "'%s' is not a regular file", path);
    if (info.st_size <= 0)
        return error_set(error, AKI_MODEL_INVALID, "'%s' is empty", path);
    map->size = (size_t)info.st_size;
    void *data = mmap(NULL, map->size, PROT_READ, MAP_SHARED, map->descriptor, 0);
    if (data == MAP_FAILED)
        return error_set_errno(error, errno == ENOMEM ? AKI_OUT_OF_MEMORY : AKI_IO_ERROR, errno,
                               "cannot map '%s' (%zu bytes)", path, map->size);
    map->data = data;
    if (!register_range(map)) {
        munmap(data, map->size);
        return error_set(error, AKI_INTERNAL, "cannot guard the mapping of '%s': %d files are mapped already",
                         path, MAPPING_MAX);
    }
    return AKI_OK;
}

aki_status mapping_open(mapping **out, const char *path, aki_error *error)
{
    *out = NULL;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return error_set_errno(error,
                               errno == ENOENT || errno == ENOTDIR ? AKI_MODEL_NOT_FOUND : AKI_IO_ERROR,
                               errno, "cannot open '%s'", path);
    mapping *map = mem_zalloc(1, sizeof *map);
    if (map == NULL) {
        close(descriptor);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to map '%s'", path);
    }
    map->descriptor = descriptor;
    aki_status status = map_descriptor(map, path, error);
    if (status != AKI_OK) {
        close(descriptor);
        mem_free(map);
        return status;
    }
    *out = map;
    return AKI_OK;
}

void mapping_close(mapping *map)
{
    if (map == NULL)
        return;
    pthread_mutex_lock(&registry_lock);
    atomic_store(&registry[map->slot].start, 0);
    munmap(map->data, map->size);
    registry[map->slot].taken = false;
    pthread_mutex_unlock(&registry_lock);
    close(map->descriptor);
    mem_free(map);
}

void mapping_drop_pages(const mapping *map)
{
    (void)madvise(map->data, map->size, MADV_DONTNEED);
}

const unsigned char *mapping_data(const mapping *map)
{
    return map->data;
}

size_t mapping_size(const mapping *map)
{
    return map->size;
}

bool mapping_damaged(const mapping *map)
{
    atomic_bool *damaged = &registry[map->slot].damaged;
    struct stat info;
    /* A cut inside a page raises no signal: the rest of that page reads as zeros. */
    if (!atomic_load_explicit(damaged, memory_order_acquire) && fstat(map->descriptor, &info) == 0 &&
        (uintmax_t)info.st_size < map->size)
        atomic_store_explicit(damaged, true, memory_order_release);
    return atomic_load_explicit(damaged, memory_order_acquire);
}
