#include "cli/options/help.h"

#include "cli/options/commands.h"

#include <string.h>

/* How a value is completed. */
typedef enum value_kind {
    VALUE_NONE, /* a switch takes no value */
    VALUE_FREE,
    VALUE_WORDS, /* choices, or the word that stands for 0 */
    VALUE_FILE,
    VALUE_FOLDER,
} value_kind;

static value_kind kind_of(const option_row *row)
{
    if (row->type == OPTION_TYPE_SWITCH)
        return VALUE_NONE;
    if (row->type == OPTION_TYPE_CHOICE || row->zero_word != NULL)
        return VALUE_WORDS;
    if (row->value_name != NULL && strstr(row->value_name, "FOLDER") != NULL)
        return VALUE_FOLDER;
    return row->type == OPTION_TYPE_PATH ? VALUE_FILE : VALUE_FREE;
}

static bool has_negation(const option_row *row)
{
    return row->type == OPTION_TYPE_SWITCH && row->variable != NULL;
}

/* The words of VALUE_WORDS, with blanks between them. */
static void append_words(buf *out, const option_row *row)
{
    for (const char *c = row->type == OPTION_TYPE_CHOICE ? row->choices : row->zero_word; *c != '\0'; c++)
        buf_append_char(out, *c == '|' ? ' ' : *c);
}

static void append_command_names(buf *out)
{
    for (command_id id = 0; id < COMMAND_TOTAL; id++)
        buf_printf(out, "%s ", command_table[id].name);
}

/* A text inside single quotes of the shell: its own quotes become `quote`, and characters of `special` get a backslash.
 * Ends at the first ';': what a menu has room for. */
static void append_quoted(buf *out, const char *text, const char *quote, const char *special)
{
    for (; *text != '\0' && *text != ';'; text++) {
        if (*text == '\'') {
            buf_append_string(out, quote);
            continue;
        }
        if (strchr(special, *text) != NULL)
            buf_append_char(out, '\\');
        buf_append_char(out, *text);
    }
}

/* ---- bash ---- */

/* A branch of `case $previous` for all options of a kind; does nothing when there are none. */
static void append_bash_branch(buf *out, value_kind kind, const char *action)
{
    bool first = true;
    for (option_id id = 0; id < OPTION_TOTAL; id++)
        if (kind_of(&option_table[id]) == kind) {
            buf_printf(out, "%s--%s", first ? "    " : " | ", option_table[id].flag);
            first = false;
        }
    if (!first)
        buf_printf(out, ")\n%s        return\n        ;;\n", action);
}

static void append_bash_options(buf *out, command_id command)
{
    buf_printf(out, "        %s) words='", command_table[command].name);
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        if (!option_taken_by(id, command))
            continue;
        buf_printf(out, "--%s ", option_table[id].flag);
        if (has_negation(&option_table[id]))
            buf_printf(out, "--no-%s ", option_table[id].flag);
    }
    buf_append_string(out, "-h -V' ;;\n");
}

static void write_bash(buf *out)
{
    buf_append_string(
        out, "# bash completion for akidb-embed, made by `akidb-embed help --completion bash`\n"
             "_akidb_embed()\n{\n"
             "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=\n"
             "    COMPREPLY=()\n"
             "    # The sign of --option=value is a word of its own.\n"
             "    if [[ $current == = ]]; then\n        current=\n"
             "    elif [[ $previous == = ]]; then\n        previous=${COMP_WORDS[COMP_CWORD - 2]}\n    fi\n"
             "    if ((COMP_CWORD == 1)); then\n        previous=\n    fi\n"
             "    case $previous in\n");
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        if (kind_of(&option_table[id]) != VALUE_WORDS)
            continue;
        buf_printf(out, "    --%s) words='", option_table[id].flag);
        append_words(out, &option_table[id]);
        buf_append_string(out, "' ;;\n");
    }
    append_bash_branch(out, VALUE_FOLDER,
                       "        compopt -o filenames\n"
                       "        mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n");
    append_bash_branch(out, VALUE_FILE,
                       "        compopt -o filenames\n"
                       "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n");
    append_bash_branch(out, VALUE_FREE, "");
    buf_append_string(out, "    '') words='");
    append_command_names(out);
    buf_append_string(out, "help --help --version' ;;\n    *)\n        case ${COMP_WORDS[1]} in\n");
    for (command_id command = 0; command < COMMAND_TOTAL; command++)
        append_bash_options(out, command);
    buf_append_string(out, "        help) words='");
    append_command_names(out);
    buf_append_string(out, "' ;;\n        esac\n        ;;\n    esac\n"
                           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n}\n"
                           "complete -F _akidb_embed akidb-embed\n");
}

/* ---- zsh ---- */

static void append_zsh_value(buf *out, const option_row *row)
{
    switch (kind_of(row)) {
    case VALUE_NONE:
        return;
    case VALUE_FREE:
        buf_append_string(out, ":value: ");
        return;
    case VALUE_FILE:
        buf_append_string(out, ":file:_files");
        return;
    case VALUE_FOLDER:
        buf_append_string(out, ":folder:_files -/");
        return;
    case VALUE_WORDS:
        buf_append_string(out, ":value:(");
        append_words(out, row);
        buf_append_char(out, ')');
        return;
    }
}

static void append_zsh_option(buf *out, option_id id)
{
    const option_row *row = &option_table[id];
    buf_append_string(out, " \\\n        '");
    if (id == OPTION_HELP || id == OPTION_VERSION)
        buf_printf(out, "(- *)'{%s,--%s}'", id == OPTION_HELP ? "-h" : "-V", row->flag);
    else
        buf_printf(out, "--%s%s", row->flag, row->type == OPTION_TYPE_SWITCH ? "" : "=");
    buf_append_char(out, '[');
    append_quoted(out, row->help, "'\\''", "[]\\");
    buf_append_char(out, ']');
    append_zsh_value(out, row);
    buf_append_char(out, '\'');
    if (has_negation(row))
        buf_printf(out, " \\\n        '--no-%s[the opposite of --%s]'", row->flag, row->flag);
}

static void write_zsh(buf *out)
{
    buf_append_string(out, "#compdef akidb-embed\n"
                           "# Made by `akidb-embed help --completion zsh`.\n"
                           "local -a commands=(\n");
    for (command_id id = 0; id < COMMAND_TOTAL; id++) {
        buf_printf(out, "    '%s:", command_table[id].name);
        append_quoted(out, command_table[id].summary, "'\\''", ":\\");
        buf_append_string(out, "'\n");
    }
    buf_append_string(
        out, "    'help:explain a command'\n)\n"
             "if ((CURRENT == 2)); then\n    _describe -t commands command commands\n    return\nfi\n"
             "shift words\n((CURRENT--))\ncase $words[1] in\n");
    for (command_id command = 0; command < COMMAND_TOTAL; command++) {
        buf_printf(out, "%s)\n    _arguments -S", command_table[command].name);
        for (option_id id = 0; id < OPTION_TOTAL; id++)
            if (option_taken_by(id, command))
                append_zsh_option(out, id);
        buf_append_string(out, "\n    ;;\n");
    }
    buf_append_string(out, "help) _describe -t commands command commands ;;\nesac\n");
}

/* ---- fish ---- */

/* "complete ..." on the condition that one of the commands that take the option was typed. */
static void append_fish_condition(buf *out, option_id id)
{
    buf_append_string(out, "complete -c akidb-embed -n '__fish_seen_subcommand_from");
    for (command_id command = 0; command < COMMAND_TOTAL; command++)
        if (option_taken_by(id, command))
            buf_printf(out, " %s", command_table[command].name);
    buf_append_char(out, '\'');
}

static void append_fish_option(buf *out, option_id id)
{
    const option_row *row = &option_table[id];
    append_fish_condition(out, id);
    buf_printf(out, "%s -l %s", id == OPTION_HELP ? " -s h" : id == OPTION_VERSION ? " -s V" : "", row->flag);
    switch (kind_of(row)) {
    case VALUE_NONE:
        break;
    case VALUE_FREE:
        buf_append_string(out, " -x");
        break;
    case VALUE_FILE:
        buf_append_string(out, " -r -F");
        break;
    case VALUE_FOLDER:
        buf_append_string(out, " -x -a '(__fish_complete_directories)'");
        break;
    case VALUE_WORDS:
        buf_append_string(out, " -x -a '");
        append_words(out, row);
        buf_append_char(out, '\'');
        break;
    }
    buf_append_string(out, " -d '");
    append_quoted(out, row->help, "\\'", "\\");
    buf_append_string(out, "'\n");
}

static void write_fish(buf *out)
{
    buf_append_string(
        out, "# fish completion for akidb-embed, made by `akidb-embed help --completion fish`\n"
             "complete -c akidb-embed -f\n"
             "complete -c akidb-embed -n __fish_use_subcommand -s h -l help -d 'list the commands'\n"
             "complete -c akidb-embed -n __fish_use_subcommand -s V -l version -d 'print the version'\n"
             "complete -c akidb-embed -n __fish_use_subcommand -a help -d 'explain a command'\n");
    for (command_id id = 0; id < COMMAND_TOTAL; id++) {
        buf_printf(out,
                   "complete -c akidb-embed -n '__fish_use_subcommand; or __fish_seen_subcommand_from help' "
                   "-a %s -d '",
                   command_table[id].name);
        append_quoted(out, command_table[id].summary, "\\'", "\\");
        buf_append_string(out, "'\n");
    }
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        append_fish_option(out, id);
        if (!has_negation(&option_table[id]))
            continue;
        append_fish_condition(out, id);
        buf_printf(out, " -l no-%s -d 'the opposite of --%s'\n", option_table[id].flag,
                   option_table[id].flag);
    }
}

const completion_shell completion_table[COMPLETION_SHELLS] = {
    {"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};
