/* Every form in which the tables of commands and options are printed: help texts, docs/OPTIONS.md, config files, man pages, scripts for
 * completion. */
#ifndef CLI_OPTIONS_HELP_H
#define CLI_OPTIONS_HELP_H

#include "cli/options/options.h"

void help_overview(buf *out);
void help_command(buf *out, command_id command);
/* The contents of docs/OPTIONS.md. */
void help_markdown(buf *out);
/* The values in force, as a config file that can be read back. */
void help_effective_config(buf *out, const options *o);

/* Man pages, in the macros of man(7), made from the tables of commands and options: akidb-embed(1) for the program,
 * akidb-embed-COMMAND(1) for each command. `akidb-embed help --man [COMMAND]` prints them, the build installs them. */
void manual_overview(buf *out);
void manual_command(buf *out, command_id command);

/* Completion scripts for shells, made from the tables of commands and options. Each stands by itself: that of bash does
 * not need the package bash-completion. `akidb-embed help --completion SHELL` prints them, the build installs them. */
typedef struct completion_shell {
    const char *name; /* "bash" */
    void (*write)(buf *out);
} completion_shell;

#define COMPLETION_SHELLS 3

extern const completion_shell completion_table[COMPLETION_SHELLS];

#endif
