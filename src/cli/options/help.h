/* Help texts and docs/OPTIONS.md, all made from the tables of commands and options. */
#ifndef CLI_OPTIONS_HELP_H
#define CLI_OPTIONS_HELP_H

#include "cli/options/options.h"

void help_overview(buf *out);
void help_command(buf *out, command_id command);
/* The contents of docs/OPTIONS.md. */
void help_markdown(buf *out);
/* The values in force, as a config file that can be read back. */
void help_effective_config(buf *out, const options *o);

#endif
