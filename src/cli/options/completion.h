/* Completion scripts for shells, made from the tables of commands and options. Each stands by itself: that of bash does
 * not need the package bash-completion. `akidb-embed help --completion SHELL` prints them, the build installs them. */
#ifndef CLI_OPTIONS_COMPLETION_H
#define CLI_OPTIONS_COMPLETION_H

#include "cli/options/options.h"

typedef struct completion_shell {
    const char *name; /* "bash" */
    void (*write)(buf *out);
} completion_shell;

#define COMPLETION_SHELLS 3

extern const completion_shell completion_table[COMPLETION_SHELLS];

#endif
