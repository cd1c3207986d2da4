/* The config file: `key = value` lines. Keys before the first [section] hold for every command that has the option. A
 * section named like a command holds for that command only, and wins.
 *
 * A value is everything behind the first '=' or ':', up to the end of the line, without the blanks at both ends and
 * without one pair of double quotes around it. Paths and texts may contain ';' and '#', so neither begins a comment
 * inside a value: a comment takes a line of its own. Lines end in LF or CRLF; a byte order mark at the start is
 * skipped.
 *
 * The rules are few, and the usual INI libraries break them (they end a value at " ;", cut long lines, or give no
 * line numbers): hence this reader. */
#include "cli/options/options.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/options/commands.h"
#include "cli/options/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EVERY_COMMAND COMMAND_TOTAL /* the part before the first section */
#define FILE_BYTES_MAX ((size_t)1 << 20)
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

typedef struct config_file {
    options *o;
    const char *path;
    int line;
    command_id section;
    aki_error *error;
    int seen[COMMAND_TOTAL + 1][OPTION_TOTAL]; /* line of each key, per section */
} config_file;

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

/* Trims blanks at both ends, in place. */
static char *trim(char *text)
{
    static const char blanks[] = " \t\r";
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    return text;
}

static char *unquote(char *value)
{
    size_t length = strlen(value);
    if (length < 2 || value[0] != '"' || value[length - 1] != '"')
        return value;
    value[length - 1] = '\0';
    return value + 1;
}

static aki_status take_value(config_file *c, option_id id, const char *key, const char *value)
{
    char label[700], origin[300];
    snprintf(label, sizeof label, "%.200s line %d: %s = %.100s", c->path, c->line, key, value);
    snprintf(origin, sizeof origin, "%.200s line %d", c->path, c->line);
    command_id command = c->o->command;
    bool ours = option_taken_by(id, command) &&
                (c->section == command || (c->section == EVERY_COMMAND && c->seen[command][id] == 0));
    c->seen[c->section][id] = c->line;
    option_value ignored = {.text = NULL};
    aki_status status = ours ? options_store(c->o, id, OPTION_FROM_FILE, origin, label, value, c->error)
                             : option_parse(id, label, value, &ignored, c->error);
    mem_free(ignored.text);
    if (status == AKI_INVALID_ARGUMENT && (strstr(value, " ;") != NULL || strstr(value, " #") != NULL))
        return refuse(c, "A comment takes a line of its own; behind a value it is part of the value.");
    return status;
}

static aki_status take_section(config_file *c, char *text)
{
    char *end = strchr(text, ']');
    const char *behind = end != NULL ? end + 1 + strspn(end + 1, " \t") : "";
    if (end == NULL || (*behind != '\0' && *behind != '#' && *behind != ';')) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: a section is written [name]", c->path,
                  c->line);
        return refuse(c, "A comment begins with '#' or ';'.");
    }
    *end = '\0';
    const char *name = trim(text + 1);
    for (c->section = 0; c->section < COMMAND_TOTAL; c->section++)
        if (strcmp(name, command_table[c->section].name) == 0)
            return AKI_OK;
    error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: unknown section [%s]", c->path, c->line, name);
    return refuse(c, "A section is named like a command: [serve], [embed], [tokenize], [pull], [models] or "
                     "[doctor].");
}

static aki_status take_setting(config_file *c, char *text)
{
    char *separator = strpbrk(text, "=:");
    if (separator == NULL) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: neither `key = value` nor a [section]",
                  c->path, c->line);
        return refuse(c,
                      "A comment begins with '#' or ';'; `akidb-embed serve --print-config` shows the form.");
    }
    *separator = '\0';
    const char *key = trim(text), *value = unquote(trim(separator + 1));
    option_id id = option_by_key(key);
    if (id == OPTION_TOTAL || option_table[id].variable == NULL || id == OPTION_CONFIG)
        return refuse_key(c, key);
    if (c->section != EVERY_COMMAND && !option_taken_by(id, c->section)) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: %s does not take '%s'", c->path, c->line,
                  command_table[c->section].name, key);
        return refuse(c, "Move the line to the section of a command that takes it.");
    }
    if (c->seen[c->section][id] != 0) {
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: '%s' was already set in line %d", c->path,
                  c->line, key, c->seen[c->section][id]);
        return refuse(c, "Keep one of the two lines.");
    }
    return take_value(c, id, key, value);
}

/* Refuses control characters: they come from another encoding (UTF-16) or other line ends (CR alone), and would end
 * up in values. */
static aki_status check_characters(config_file *c, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool ends_line = byte == '\r' && i + 1 == length;
        if (byte != 0x7F && (byte >= 0x20 || byte == '\t' || ends_line))
            continue;
        error_set(c->error, AKI_INVALID_ARGUMENT, "%s line %d: byte %zu is a control character (0x%02X)",
                  c->path, c->line, i + 1, byte);
        return refuse(c, "Save the file as text in UTF-8, with LF or CRLF at the ends of lines.");
    }
    return AKI_OK;
}

static aki_status take_line(config_file *c, char *text, size_t length)
{
    aki_status status = check_characters(c, text, length);
    if (status != AKI_OK)
        return status;
    text = trim(text);
    if (*text == '\0' || *text == '#' || *text == ';')
        return AKI_OK;
    return *text == '[' ? take_section(c, text) : take_setting(c, text);
}

/* Reads the whole file and terminates it with NUL. */
static aki_status read_file(const char *path, buf *text, aki_error *error)
{
    char block[4096];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        error_set_errno(error, AKI_IO_ERROR, errno, "cannot open the config file '%s'", path);
        error_hint(error, "Check the path given to --config or AKIDB_CONFIG.");
        return AKI_IO_ERROR;
    }
    aki_status status = AKI_OK;
    for (size_t count; !text->failed && (count = fread(block, 1, sizeof block, file)) > 0;)
        buf_append(text, block, count);
    if (ferror(file) != 0)
        status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot read the config file '%s'", path);
    fclose(file);
    buf_append_char(text, '\0');
    if (status == AKI_OK && text->failed)
        status = error_set(error, AKI_INVALID_ARGUMENT,
                           "the config file '%s' has more than the %zu bytes that it may have", path,
                           FILE_BYTES_MAX);
    return status;
}

aki_status options_read_file(options *o, const char *path, aki_error *error)
{
    config_file c = {.o = o, .path = path, .section = EVERY_COMMAND, .error = error};
    buf text;
    buf_init(&text, FILE_BYTES_MAX);
    aki_status status = read_file(path, &text, error);
    const size_t mark = sizeof BYTE_ORDER_MARK - 1;
    size_t start = status == AKI_OK && strncmp(text.data, BYTE_ORDER_MARK, mark) == 0 ? mark : 0;
    while (status == AKI_OK && start + 1 < text.length) {
        char *line = text.data + start, *end = memchr(line, '\n', text.length - 1 - start);
        size_t length = end != NULL ? (size_t)(end - line) : text.length - 1 - start;
        line[length] = '\0';
        c.line++;
        start += length + 1;
        status = take_line(&c, line, length);
    }
    buf_free(&text);
    return status;
}
