/* Variables that look meant for this program but are read by no option: mistyped ones, and those of the Rust service that
 * this program replaces. Ignored without a word, they would leave a default in force that nobody asked for. */
#ifndef CLI_OPTIONS_UNREAD_VARIABLES_H
#define CLI_OPTIONS_UNREAD_VARIABLES_H

#include <stdbool.h>

#include "cli/options/suggest.h"

typedef struct unread_variable {
    char name[SUGGEST_MAX_BYTES];
    const char *meant; /* the variable to set instead; NULL = nothing takes its place */
} unread_variable;

/* Fills *found with the next such variable of `environment` ("NAME=value" strings, NULL at the end); false at the end. *cursor
 * starts at 0. Other names that begin with AKIDB_ are left alone: orchestrators make some of a service's name. */
bool unread_variables_next(const char *const *environment, size_t *cursor, unread_variable *found);

#endif
