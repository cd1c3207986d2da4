/* Listening sockets that the program was started with: systemd's socket activation, sd_listen_fds(3). A socket that is named
 * "admin" (FileDescriptorName=) is for the admin port, all others are for clients. */
#ifndef CLI_SERVE_ACTIVATION_H
#define CLI_SERVE_ACTIVATION_H

#include "akidb/embed.h"
#include "cli/options/options.h"
#include "server/server.h"

#define ACTIVATION_MAX 16
#define ACTIVATION_FIRST 3 /* descriptors count from here */

typedef struct activation {
    int clients[ACTIVATION_MAX], admin[ACTIVATION_MAX];
    size_t clients_count, admin_count;
} activation;

/* pid, count, names: LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, each NULL where unset; own_pid: of this process, for which the
 * sockets must be meant. Error: AKI_INVALID_ARGUMENT (a count that is none, or over ACTIVATION_MAX). */
AKI_MUST_CHECK aki_status activation_read(activation *out, const char *pid, const char *count,
                                          const char *names, long own_pid, aki_error *error);

/* The lines by which `akidb-embed serve` tells where it is to be found. */

/* Every address, port and socket that the server listens on, and whether keys are asked for. */
void serve_announce_listening(const options *o, const server *s, const activation *sockets,
                              const log_sink *log);

/* A command that a new user may copy. */
void serve_announce_example(const options *o, const server *s, const log_sink *log);

#endif
