/* The lines by which `akidb-embed serve` tells where it is to be found. */
#ifndef CLI_SERVE_ANNOUNCE_H
#define CLI_SERVE_ANNOUNCE_H

#include "cli/serve/activation.h"
#include "cli/options/options.h"
#include "server/server.h"

/* Every address, port and socket that the server listens on, and whether keys are asked for. */
void serve_announce_listening(const options *o, const server *s, const activation *sockets,
                              const log_sink *log);

/* A command that a new user may copy. */
void serve_announce_example(const options *o, const server *s, const log_sink *log);

#endif
