/* Makes calls into the C library fail on purpose: the Nth one of a kind, once or from then on. Linked into test programs
 * only, whose own definitions of malloc, read, ... then stand before the C library's for every object of the process, so
 * that the calls of libcurl, jansson and GnuTLS are reached as well, sanitized builds included.
 *
 * Calls are counted apart for the program's own code and for libraries, told by the caller's address: the first is the
 * same in each run of a single thread, the second changes with their versions. Counting begins before main.
 *
 * Told by AKI_FAULT="point:N:once|always:ERROR" (point "library-alloc": of libraries; ERROR: an errno's name, or SHORT for
 * half of a read or write), by AKI_FAULT_CONTROL, a file that holds fault_counters and that the test maps as well, or by
 * the functions here. AKI_FAULT_TRACE=1 prints the stack of each call that was made to fail. AKI_FAULT_FORK=1 loads the
 * program once for many runs: main begins in a child for each byte that comes by standard input, a socket.
 *
 * Not reached: what the C library calls inside itself (stdio's reads and writes), and system calls made by hand. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

/* alloc: malloc, calloc, realloc, posix_memalign, ... · open: also fopen, opendir, mkostemp · read: also pread, recv ·
 * write: also pwrite, writev, sendfile · send: also sendmsg · sync: fsync, fdatasync · descriptor: socket, epoll_create1,
 * eventfd, signalfd, ... · file: mkdir, symlink, ftruncate, fstat, flock · resolve: getaddrinfo */
/* clang-format off */
#define FAULT_POINTS(X)                                                                                      \
    X(alloc) X(open) X(read) X(write) X(send) X(sync) X(mmap) X(rename) X(file) X(descriptor) X(connect) X(accept)   \
    X(epoll) X(clock) X(wait) X(thread) X(resolve)
/* clang-format on */

typedef enum fault_point {
#define FAULT_POINT_ENUM(name) FAULT_##name,
    FAULT_POINTS(FAULT_POINT_ENUM)
#undef FAULT_POINT_ENUM
        FAULT_POINTS_TOTAL
} fault_point;

typedef enum fault_scope { FAULT_OWN, FAULT_LIBRARY, FAULT_SCOPES } fault_scope;

/* Instead of an errno: a read or write does half of what was asked for. Other calls go well. */
#define FAULT_SHORT 10000

/* One point in one scope; the test writes fail_at last. */
typedef struct fault_counter {
    _Atomic uint64_t calls;
    _Atomic uint64_t fail_at; /* number of the call, from 1; 0 = none */
    _Atomic uint64_t always;  /* all calls from there on */
    _Atomic uint64_t reason;  /* errno, or FAULT_SHORT */
    _Atomic uint64_t failed;  /* calls that were made to fail */
    _Atomic uint64_t site;    /* of the last of them: the caller's offset in the program, or 0 */
} fault_counter;

typedef struct fault_counters {
    fault_counter point[FAULT_POINTS_TOTAL][FAULT_SCOPES];
} fault_counters;

/* What the process uses, from AKI_FAULT_CONTROL or its own memory. */
fault_counters *fault_counters_now(void);

/* Counts a call from `caller`; the reason for which it must fail, or 0. */
int fault_due(fault_point point, const void *caller);

#endif
