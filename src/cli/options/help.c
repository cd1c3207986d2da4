#include "cli/options/help.h"

#include "base/memory.h"
#include "cli/options/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 30 /* where explanations begin */
#define HELP_WIDTH 100

static void append_padded(buf *out, const char *text, size_t width)
{
    buf_append_string(out, text);
    for (size_t used = strlen(text); used < width; used++)
        buf_append_char(out, ' ');
}

/* Words of `text`, wrapped at HELP_WIDTH and indented from the second line on; *column is where the pen stands. */
static void append_wrapped(buf *out, const char *text, size_t *column)
{
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (*column + 1 + word > HELP_WIDTH) {
            buf_append_char(out, '\n');
            append_padded(out, "", HELP_COLUMN);
            *column = HELP_COLUMN;
        } else if (*column > HELP_COLUMN) {
            buf_append_char(out, ' ');
            *column += 1;
        }
        buf_append(out, text, word);
        *column += word;
        text += word;
        text += strspn(text, " ");
    }
}

/* "--port NUMBER", "--[no-]normalize", "-h, --help" */
static void write_flag(const option_row *row, char *out, size_t room)
{
    char value[80];
    option_value_name(row, value, sizeof value);
    if (row == &option_table[OPTION_HELP] || row == &option_table[OPTION_VERSION])
        snprintf(out, room, "%s, --%s", row == &option_table[OPTION_HELP] ? "-h" : "-V", row->flag);
    else if (row->type == OPTION_TYPE_SWITCH && row->variable != NULL)
        snprintf(out, room, "--[no-]%s", row->flag);
    else
        snprintf(out, room, "--%s%s%s", row->flag, *value != '\0' ? " " : "", value);
}

static void append_option(buf *out, const option_row *row)
{
    char flag[140], note[200];
    write_flag(row, flag, sizeof flag);
    buf_append_string(out, "  ");
    append_padded(out, flag, HELP_COLUMN - 2);
    size_t column = HELP_COLUMN;
    if (strlen(flag) + 2 >= HELP_COLUMN) {
        buf_append_char(out, '\n');
        append_padded(out, "", HELP_COLUMN);
    }
    append_wrapped(out, row->help, &column);
    if (row->variable != NULL) {
        bool shown = row->default_text != NULL;
        snprintf(note, sizeof note, "[%s%s%s%s%s%s]", shown ? "default " : "", shown ? row->default_text : "",
                 shown ? "; " : "", row->variable, row->other_variable != NULL ? ", " : "",
                 row->other_variable != NULL ? row->other_variable : "");
        append_wrapped(out, note, &column);
    }
    buf_append_char(out, '\n');
}

void help_overview(buf *out)
{
    buf_append_string(out,
                      "akidb-embed " AKI_VERSION " - text embeddings with sentence-transformers models\n\n"
                      "Usage: akidb-embed <command> [options]\n\nCommands:\n");
    for (command_id id = 0; id < COMMAND_TOTAL; id++) {
        buf_append_string(out, "  ");
        append_padded(out, command_table[id].name, 12);
        buf_printf(out, "%s\n", command_table[id].summary);
    }
    buf_append_string(
        out, "  help        explain a command: akidb-embed help <command>\n\n"
             "Try it:\n"
             "  echo 'a cat sits on the mat' | akidb-embed embed\n"
             "  akidb-embed serve\n\n"
             "Every option is also an AKIDB_* variable and a line `key = value` of a config file "
             "(--config FILE).\n"
             "A flag wins over a variable, a variable over the file, the file over the default.\n\n"
             "Exit codes: 0 done, 1 failed, 2 wrong usage, 128 + n ended by signal n.\n"
             "Options for all commands: --config FILE, --print-config, --help, --version.\n"
             "Man pages: `akidb-embed help --man [COMMAND] | man -l -`; completion: `akidb-embed help "
             "--completion bash`, zsh or fish.\n");
}

void help_command(buf *out, command_id command)
{
    const cli_command *c = &command_table[command];
    buf_printf(out, "akidb-embed %s - %s\n\nUsage: akidb-embed %s%s%s [options]\n", c->name, c->summary,
               c->name, c->argument != NULL ? " " : "", c->argument != NULL ? c->argument : "");
    if (c->verb != NULL)
        buf_printf(out, "       akidb-embed %s %s %s [options]\n", c->name, c->verb, c->verb_argument);
    buf_printf(out, "\n%s\nExamples:\n%s", c->description, c->examples);
    const char *section = "";
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        const option_row *row = &option_table[id];
        if (!option_taken_by(id, command))
            continue;
        if (strcmp(section, row->section) != 0) {
            section = row->section;
            buf_printf(out, "\n%s:\n", section);
        }
        append_option(out, row);
    }
    bool skips = option_taken_by(OPTION_ON_ERROR, command);
    buf_printf(out, "\nExit codes: 0 done, 1 failed, 2 wrong usage,%s 128 + n ended by signal n.\n",
               skips ? " 3 --on-error skip left texts out," : "");
}

static void append_cell(buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_append_char(out, '\\');
        buf_append_char(out, *text);
    }
}

static void append_markdown_row(buf *out, option_id id)
{
    const option_row *row = &option_table[id];
    char key[80], values[240], flag[140];
    write_flag(row, flag, sizeof flag);
    buf_append_string(out, "| `");
    append_cell(out, flag);
    if (row->variable == NULL) {
        buf_append_string(out, "` | – | – | | ");
    } else {
        option_key(id, key, sizeof key);
        option_describe_values(&option_table[id], values, sizeof values);
        buf_printf(out, "` | `%s`%s%s%s | %s%s%s | %s", row->variable,
                   row->other_variable != NULL ? ", else `" : "",
                   row->other_variable != NULL ? row->other_variable : "",
                   row->other_variable != NULL ? "`" : "", id == OPTION_CONFIG ? "–" : "`",
                   id == OPTION_CONFIG ? "" : key, id == OPTION_CONFIG ? "" : "`", values);
        if (row->default_text != NULL)
            buf_printf(out, "; default `%s`", row->default_text);
        buf_append_string(out, " | ");
    }
    bool first = true;
    for (command_id c = 0; c < COMMAND_TOTAL; c++) {
        if (!option_taken_by(id, c))
            continue;
        buf_printf(out, "%s%s", first ? "" : ", ", command_table[c].name);
        first = false;
    }
    buf_append_string(out, " | ");
    append_cell(out, row->help);
    buf_append_string(out, " |\n");
}

void help_markdown(buf *out)
{
    buf_append_string(
        out,
        "# Options of akidb-embed\n\n"
        "Made by `akidb-embed help --markdown` from the program's table of options; do not edit by hand.\n\n"
        "A value is looked up in this order: flag, variable, the `[command]` section of the config file, the "
        "part of the\n"
        "config file before its first section, default. A value that is given is checked wherever it stands, "
        "and an\n"
        "error names the source: `AKIDB_PORT=99999: must be a whole number from 0 to 65535`. A variable that "
        "is set to\n"
        "nothing counts as unset.\n\n"
        "A flag is written `--flag value` or `--flag=value`; a switch `--flag` or `--no-flag`, and `true` or "
        "`false` (also\n"
        "`yes`, `no`, `on`, `off`, `1`, `0`) elsewhere. Bytes take `KB`, `MB`, `GB` (powers of 1000) and "
        "`KiB`, `MiB`,\n"
        "`GiB` (powers of 1024); durations need `ms`, `s`, `m` or `h`.\n\n"
        "A config file is named by `--config FILE` or `AKIDB_CONFIG`; `--print-config` after any command "
        "prints the values\n"
        "in force in its form:\n\n"
        "```ini\n"
        "# for every command that has the option\n"
        "model = sentence-transformers/all-MiniLM-L6-v2\n"
        "offline = true\n\n"
        "[serve]\n"
        "host = 0.0.0.0\n"
        "max_body_bytes = 16MiB\n"
        "```\n\n"
        "A value is all that follows the first `=` or `:`, without the blanks at both ends and without one "
        "pair of double\n"
        "quotes around it; `;` and `#` in it are part of it. A comment takes a line of its own, which begins "
        "with `#` or `;`.\n"
        "A file has at most 1 MiB.\n");
    const char *section = "";
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        if (strcmp(section, option_table[id].section) != 0) {
            section = option_table[id].section;
            buf_printf(out,
                       "\n## %s\n\n| flag | variable | config key | value | commands | meaning |\n"
                       "|---|---|---|---|---|---|\n",
                       section);
        }
        append_markdown_row(out, id);
    }
}

/* Prints a value as a line of the config file would need it. Control characters cannot be written there. */
static void append_setting(buf *out, const char *key, const char *text)
{
    size_t length = strlen(text);
    for (const char *c = text; *c != '\0'; c++)
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7F) {
            buf_printf(out, "# %s is set, but has a control character, which no config file can hold\n", key);
            return;
        }
    bool blank_end =
        length > 0 && (strchr(" \t", text[0]) != NULL || strchr(" \t", text[length - 1]) != NULL);
    bool quoted = length >= 2 && text[0] == '"' && text[length - 1] == '"';
    const char *quote = blank_end || quoted ? "\"" : "";
    buf_printf(out, "%s = %s%s%s\n", key, quote, text, quote);
}

/* One for each line. */
static void append_settings(buf *out, const char *key, const char *text)
{
    for (size_t length; *text != '\0'; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        char *value = mem_copy_text(text, length);
        if (value == NULL) {
            out->failed = true;
            return;
        }
        append_setting(out, key, value);
        mem_free(value);
    }
}

void help_effective_config(buf *out, const options *o)
{
    buf_printf(out, "# akidb-embed %s %s: the values in force\n[%s]\n", AKI_VERSION,
               command_table[o->command].name, command_table[o->command].name);
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        char key[80];
        const option_value *value = &o->values[id];
        if (!option_taken_by(id, o->command) || option_table[id].variable == NULL || id == OPTION_CONFIG)
            continue;
        option_key(id, key, sizeof key);
        if (value->origin != NULL)
            buf_printf(out, "# from %s\n", value->origin);
        if (value->text == NULL)
            buf_printf(out, "# %s is not set\n", key);
        else if (option_repeats(id, o->command))
            append_settings(out, key, value->text);
        else
            append_setting(out, key, value->text);
    }
}
