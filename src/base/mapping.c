#include "base/mapping.h"

#include "base/error.h"
#include "base/fork_lock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct mapped_file {
    size_t begin, size; /* bytes in the mapping; begin is on a page */
    int descriptor;     /* kept open: tells whether the file is still as long as it was */
    /* As the file was when it was opened. As long as it is open, no other file has its number. */
    dev_t device;
    ino_t number;
    struct timespec modified, changed;
} mapped_file;

struct mapping {
    unsigned char *data;
    size_t range_bytes; /* whole pages */
    size_t slot;
    size_t users; /* under registry_lock */
    size_t count;
    mapped_file files[];
};

/* Read by the signal handler: plain atomics in static storage, no locks, no heap. */
typedef struct guard {
    _Atomic(uintptr_t) start; /* 0 = free or not yet complete; written last */
    _Atomic(uintptr_t) end;
    atomic_bool damaged;
    bool taken;   /* under registry_lock, as is `map` */
    mapping *map; /* that others may share; NULL = none */
} guard;

static guard registry[MAPPING_MAX];
static fork_lock registry_lock = FORK_LOCK_INITIALIZER;
static uintptr_t page_bytes;

/* The handlers that were there before each installation of ours; the signal handler reads the newest. The array is
 * reused in turn, so an old entry is overwritten after ACTIONS - 1 further installations. */
#define ACTIONS 16
static struct sigaction actions[ACTIONS];
static _Atomic(struct sigaction *) newest; /* NULL = never installed */
static size_t installations;               /* under registry_lock */

/* Set while this thread runs an earlier handler. TLS model initial-exec: the first access in a signal handler must
 * not allocate. */
static _Thread_local volatile sig_atomic_t forwarding __attribute__((tls_model("initial-exec")));

/* Restores SIG_DFL. A fault happens again when the handler returns, and ends the process; a signal that was sent is
 * raised again. */
static void act_by_default(int signal_number, const siginfo_t *info)
{
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigaction(signal_number, &by_default, NULL);
    if (info->si_code <= 0)
        raise(signal_number);
}

/* Calls an earlier handler with its own mask and flags. */
static void act_by(struct sigaction *action, int signal_number, siginfo_t *info, void *context)
{
    struct sigaction copy = *action;
    sigset_t before;
    if ((copy.sa_flags & (int)SA_RESETHAND) != 0)
        *action = (struct sigaction){.sa_handler = SIG_DFL};
    if ((copy.sa_flags & SA_NODEFER) == 0)
        sigaddset(&copy.sa_mask, signal_number);
    pthread_sigmask(SIG_BLOCK, &copy.sa_mask, &before);
    if ((copy.sa_flags & SA_SIGINFO) != 0)
        copy.sa_sigaction(signal_number, info, context);
    else
        copy.sa_handler(signal_number);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Breaks a cycle of handlers. The host may install a handler over ours that passes faults on to ours, and ours may
 * then be installed again over it. When ours is entered again during forwarding, the oldest handler, from before the
 * first installation, is called. */
static void forward_to_previous(int signal_number, siginfo_t *info, void *context)
{
    struct sigaction *action = forwarding ? &actions[0] : atomic_load(&newest);
    const bool calls = (action->sa_flags & SA_SIGINFO) != 0 ||
                       (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
    if (!calls && (action->sa_handler == SIG_DFL || info->si_code > 0)) {
        act_by_default(signal_number, info); /* a fault cannot be ignored */
    } else if (calls) {
        const sig_atomic_t before = forwarding;
        forwarding = 1;
        act_by(action, signal_number, info, context);
        forwarding = before;
    }
}

static bool is_of_mapping(const guard *g, uintptr_t address)
{
    const uintptr_t start = atomic_load_explicit(&g->start, memory_order_acquire);
    return start != 0 && address >= start && address < atomic_load_explicit(&g->end, memory_order_relaxed);
}

static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < MAPPING_MAX && info->si_code > 0;
         i++) { /* a signal that was sent has no address */
        if (!is_of_mapping(&registry[i], address))
            continue;
        atomic_store_explicit(&registry[i].damaged, true, memory_order_release);
        /* POSIX does not list mmap among the functions that a signal handler may call, and what stands in for it (a sanitizer,
         * a preloaded library) may not be safe here. The bare system call is. */
        if (syscall(SYS_mmap, address & ~(page_bytes - 1), page_bytes, (long)PROT_READ,
                    (long)(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED), -1L, 0L) != -1) {
            errno = saved_errno;
            return;
        }
        break;
    }
    errno = saved_errno;
    forward_to_previous(signal_number, info, context);
}

/* A forked child shares no mapping that it has from its parent: their counts of users may be half changed. */
static void lock_registry(void)
{
    if (!fork_lock_take(&registry_lock))
        return;
    for (size_t i = 0; i < MAPPING_MAX; i++)
        registry[i].map = NULL;
}

/* Entry 0 is never reused: a cycle of handlers ends there. */
static struct sigaction *next_place(void)
{
    const size_t at = installations < ACTIONS ? installations : 1 + (installations - 1) % (ACTIONS - 1);
    installations++;
    return &actions[at];
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
    struct sigaction *place = next_place();
    *place = current;
    atomic_store(&newest, place);
    /* SA_ONSTACK: an earlier handler may need the alternate stack. */
    struct sigaction action = {.sa_sigaction = on_bus_error,
                               .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, NULL) == 0;
}

/* Opens the file and gives it its place behind those before it. */
static aki_status open_file(mapping *map, const char *path, aki_error *error)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct stat info;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return error_set_errno(error,
                               errno == ENOENT || errno == ENOTDIR ? AKI_MODEL_NOT_FOUND : AKI_IO_ERROR,
                               errno, "cannot open '%s'", path);
    mapped_file *file = &map->files[map->count++];
    *file = (mapped_file){.begin = map->range_bytes, .descriptor = descriptor};
    if (fstat(descriptor, &info) != 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot examine '%s'", path);
    if (!S_ISREG(info.st_mode))
        return error_set(error, AKI_MODEL_INVALID, "'%s' is not a regular file", path);
    if (info.st_size <= 0)
        return error_set(error, AKI_MODEL_INVALID, "'%s' is empty", path);
    file->size = (size_t)info.st_size;
    file->device = info.st_dev;
    file->number = info.st_ino;
    file->modified = info.st_mtim;
    file->changed = info.st_ctim;
    size_t end;
    if (!size_add(file->begin, file->size, &end) || !size_add(end, page - 1, &end))
        return error_set(error, AKI_MODEL_INVALID, "'%s' is too large to be mapped (%zu bytes)", path,
                         file->size);
    map->range_bytes = end / page * page;
    return AKI_OK;
}

/* Reserves one range of addresses and puts the files there. */
static aki_status map_files(mapping *map, const char *const *paths, aki_error *error)
{
    unsigned char *data =
        mmap(NULL, map->range_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return error_set_errno(error, errno == ENOMEM ? AKI_OUT_OF_MEMORY : AKI_IO_ERROR, errno,
                               "cannot map '%s' (%zu bytes)", paths[0], map->range_bytes);
    map->data = data;
    for (size_t i = 0; i < map->count; i++) {
        const mapped_file *file = &map->files[i];
        if (mmap(data + file->begin, file->size, PROT_READ, MAP_SHARED | MAP_FIXED, file->descriptor, 0) ==
            MAP_FAILED)
            return error_set_errno(error, errno == ENOMEM ? AKI_OUT_OF_MEMORY : AKI_IO_ERROR, errno,
                                   "cannot map '%s' (%zu bytes)", paths[i], file->size);
    }
    return AKI_OK;
}

/* All but the registration. */
static void discard(mapping *map)
{
    if (map->data != NULL)
        munmap(map->data, map->range_bytes);
    for (size_t i = 0; i < map->count; i++)
        close(map->files[i].descriptor);
    mem_free(map);
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* True where both map the same files, and none of them was written to between the two openings. */
static bool is_alike(const mapping *a, const mapping *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const mapped_file *one = &a->files[i], *other = &b->files[i];
        if (one->device != other->device || one->number != other->number || one->size != other->size ||
            !same_time(one->modified, other->modified) || !same_time(one->changed, other->changed))
            return false;
    }
    return true;
}

static mapping *find_locked(const mapping *wanted)
{
    for (size_t i = 0; i < MAPPING_MAX; i++) {
        mapping *map = registry[i].map;
        if (map != NULL && is_alike(map, wanted) && !mapping_damaged(map))
            return map;
    }
    return NULL;
}

static bool register_locked(mapping *map)
{
    for (size_t i = 0; i < MAPPING_MAX; i++) {
        if (registry[i].taken)
            continue;
        registry[i].taken = true;
        registry[i].map = map;
        map->slot = i;
        atomic_store(&registry[i].damaged, false);
        atomic_store(&registry[i].end, (uintptr_t)map->data + map->range_bytes);
        atomic_store_explicit(&registry[i].start, (uintptr_t)map->data, memory_order_release);
        return true;
    }
    return false;
}

/* The mapping of the same files that is open already, or else `map`, registered. NULL = no slot is free. */
static mapping *share(mapping *map)
{
    lock_registry();
    mapping *found = NULL;
    if (install_handler_locked()) {
        found = find_locked(map);
        if (found == NULL && register_locked(map))
            found = map;
    }
    if (found != NULL)
        found->users++;
    fork_lock_give(&registry_lock);
    return found;
}

aki_status mapping_open(mapping **out, const char *path, aki_error *error)
{
    return mapping_open_files(out, &path, 1, error);
}

aki_status mapping_open_files(mapping **out, const char *const *paths, size_t count, aki_error *error)
{
    *out = NULL;
    size_t bytes;
    mapping *map = NULL;
    if (size_mul(count, sizeof map->files[0], &bytes) && size_add(bytes, sizeof *map, &bytes))
        map = mem_zalloc(1, bytes);
    if (map == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to map '%s'", paths[0]);
    aki_status status = AKI_OK;
    for (size_t i = 0; i < count && status == AKI_OK; i++)
        status = open_file(map, paths[i], error);
    if (status == AKI_OK)
        status = map_files(map, paths, error);
    if (status == AKI_OK && (*out = share(map)) == NULL)
        status = error_set(error, AKI_INTERNAL,
                           "cannot guard the mapping of '%s': %d models' weights are mapped already",
                           paths[0], MAPPING_MAX);
    if (*out != map)
        discard(map);
    return status;
}

void mapping_close(mapping *map)
{
    if (map == NULL)
        return;
    lock_registry();
    const bool last = --map->users == 0;
    if (last) {
        atomic_store(&registry[map->slot].start, 0);
        munmap(map->data, map->range_bytes);
        map->data = NULL;
        registry[map->slot].taken = false;
        registry[map->slot].map = NULL;
    }
    fork_lock_give(&registry_lock);
    if (last)
        discard(map);
}

void mapping_drop_pages(const mapping *map)
{
    (void)madvise(map->data, map->range_bytes, MADV_DONTNEED);
}

const unsigned char *mapping_data(const mapping *map)
{
    return map->data;
}

size_t mapping_size(const mapping *map)
{
    size_t bytes = 0;
    for (size_t i = 0; i < map->count; i++)
        bytes += map->files[i].size;
    return bytes;
}

size_t mapping_begin(const mapping *map, size_t index)
{
    return map->files[index].begin;
}

size_t mapping_file_size(const mapping *map, size_t index)
{
    return map->files[index].size;
}

static bool was_cut(const mapped_file *file)
{
    struct stat info;
    return fstat(file->descriptor, &info) == 0 && (uintmax_t)info.st_size < file->size;
}

bool mapping_damaged(const mapping *map)
{
    atomic_bool *damaged = &registry[map->slot].damaged;
    /* A cut inside a page raises no signal: the rest of that page reads as zeros. */
    for (size_t i = 0; i < map->count && !atomic_load_explicit(damaged, memory_order_acquire); i++)
        if (was_cut(&map->files[i]))
            atomic_store_explicit(damaged, true, memory_order_release);
    return atomic_load_explicit(damaged, memory_order_acquire);
}

void mem_discard(void *part, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)part;
    const uintptr_t first = (start + page - 1) / page * page, end = (start + bytes) / page * page;
    if (first < end) /* refusal costs memory only */
        (void)madvise((unsigned char *)part + (first - start), end - first, MADV_DONTNEED);
}
