/* The command line taken apart: which options are given, and what stands beside them. Values are not looked at here. */
#ifndef CLI_OPTIONS_COMMAND_LINE_H
#define CLI_OPTIONS_COMMAND_LINE_H

#include "cli/options/options.h"

#define COMMAND_LINE_REPEATED_MAX 256

typedef struct command_line {
    const char *given[OPTION_TOTAL];  /* the argument as written, or NULL */
    const char *values[OPTION_TOTAL]; /* its value, the last one */
    struct {
        option_id id;
        const char *value;
    } repeated
        [COMMAND_LINE_REPEATED_MAX]; /* [repeated_count]: each value of the options that repeat, in their order */
    size_t repeated_count;
    const char *first;    /* that is no option */
    const char *argument; /* the last that is no option */
    int argument_count;
} command_line;

/* The strings stay those of `arguments`. Error: AKI_INVALID_ARGUMENT (unknown option, with the nearest one; value missing; more
 * than COMMAND_LINE_REPEATED_MAX values of options that repeat). */
AKI_MUST_CHECK aki_status command_line_read(command_line *line, command_id command, int count,
                                            const char *const *arguments, aki_error *error);

/* Error: AKI_INVALID_ARGUMENT when the command takes another number of arguments beside its options. */
AKI_MUST_CHECK aki_status command_line_check_arguments(const command_line *line, command_id command,
                                                       aki_error *error);

#endif
