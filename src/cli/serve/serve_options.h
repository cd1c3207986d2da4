/* Turns the options of `akidb-embed serve` into the server's settings. */
#ifndef CLI_SERVE_SERVE_OPTIONS_H
#define CLI_SERVE_SERVE_OPTIONS_H

#include "cli/options/options.h"
#include "server/server.h"

/* Checks options that depend on each other. Errors: AKI_INVALID_ARGUMENT, with a hint. */
AKI_MUST_CHECK aki_status serve_options_check(const options *o, aki_error *error);

/* False with --host none: only the unix socket is listened on. */
bool serve_options_have_address(const options *o);

/* Sets all that is an option's; texts live as long as the options. */
void serve_options_read(const options *o, server_settings *settings);

#endif
