#include "cli/serve/hangup.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct hangup {
    int signals; /* signalfd */
};

aki_status hangup_open(hangup **out, aki_error *error)
{
    *out = NULL;
    hangup *h = mem_zalloc(1, sizeof *h);
    if (h == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to watch for signals");
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (h->signals < 0) {
        aki_status status =
            error_set_errno(error, AKI_INTERNAL, errno, "cannot watch for SIGHUP and SIGUSR1");
        hangup_close(h);
        return status;
    }
    *out = h;
    return AKI_OK;
}

void hangup_close(hangup *h)
{
    if (h == NULL)
        return;
    if (h->signals >= 0)
        close(h->signals);
    mem_free(h);
}

int hangup_wait(hangup *h, int until)
{
    struct pollfd waiting[2] = {{.fd = until, .events = POLLIN}, {.fd = h->signals, .events = POLLIN}};
    for (;;) {
        if (poll(waiting, 2, -1) < 0) {
            if (errno != EINTR)
                return 0;
            continue;
        }
        if (waiting[0].revents != 0)
            return 0;
        struct signalfd_siginfo info;
        if (read(h->signals, &info, sizeof info) == sizeof info)
            return (int)info.ssi_signo;
    }
}
