/* The config file: `key = value` lines, read with inih. What stands before the first [section] holds for every command
 * that has the option; a section named like a command holds for that command only and wins.
 *
 * inih cuts lines at its buffer's size and reads the rest as a line of its own, and its handler is not told the line's
 * number. The reader below sees every line, so it counts them and refuses the long ones. */
#include "cli/options.h"

#include "base/error.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/suggest.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define EVERY_COMMAND COMMAND_TOTAL /* the part before the first section */

typedef struct config_file {
    options *o;
    const char *path;
    FILE *file;
    int line;
    size_t room; /* of inih's buffer */
    aki_status status;
    aki_error *error;
    int seen[COMMAND_TOTAL + 1][OPTION_TOTAL]; /* line of each key, per section */
} config_file;

static char *read_line(char *out, int room, void *cookie)
{
    config_file *c = cookie;
    if (c->status != AKI_OK || fgets(out, room, c->file) == NULL)
        return NULL;
    c->line++;
    size_t length = strlen(out);
    if (length + 1 == (size_t)room && out[length - 1] != '\n') {
        c->status = error_set(c->error, AKI_INVALID_ARGUMENT,
                              "%s line %d: longer than the %d bytes that a line of a config file may have",
                              c->path, c->line, room - 2);
        return NULL;
    }
    return out;
}

static int refuse(config_file *c, const char *hint)
{
    c->status = AKI_INVALID_ARGUMENT;
    error_hint(c->error, "%s", hint);
    return 0;
}

static int refuse_key(config_file *c, const char *key)
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

/* Quotes around a value are what other formats want: they are taken off. */
static void unquote(const char *value, char *out, size_t room)
{
    size_t length = strlen(value);
    bool quoted = length >= 2 && value[0] == '"' && value[length - 1] == '"';
    snprintf(out, room, "%.*s", (int)(quoted ? length - 2 : length), quoted ? value + 1 : value);
}

static int take_value(config_file *c, command_id section, option_id id, const char *key, const char *raw)
{
    char value[512], label[700], origin[300];
    unquote(raw, value, sizeof value);
    snprintf(label, sizeof label, "%.200s line %d: %s = %.100s", c->path, c->line, key, value);
    snprintf(origin, sizeof origin, "%.200s line %d", c->path, c->line);
    command_id command = c->o->command;
    bool ours = option_taken_by(id, command) &&
                (section == command || (section == EVERY_COMMAND && c->seen[command][id] == 0));
    c->seen[section][id] = c->line;
    option_value ignored = {.text = NULL};
    if (ours)
        c->status = options_store(c->o, id, OPTION_FROM_FILE, origin, label, value, c->error);
    else
        c->status = option_parse(id, label, value, &ignored, c->error);
    mem_free(ignored.text);
    return c->status == AKI_OK;
}

static int on_value(void *cookie, const char *section_name, const char *key, const char *value)
{
    config_file *c = cookie;
    if (c->status != AKI_OK)
        return 0;
    command_id section = EVERY_COMMAND;
    if (*section_name != '\0') {
        for (section = 0; section < COMMAND_TOTAL; section++)
            if (strcmp(section_name, command_table[section].name) == 0)
                break;
        if (section == COMMAND_TOTAL) {
            error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: unknown section [%s]", c->path, c->line,
                      section_name);
            return refuse(
                c, "A section is named like a command: [serve], [embed], [tokenize], [pull], [models] or "
                   "[doctor].");
        }
    }
    option_id id = option_by_key(key);
    if (id == OPTION_TOTAL || option_table[id].variable == NULL || id == OPTION_CONFIG)
        return refuse_key(c, key);
    if (section != EVERY_COMMAND && !option_taken_by(id, section)) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: %s does not take '%s'", c->path, c->line,
                  section_name, key);
        return refuse(c, "Move the line to the section of a command that takes it.");
    }
    if (c->seen[section][id] != 0) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: '%s' was already set in line %d", c->path,
                  c->line, key, c->seen[section][id]);
        return refuse(
            c, "Keep one of the two lines; a line that begins with a space continues the one before it.");
    }
    return take_value(c, section, id, key, value);
}

aki_status options_read_file(options *o, const char *path, aki_error *error)
{
    config_file c = {.o = o, .path = path, .error = error};
    c.file = fopen(path, "re");
    if (c.file == NULL) {
        error_set_errno(error, AKI_IO_ERROR, errno, "cannot open the config file '%s'", path);
        error_hint(error, "Check the path given to --config or AKIDB_CONFIG.");
        return AKI_IO_ERROR;
    }
    int line = ini_parse_stream(read_line, &c, on_value, &c);
    if (c.status == AKI_OK && ferror(c.file) != 0) {
        c.status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot read the config file '%s'", path);
    } else if (c.status == AKI_OK && line != 0) {
        c.status = error_set(error, AKI_INVALID_ARGUMENT, "%s line %d: neither `key = value` nor a [section]",
                             path, line);
        error_hint(error,
                   "A comment begins with '#' or ';'; `akidb-embed serve --print-config` shows the form.");
    }
    fclose(c.file);
    return c.status;
}
