/* Man pages, in the macros of man(7), made from the tables of commands and options: akidb-embed(1) for the program,
 * akidb-embed-COMMAND(1) for each command. `akidb-embed help --man [COMMAND]` prints them, the build installs them. */
#ifndef CLI_OPTIONS_MANUAL_H
#define CLI_OPTIONS_MANUAL_H

#include "cli/options/options.h"

void manual_overview(buf *out);
void manual_command(buf *out, command_id command);

#endif
