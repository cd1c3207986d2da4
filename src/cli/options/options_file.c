/* The config file (config_lines.h). Keys before the first [section] hold for every command that has the option. A
 * section named like a command holds for that command only, and wins. */
#include "cli/options/options.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/options/commands.h"
#include "cli/options/config_lines.h"

#include <stdio.h>
#include <string.h>

#define EVERY_COMMAND COMMAND_TOTAL /* the part before the first section */
/* Of all values of a key that repeats: more than a whole file has. */
#define VALUES_BYTES_MAX ((size_t)2 << 20)

typedef struct config_file {
    options *o;
    const char *path; /* of the line that is being read, as are the two below */
    int line;
    aki_error *error;
    command_id section;
    int seen[COMMAND_TOTAL + 1][OPTION_TOTAL]; /* line of each key, per section */
} config_file;

static void set_place(config_file *c, const char *path, int line, aki_error *error)
{
    c->path = path;
    c->line = line;
    c->error = error;
}

static aki_status refuse(config_file *c, const char *hint)
{
    error_hint(c->error, "%s", hint);
    return AKI_INVALID_ARGUMENT;
}

static aki_status refuse_key(config_file *c, const char *key)
{
    option_id nearest = OPTION_TOTAL;
    char name[SUGGEST_MAX_BYTES], best[SUGGEST_MAX_BYTES] = "", hint[200];
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        if (option_table[id].variable == NULL || id == OPTION_CONFIG)
            continue;
        option_key(id, name, sizeof name);
        if (suggest_near(key, name) &&
            (nearest == OPTION_TOTAL || suggest_distance(key, name) < suggest_distance(key, best))) {
            nearest = id;
            memcpy(best, name, sizeof best);
        }
    }
    error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: unknown key '%s'", c->path, c->line, key);
    if (nearest == OPTION_TOTAL)
        return refuse(
            c,
            "`akidb-embed help <command>` lists the options; a key is the option's name with '_' for '-'.");
    snprintf(hint, sizeof hint, "Did you mean '%s'?", best);
    return refuse(c, hint);
}

/* again: the key stood in this section before, so that the value is one more. */
static aki_status store(config_file *c, option_id id, const char *origin, const char *label,
                        const char *value, bool again)
{
    if (!again)
        return options_store(c->o, id, OPTION_FROM_FILE, origin, label, value, c->error);
    buf text;
    buf_init(&text, VALUES_BYTES_MAX);
    buf_printf(&text, "%s\n%s", option_text(c->o, id), value);
    aki_status status = text.failed
                            ? error_set(c->error, AKI_OUT_OF_MEMORY, "no memory for the options")
                            : options_store(c->o, id, OPTION_FROM_FILE, origin, label, text.data, c->error);
    buf_free(&text);
    return status;
}

static aki_status take_value(config_file *c, option_id id, const char *key, const char *value)
{
    char label[700], origin[300];
    snprintf(label, sizeof label, "%.200s line %d: %s = %.100s", c->path, c->line, key, value);
    snprintf(origin, sizeof origin, "%.200s line %d", c->path, c->line);
    command_id command = c->o->command;
    bool ours = option_taken_by(id, command) &&
                (c->section == command || (c->section == EVERY_COMMAND && c->seen[command][id] == 0));
    const bool again = c->seen[c->section][id] != 0;
    c->seen[c->section][id] = c->line;
    option_value ignored = {.text = NULL};
    aki_status status =
        ours ? store(c, id, origin, label, value, again) : option_parse(id, label, value, &ignored, c->error);
    mem_free(ignored.text);
    if (status == AKI_INVALID_ARGUMENT && (strstr(value, " ;") != NULL || strstr(value, " #") != NULL))
        return refuse(c, "A comment takes a line of its own; behind a value it is part of the value.");
    return status;
}

static aki_status take_section(void *cookie, const char *path, int line, char *name, aki_error *error)
{
    config_file *c = cookie;
    set_place(c, path, line, error);
    for (c->section = 0; c->section < COMMAND_TOTAL; c->section++)
        if (strcmp(name, command_table[c->section].name) == 0)
            return AKI_OK;
    error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: unknown section [%s]", c->path, c->line, name);
    return refuse(c, "A section is named like a command: [serve], [embed], [tokenize], [pull], [models] or "
                     "[doctor].");
}

static aki_status take_setting(void *cookie, const char *path, int line, char *key, char *value,
                               aki_error *error)
{
    config_file *c = cookie;
    set_place(c, path, line, error);
    option_id id = option_by_key(key);
    if (id == OPTION_TOTAL || option_table[id].variable == NULL || id == OPTION_CONFIG)
        return refuse_key(c, key);
    if (c->section != EVERY_COMMAND && !option_taken_by(id, c->section)) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: %s does not take '%s'", c->path, c->line,
                  command_table[c->section].name, key);
        return refuse(c, "Move the line to the section of a command that takes it.");
    }
    const command_id reader = c->section == EVERY_COMMAND ? c->o->command : c->section;
    if (c->seen[c->section][id] != 0 && !option_repeats(id, reader)) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: '%s' was already set in line %d", c->path,
                  c->line, key, c->seen[c->section][id]);
        return refuse(c, "Keep one of the two lines.");
    }
    return take_value(c, id, key, value);
}

aki_status options_read_file(options *o, const char *path, aki_error *error)
{
    config_file c = {.o = o, .section = EVERY_COMMAND};
    const config_reader reader = {
        .kind = "config file",
        .hint = "Check the path given to --config or AKIDB_CONFIG.",
        .example = "A comment begins with '#' or ';'; `akidb-embed serve --print-config` shows the form.",
        .section = take_section,
        .setting = take_setting,
        .cookie = &c};
    return config_lines_read(path, &reader, error);
}
