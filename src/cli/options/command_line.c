#include "cli/options/command_line.h"

#include "base/error.h"
#include "cli/options/commands.h"
#include "cli/options/options.h"

#include <stdio.h>
#include <string.h>

static aki_status refuse_flag(const char *argument, size_t name_length, command_id command, aki_error *error)
{
    char typed[SUGGEST_MAX_BYTES];
    snprintf(typed, sizeof typed, "%.*s", (int)name_length, argument + 2);
    option_id id = option_by_flag(typed, strlen(typed));
    if (id != OPTION_TOTAL) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s does not take --%s", command_table[command].name, typed);
        error_hint(error, "`akidb-embed help %s` lists its options.", command_table[command].name);
        return AKI_INVALID_ARGUMENT;
    }
    option_id nearest = OPTION_TOTAL;
    for (id = 0; id < OPTION_TOTAL; id++)
        if (option_taken_by(id, command) && suggest_near(typed, option_table[id].flag) &&
            (nearest == OPTION_TOTAL || suggest_distance(typed, option_table[id].flag) <
                                            suggest_distance(typed, option_table[nearest].flag)))
            nearest = id;
    error_set(error, AKI_INVALID_ARGUMENT, "unknown option '%.*s'", (int)name_length + 2, argument);
    if (nearest != OPTION_TOTAL)
        error_hint(error, "Did you mean --%s? `akidb-embed help %s` lists all options.",
                   option_table[nearest].flag, command_table[command].name);
    else
        error_hint(error, "`akidb-embed help %s` lists the options.", command_table[command].name);
    return AKI_INVALID_ARGUMENT;
}

/* One argument that begins with "--"; *next is moved on when it uses the following one. */
static aki_status read_flag(command_line *line, command_id command, int count, const char *const *arguments,
                            int *next, aki_error *error)
{
    const char *argument = arguments[*next];
    size_t length = strcspn(argument, "=") - 2;
    const char *value = argument[length + 2] == '=' ? argument + length + 3 : NULL;
    option_id id = option_by_flag(argument + 2, length);
    if (id == OPTION_TOTAL && value == NULL && length > 3 && strncmp(argument + 2, "no-", 3) == 0) {
        id = option_by_flag(argument + 5, length - 3);
        if (id != OPTION_TOTAL && option_table[id].type != OPTION_TYPE_SWITCH)
            id = OPTION_TOTAL;
        value = "false";
    }
    if (id == OPTION_TOTAL || !option_taken_by(id, command))
        return refuse_flag(argument, length, command, error);
    if (value == NULL && option_table[id].type == OPTION_TYPE_SWITCH)
        value = "true";
    if (value == NULL) {
        if (*next + 1 >= count || strncmp(arguments[*next + 1], "--", 2) == 0) {
            char values[200];
            option_describe_values(&option_table[id], values, sizeof values);
            error_set(error, AKI_INVALID_ARGUMENT, "%s needs a value: %s", argument, values);
            error_hint(error, "Write %s VALUE or %s=VALUE.", argument, argument);
            return AKI_INVALID_ARGUMENT;
        }
        value = arguments[++*next];
    }
    line->given[id] = argument;
    line->values[id] = value;
    if (!option_repeats(id, command))
        return AKI_OK;
    if (line->repeated_count == COMMAND_LINE_REPEATED_MAX)
        return error_set(error, AKI_INVALID_ARGUMENT, "--%s is given more than %d times",
                         option_table[id].flag, COMMAND_LINE_REPEATED_MAX);
    line->repeated[line->repeated_count].id = id;
    line->repeated[line->repeated_count++].value = value;
    return AKI_OK;
}

aki_status command_line_read(command_line *line, command_id command, int count, const char *const *arguments,
                             aki_error *error)
{
    aki_status status = AKI_OK;
    bool options_end = false;
    for (int i = 0; i < count && status == AKI_OK; i++) {
        const char *argument = arguments[i];
        if (!options_end && strcmp(argument, "--") == 0) {
            options_end = true;
        } else if (!options_end && (strcmp(argument, "-h") == 0 || strcmp(argument, "-V") == 0)) {
            option_id id = argument[1] == 'h' ? OPTION_HELP : OPTION_VERSION;
            line->given[id] = argument;
            line->values[id] = "true";
        } else if (!options_end && strncmp(argument, "--", 2) == 0) {
            status = read_flag(line, command, count, arguments, &i, error);
        } else if (!options_end && argument[0] == '-' && argument[1] != '\0') {
            status = error_set(error, AKI_INVALID_ARGUMENT, "unknown option '%s'", argument);
            error_hint(error, "Options are written with two dashes; `akidb-embed help %s` lists them.",
                       command_table[command].name);
        } else {
            if (line->argument_count++ == 0)
                line->first = argument;
            line->argument = argument;
        }
    }
    return status;
}

aki_status command_line_check_arguments(const command_line *line, command_id command, aki_error *error)
{
    const cli_command *c = &command_table[command];
    const bool verb = c->verb != NULL && line->first != NULL && strcmp(line->first, c->verb) == 0;
    const int wanted = verb ? 2 : c->argument != NULL ? 1 : 0;
    if (line->argument_count > wanted) {
        error_set(error, AKI_INVALID_ARGUMENT, "unexpected argument '%s'", line->argument);
        error_hint(error, "%s", c->argument_hint);
        return AKI_INVALID_ARGUMENT;
    }
    if (line->argument_count < wanted) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s%s%s needs %s", c->name, verb ? " " : "",
                  verb ? c->verb : "", verb ? c->verb_argument : c->argument);
        error_hint(error, "%s", c->argument_hint);
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}
