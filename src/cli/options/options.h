/* The options of every command: one table, four sources.
 *
 * The rows are declared in the option_list.h of the rooms that use them (base/option.h). A row of the table is a flag, an AKIDB_* variable and a key of the config file at once; parsing, error messages, --help,
 * --print-config and docs/OPTIONS.md all come from it. A value is looked up in this order: flag, variable, [command]
 * section of the config file, its part before the first section, default. What is given is checked wherever it stands, and an
 * error names the source: "AKIDB_PORT=99999: must be a whole number from 0 to 65535". */
#ifndef CLI_OPTIONS_OPTIONS_H
#define CLI_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "akidb/embed.h"
#include "base/buf.h"
#include "cli/bench/option_list.h"
#include "cli/bulk/option_list.h"
#include "cli/options/option_list.h"
#include "engine/option_list.h"
#include "hub/option_list.h"
#include "server/option_list.h"

/* All lists of options, in the order of --help. */
#define PROGRAM_OPTIONS(OPTION, SETTING)                                                                     \
    HUB_OPTIONS(OPTION, SETTING)                                                                             \
    ENGINE_COMPUTING_OPTIONS(OPTION, SETTING)                                                                \
    SERVICE_OPTIONS(OPTION, SETTING)                                                                         \
    BULK_OPTIONS(OPTION, SETTING)                                                                            \
    BENCH_OPTIONS(OPTION, SETTING)                                                                           \
    GENERAL_OPTIONS(OPTION, SETTING)

typedef enum option_id {
#define OPTION_ENUM(ID, ...) OPTION_##ID,
    PROGRAM_OPTIONS(OPTION_ENUM, OPTION_ENUM) GENERAL_FLAG_OPTIONS(OPTION_ENUM)
#undef OPTION_ENUM
        OPTION_TOTAL
} option_id;

/* [OPTION_TOTAL] */
extern const option_row option_table[];

typedef enum option_source {
    OPTION_FROM_DEFAULT,
    OPTION_FROM_FILE,
    OPTION_FROM_VARIABLE,
    OPTION_FROM_FLAG,
} option_source;

typedef struct option_value {
    option_source source;
    char *text;     /* as written; NULL = not given and no default */
    char *origin;   /* "--port", "AKIDB_PORT", "akidb.ini line 3"; NULL for a default */
    int64_t number; /* for all types but TEXT and PATH */
} option_value;

typedef struct options {
    command_id command;
    option_value values[OPTION_TOTAL];
    /* what stands beside the options ("pull <id>"), behind the verb if there is one; or NULL */
    char *argument;
} options;

/* Resolves all sources for `command`. arguments: what follows the command's name. environment: as environ. --help among
 * the flags ends the work early with success. Free with options_free, also after a failure.
 * Errors: AKI_INVALID_ARGUMENT (bad option, value, variable or config file), AKI_IO_ERROR (config file not readable),
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status options_resolve(options *o, command_id command, int argument_count,
                                          const char *const *arguments, const char *const *environment,
                                          aki_error *error);
void options_free(options *o);

const char *option_text(const options *o, option_id id); /* NULL = not given and no default */
int64_t option_number(const options *o, option_id id);
size_t option_size(const options *o, option_id id);
bool option_on(const options *o, option_id id);
bool option_given(const options *o, option_id id); /* from any source but the default */

/* True when the command has this option. */
bool option_taken_by(option_id id, command_id command);

/* True when the command takes the option several times. */
bool option_repeats(option_id id, command_id command);

/* The row with this flag (without dashes) or config key; OPTION_TOTAL = none. */
option_id option_by_flag(const char *name, size_t length);
option_id option_by_key(const char *key);
/* Writes the config key of a row. */
void option_key(option_id id, char *key, size_t room);

/* Parses one value. label: how the error names it ("AKIDB_PORT=99999"). out gets text and number only.
 * Errors: AKI_INVALID_ARGUMENT, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status option_parse(option_id id, const char *label, const char *text, option_value *out,
                                       aki_error *error);

/* Reads a config file and sets the values of `o->command` that are not yet from a higher source.
 * Errors as options_resolve. */
AKI_MUST_CHECK aki_status options_read_file(options *o, const char *path, aki_error *error);

/* Stores a parsed value with its origin; label as in option_parse. */
AKI_MUST_CHECK aki_status options_store(options *o, option_id id, option_source source, const char *origin,
                                        const char *label, const char *text, aki_error *error);

/* "Did you mean ...?": the nearest of some names to a mistyped one. */

#define SUGGEST_MAX_BYTES 64 /* longer names have no neighbours */

/* Least number of insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string
 * alignment), or SUGGEST_MAX_BYTES when one is longer than that. */
size_t suggest_distance(const char *a, const char *b);

/* True when the two are near enough that one may be a slip for the other. */
int suggest_near(const char *typed, const char *name);

/* Variables that look meant for this program but are read by no option: mistyped ones, and those of the Rust service that
 * this program replaces. Ignored without a word, they would leave a default in force that nobody asked for. */

typedef struct unread_variable {
    char name[SUGGEST_MAX_BYTES];
    const char *meant; /* the variable to set instead; NULL = nothing takes its place */
} unread_variable;

/* Fills *found with the next such variable of `environment` ("NAME=value" strings, NULL at the end); false at the end. *cursor
 * starts at 0. Other names that begin with AKIDB_ are left alone: orchestrators make some of a service's name. */
bool unread_variables_next(const char *const *environment, size_t *cursor, unread_variable *found);

#endif
