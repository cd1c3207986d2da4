#include "faults.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void __asan_init(void) __attribute__((weak));    /* there when AddressSanitizer is */
extern const char __executable_start[], etext[]; /* from the linker */

static fault_counters own_counters;
static fault_counters *counters = &own_counters;
static bool counting, tracing;
static uintptr_t spared_begin, spared_end; /* callers that nothing is refused to */

static const char *const point_names[FAULT_POINTS_TOTAL] = {
#define FAULT_POINT_NAME(name) #name,
    FAULT_POINTS(FAULT_POINT_NAME)
#undef FAULT_POINT_NAME
};

static const struct {
    const char *name;
    int number;
} reasons[] = {{"ENOMEM", ENOMEM},
               {"EIO", EIO},
               {"ENOSPC", ENOSPC},
               {"EINTR", EINTR},
               {"EAGAIN", EAGAIN},
               {"EMFILE", EMFILE},
               {"EACCES", EACCES},
               {"ECONNRESET", ECONNRESET},
               {"ECONNREFUSED", ECONNREFUSED},
               {"SHORT", FAULT_SHORT}};

static void refuse(const char *text)
{
    fprintf(stderr, "AKI_FAULT: cannot read '%s'\n", text);
    _exit(64);
}

static void read_order(const char *text)
{
    char point[32], times[8], reason[16];
    unsigned long long number;
    if (sscanf(text, "%31[^:]:%llu:%7[^:]:%15s", point, &number, times, reason) != 4)
        refuse(text);
    bool library = strncmp(point, "library-", 8) == 0;
    size_t p = 0, r = 0;
    while (p < FAULT_POINTS_TOTAL && strcmp(point_names[p], point + (library ? 8 : 0)) != 0)
        p++;
    while (r < sizeof reasons / sizeof reasons[0] && strcmp(reasons[r].name, reason) != 0)
        r++;
    if (p == FAULT_POINTS_TOTAL || r == sizeof reasons / sizeof reasons[0])
        refuse(text);
    fault_counter *c = &counters->point[p][library ? FAULT_LIBRARY : FAULT_OWN];
    c->always = strcmp(times, "always") == 0;
    c->reason = (uint64_t)reasons[r].number;
    c->fail_at = number;
}

/* By system call: the functions are the ones that are replaced. */
static void map_control(const char *path)
{
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    void *shared =
        (void *)syscall(SYS_mmap, NULL, sizeof(fault_counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || shared == MAP_FAILED)
        refuse(path);
    close(file);
    counters = shared;
}

/* AddressSanitizer ends the process when the C library has no memory to tell it a thread's stack. */
static int find_c_library(struct dl_phdr_info *object, size_t size, void *cookie)
{
    (void)size;
    (void)cookie;
    if (strstr(object->dlpi_name, "/libc.so") == NULL)
        return 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            spared_begin = object->dlpi_addr + part->p_vaddr;
            spared_end = spared_begin + part->p_memsz;
        }
    }
    return 1;
}

/* Goes on in a child for each byte that comes by standard input, a socket; answers with the child's id and its wait status. */
static void fork_runs(void)
{
    char order;
    while (read(STDIN_FILENO, &order, 1) == 1) {
        int child = fork(), status = 0;
        if (child == 0) {
            int nothing = open("/dev/null", O_RDONLY);
            dup2(nothing, STDIN_FILENO);
            close(nothing);
            return;
        }
        if (child < 0 || write(STDIN_FILENO, &child, sizeof child) != sizeof child ||
            waitpid(child, &status, 0) != child ||
            write(STDIN_FILENO, &status, sizeof status) != sizeof status)
            _exit(64);
    }
    _exit(0);
}

/* After the constructors of all libraries. */
__attribute__((constructor)) static void begin(void)
{
    const char *control = getenv("AKI_FAULT_CONTROL"), *order = getenv("AKI_FAULT");
    void *frame;
    tracing = getenv("AKI_FAULT_TRACE") != NULL;
    if (tracing)
        (void)backtrace(&frame, 1); /* loads what it needs */
    if (control != NULL)
        map_control(control);
    if (order != NULL)
        read_order(order);
    if (__asan_init != NULL)
        dl_iterate_phdr(find_c_library, NULL);
    if (getenv("AKI_FAULT_FORK") != NULL)
        fork_runs();
    counting = true;
}

fault_counters *fault_counters_now(void)
{
    return counters;
}

static void trace(void)
{
    void *frames[48];
    backtrace_symbols_fd(frames, backtrace(frames, 48), STDERR_FILENO);
}

int fault_due(fault_point point, const void *caller)
{
    if (!counting || ((uintptr_t)caller >= spared_begin && (uintptr_t)caller < spared_end))
        return 0;
    bool own = (const char *)caller >= __executable_start && (const char *)caller < etext;
    fault_counter *c = &counters->point[point][own ? FAULT_OWN : FAULT_LIBRARY];
    uint64_t number = atomic_fetch_add(&c->calls, 1) + 1, fail_at = c->fail_at;
    if (fail_at == 0 || number < fail_at || (number > fail_at && !c->always))
        return 0;
    c->failed++;
    c->site = own ? (uint64_t)((const char *)caller - __executable_start) : 0;
    if (tracing)
        trace();
    return (int)c->reason;
}
