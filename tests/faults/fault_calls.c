/* The functions that stand before the C library's. Each asks fault_due and goes on to the next definition, which is the
 * C library's or a sanitizer's. */
#include "faults.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CALLER __builtin_return_address(0)

#define NEXT(name)                                                                                           \
    static __typeof__(&name) next;                                                                           \
    if (next == NULL)                                                                                        \
    next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* A function that fails with `failure` and errno, or goes on. */
#define FAULTY(point, type, name, failure, parameters, arguments)                                            \
    type name parameters                                                                                     \
    {                                                                                                        \
        NEXT(name);                                                                                          \
        int reason = fault_due(FAULT_##point, CALLER);                                                       \
        if (reason != 0 && reason != FAULT_SHORT) {                                                          \
            errno = reason;                                                                                  \
            return failure;                                                                                  \
        }                                                                                                    \
        return next arguments;                                                                               \
    }

/* Ready eventfds and signalfds do not fail on Linux; neither do they here. Descriptors from EVENTS on are taken for files. */
#define EVENTS 4096
static atomic_bool is_event[EVENTS];

static bool moves_data(int file)
{
    return file < 0 || file >= EVENTS || !is_event[file];
}

/* As FAULTY for what moves `count` bytes and may move half of them. */
#define FAULTY_MOVE(point, name, parameters, arguments)                                                      \
    ssize_t name parameters                                                                                  \
    {                                                                                                        \
        NEXT(name);                                                                                          \
        int reason = moves_data(file) ? fault_due(FAULT_##point, CALLER) : 0;                                \
        if (reason == FAULT_SHORT && count > 1) {                                                            \
            count /= 2;                                                                                      \
        } else if (reason != 0 && reason != FAULT_SHORT) {                                                   \
            errno = reason;                                                                                  \
            return -1;                                                                                       \
        }                                                                                                    \
        return next arguments;                                                                               \
    }

/* open and openat with their optional mode. */
#define FAULTY_OPEN(name, parameters, arguments)                                                             \
    int name parameters                                                                                      \
    {                                                                                                        \
        NEXT(name);                                                                                          \
        int reason = fault_due(FAULT_open, CALLER);                                                          \
        if (reason != 0 && reason != FAULT_SHORT) {                                                          \
            errno = reason;                                                                                  \
            return -1;                                                                                       \
        }                                                                                                    \
        va_list rest;                                                                                        \
        va_start(rest, flags);                                                                               \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;                       \
        va_end(rest);                                                                                        \
        return next arguments;                                                                               \
    }

FAULTY(alloc, void *, malloc, NULL, (size_t size), (size))
FAULTY(alloc, void *, calloc, NULL, (size_t count, size_t size), (count, size))
FAULTY(alloc, void *, realloc, NULL, (void *block, size_t size), (block, size))
FAULTY(alloc, void *, reallocarray, NULL, (void *block, size_t count, size_t size), (block, count, size))
FAULTY(alloc, void *, aligned_alloc, NULL, (size_t alignment, size_t size), (alignment, size))

int posix_memalign(void **block, size_t alignment, size_t size)
{
    NEXT(posix_memalign);
    return fault_due(FAULT_alloc, CALLER) != 0 ? ENOMEM : next(block, alignment, size);
}

FAULTY_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
FAULTY_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
FAULTY_OPEN(openat, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
FAULTY(open, FILE *, fopen, NULL, (const char *path, const char *mode), (path, mode))
FAULTY(open, FILE *, fopen64, NULL, (const char *path, const char *mode), (path, mode))
FAULTY(open, DIR *, opendir, NULL, (const char *path), (path))
FAULTY(open, int, mkostemp, -1, (char *path, int flags), (path, flags))
FAULTY(open, int, mkostemp64, -1, (char *path, int flags), (path, flags))

FAULTY_MOVE(read, read, (int file, void *data, size_t count), (file, data, count))
FAULTY_MOVE(read, pread, (int file, void *data, size_t count, off_t at), (file, data, count, at))
FAULTY_MOVE(read, pread64, (int file, void *data, size_t count, off64_t at), (file, data, count, at))
FAULTY(read, ssize_t, recv, -1, (int file, void *data, size_t count, int flags), (file, data, count, flags))

FAULTY_MOVE(write, write, (int file, const void *data, size_t count), (file, data, count))
FAULTY_MOVE(write, pwrite, (int file, const void *data, size_t count, off_t at), (file, data, count, at))
FAULTY_MOVE(write, pwrite64, (int file, const void *data, size_t count, off64_t at), (file, data, count, at))
FAULTY_MOVE(write, sendfile64, (int file, int from, off64_t *at, size_t count), (file, from, at, count))
FAULTY(write, ssize_t, writev, -1, (int file, const struct iovec *parts, int count), (file, parts, count))

FAULTY_MOVE(send, send, (int file, const void *data, size_t count, int flags), (file, data, count, flags))

ssize_t sendmsg(int file, const struct msghdr *message, int flags)
{
    NEXT(sendmsg);
    const int reason = fault_due(FAULT_send, CALLER);
    if (reason != 0 && reason != FAULT_SHORT) {
        errno = reason;
        return -1;
    }
    if (reason == 0 || message->msg_iovlen == 0 || message->msg_iov[0].iov_len < 2)
        return next(file, message, flags);
    struct iovec half = {message->msg_iov[0].iov_base, message->msg_iov[0].iov_len / 2};
    struct msghdr part = *message;
    part.msg_iov = &half;
    part.msg_iovlen = 1;
    return next(file, &part, flags);
}

FAULTY(sync, int, fsync, -1, (int file), (file))
FAULTY(sync, int, fdatasync, -1, (int file), (file))
FAULTY(rename, int, rename, -1, (const char *from, const char *to), (from, to))

FAULTY(mmap, void *, mmap, MAP_FAILED, (void *place, size_t size, int access, int flags, int file, off_t at),
       (place, size, access, flags, file, at))
FAULTY(mmap, void *, mmap64, MAP_FAILED,
       (void *place, size_t size, int access, int flags, int file, off64_t at),
       (place, size, access, flags, file, at))

FAULTY(file, int, mkdir, -1, (const char *path, mode_t mode), (path, mode))
FAULTY(file, int, symlink, -1, (const char *target, const char *path), (target, path))
FAULTY(file, int, ftruncate, -1, (int file, off_t size), (file, size))
FAULTY(file, int, ftruncate64, -1, (int file, off64_t size), (file, size))
FAULTY(file, int, fchmod, -1, (int file, mode_t mode), (file, mode))
FAULTY(file, int, flock, -1, (int file, int how), (file, how))
FAULTY(file, int, fstat, -1, (int file, struct stat *info), (file, info))
FAULTY(file, int, fstat64, -1, (int file, struct stat64 *info), (file, info))

FAULTY(descriptor, int, socket, -1, (int family, int type, int protocol), (family, type, protocol))
FAULTY(descriptor, int, epoll_create1, -1, (int flags), (flags))
FAULTY(descriptor, int, bind, -1, (int file, const struct sockaddr *address, socklen_t size),
       (file, address, size))
FAULTY(descriptor, int, listen, -1, (int file, int backlog), (file, backlog))
FAULTY(connect, int, connect, -1, (int file, const struct sockaddr *address, socklen_t size),
       (file, address, size))
FAULTY(accept, int, accept4, -1, (int file, struct sockaddr *address, socklen_t *size, int flags),
       (file, address, size, flags))
FAULTY(wait, int, epoll_wait, -1, (int file, struct epoll_event *events, int most, int timeout),
       (file, events, most, timeout))
/* Only adding needs memory. */
int epoll_ctl(int file, int how, int which, struct epoll_event *event)
{
    NEXT(epoll_ctl);
    int reason = how == EPOLL_CTL_ADD ? fault_due(FAULT_epoll, CALLER) : 0;
    if (reason != 0) {
        errno = reason;
        return -1;
    }
    return next(file, how, which, event);
}

FAULTY(clock, int, clock_gettime, -1, (clockid_t clock, struct timespec *now), (clock, now))

static int remember_event(int file)
{
    if (file >= 0 && file < EVENTS)
        is_event[file] = true;
    return file;
}

int eventfd(unsigned value, int flags)
{
    NEXT(eventfd);
    int reason = fault_due(FAULT_descriptor, CALLER);
    errno = reason;
    return reason != 0 ? -1 : remember_event(next(value, flags));
}

int signalfd(int file, const sigset_t *mask, int flags)
{
    NEXT(signalfd);
    int reason = fault_due(FAULT_descriptor, CALLER);
    errno = reason;
    return reason != 0 ? -1 : remember_event(next(file, mask, flags));
}

int close(int file)
{
    NEXT(close);
    if (file >= 0 && file < EVENTS)
        is_event[file] = false;
    return next(file);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    NEXT(pthread_create);
    int reason = fault_due(FAULT_thread, CALLER);
    return reason != 0 ? reason : next(thread, attributes, run, argument);
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    NEXT(getaddrinfo);
    int reason = fault_due(FAULT_resolve, CALLER);
    return reason == 0 ? next(host, port, hints, found) : reason == ENOMEM ? EAI_MEMORY : EAI_AGAIN;
}
