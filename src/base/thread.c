#include "base/thread.h"

#include "base/cpus.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

bool thread_start(pthread_t *thread, void *(*run)(void *), void *argument, const char *name)
{
    static const int synchronous[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP};
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof synchronous / sizeof synchronous[0]; i++)
        sigdelset(&blocked, synchronous[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before); /* a new thread inherits the mask */
    int reason = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (reason != 0) {
        errno = reason;
        return false;
    }
    char short_name[16];
    snprintf(short_name, sizeof short_name, "%s", name);
    pthread_setname_np(*thread, short_name);
    return true;
}

void thread_defer(void)
{
    const struct sched_param none = {0};
    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

void thread_pin(unsigned cpu)
{
    cpus_mask mask = {0};
    CPU_SET_S(cpu, sizeof mask, mask.sets);
    cpus_apply_mask(&mask);
}
