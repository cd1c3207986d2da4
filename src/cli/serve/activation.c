#include "cli/serve/activation.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static const char admin_name[] = "admin";

/* The length of the first of the names with colons between them, and what follows it. */
static size_t next_name(const char **names)
{
    size_t length = strcspn(*names, ":");
    *names += length + ((*names)[length] == ':');
    return length;
}

aki_status activation_read(activation *out, const char *pid, const char *count, const char *names,
                           long own_pid, aki_error *error)
{
    *out = (activation){0};
    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != own_pid)
        return AKI_OK;
    char *end;
    long sockets = strtol(count, &end, 10);
    if (end == count || *end != '\0' || sockets < 0 || sockets > ACTIVATION_MAX) {
        aki_status status = error_set(error, AKI_INVALID_ARGUMENT, "LISTEN_FDS=%.20s: must be 0 to %d", count,
                                      ACTIVATION_MAX);
        error_hint(error, "It is set by whoever starts the program, like systemd for a socket unit.");
        return status;
    }
    for (int i = 0; i < sockets; i++) {
        const char *name = names != NULL ? names : "";
        size_t length = names != NULL ? next_name(&names) : 0;
        if (length == sizeof admin_name - 1 && memcmp(name, admin_name, length) == 0)
            out->admin[out->admin_count++] = ACTIVATION_FIRST + i;
        else
            out->clients[out->clients_count++] = ACTIVATION_FIRST + i;
    }
    return AKI_OK;
}
