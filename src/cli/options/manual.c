#include "cli/options/help.h"

#include "cli/options/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Appends text so that roff prints its characters: unescaped, it makes typographic ones of some, and takes a line that
 * begins with a dot or an apostrophe for a request. */
static void append_escaped(buf *out, const char *text, size_t length)
{
    if (length > 0 && text[0] == '.')
        buf_append_string(out, "\\&");
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '\\':
            buf_append_string(out, "\\e");
            break;
        case '-':
            buf_append_string(out, "\\-");
            break;
        case '\'':
            buf_append_string(out, "\\(aq");
            break;
        case '`':
            buf_append_string(out, "\\(ga");
            break;
        case '^':
            buf_append_string(out, "\\(ha");
            break;
        case '~':
            buf_append_string(out, "\\(ti");
            break;
        default:
            buf_append_char(out, text[i]);
        }
    }
}

static void append_text(buf *out, const char *text)
{
    append_escaped(out, text, strlen(text));
}

/* Lines of text; those that are indented keep their line breaks. */
static void append_lines(buf *out, const char *text)
{
    bool literal = false;
    for (bool first = true; *text != '\0'; first = false) {
        size_t length = strcspn(text, "\n");
        if ((text[0] == ' ') != literal) {
            literal = !literal;
            buf_append_string(out, !literal ? ".fi\n.PP\n" : first ? ".nf\n" : ".PP\n.nf\n");
        }
        append_escaped(out, text, length);
        buf_append_char(out, '\n');
        text += length + (text[length] == '\n');
    }
    if (literal)
        buf_append_string(out, ".fi\n");
}

/* ending: of the page's name, "" or "-serve". */
static void append_title(buf *out, const char *ending, const char *summary)
{
    buf_append_string(out, ".\\\" Made by `akidb-embed help --man` from the program's tables of commands and "
                           "options.\n.TH AKIDB\\-EMBED");
    for (const char *c = ending; *c != '\0'; c++)
        if (*c == '-')
            buf_append_string(out, "\\-");
        else
            buf_append_char(out, (char)toupper((unsigned char)*c));
    buf_append_string(out, " 1 " AKI_RELEASE_DATE " \"akidb\\-embed ");
    append_text(out, AKI_VERSION);
    buf_append_string(out, "\" \"User Commands\"\n.nh\n.SH NAME\nakidb\\-embed");
    append_text(out, ending);
    buf_append_string(out, " \\- ");
    append_text(out, summary);
    buf_append_char(out, '\n');
}

/* "--port NUMBER", "--normalize, --no-normalize", "-h, --help": flags bold, the value's name slanted. */
static void append_flag(buf *out, option_id id)
{
    const option_row *row = &option_table[id];
    char value[80];
    option_value_name(row, value, sizeof value);
    buf_append_string(out, ".TP\n\\fB");
    if (id == OPTION_HELP || id == OPTION_VERSION)
        buf_append_string(out, id == OPTION_HELP ? "\\-h\\fR, \\fB" : "\\-V\\fR, \\fB");
    buf_append_string(out, "\\-\\-");
    append_text(out, row->flag);
    if (row->type == OPTION_TYPE_SWITCH && row->variable != NULL) {
        buf_append_string(out, "\\fR, \\fB\\-\\-no\\-");
        append_text(out, row->flag);
    }
    buf_append_string(out, "\\fR");
    if (*value != '\0') {
        buf_append_string(out, " \\fI");
        append_text(out, value);
        buf_append_string(out, "\\fR");
    }
    buf_append_char(out, '\n');
}

static void append_option(buf *out, option_id id)
{
    const option_row *row = &option_table[id];
    char key[80], values[240];
    append_flag(out, id);
    append_text(out, row->help);
    buf_append_string(out, ".\n");
    if (row->variable == NULL)
        return;
    option_describe_values(&option_table[id], values, sizeof values);
    buf_append_string(out, ".IP\nValue: ");
    append_text(out, values);
    if (row->default_text != NULL) {
        buf_append_string(out, ".\nDefault: ");
        append_text(out, row->default_text);
    }
    buf_printf(out, ".\nVariable: %s", row->variable);
    if (row->other_variable != NULL)
        buf_printf(out, ", else %s", row->other_variable);
    if (id != OPTION_CONFIG) {
        option_key(id, key, sizeof key);
        buf_printf(out, ".\nConfig key: %s", key);
    }
    buf_append_string(out, ".\n");
}

static void append_options(buf *out, command_id command)
{
    const char *section = "";
    buf_append_string(out, ".SH OPTIONS\nAn option is written \\-\\-flag value or \\-\\-flag=value.\n");
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        if (!option_taken_by(id, command))
            continue;
        if (strcmp(section, option_table[id].section) != 0) {
            section = option_table[id].section;
            buf_printf(out, ".SS %s\n", section);
        }
        append_option(out, id);
    }
}

static void append_exit_status(buf *out, bool skips)
{
    buf_printf(out, ".SH EXIT STATUS\n.TP\n%d\nDone.\n.TP\n%d\nFailed.\n.TP\n%d\nWrong usage.\n", EXIT_DONE,
               EXIT_FAILED, EXIT_USAGE);
    if (skips)
        buf_printf(out, ".TP\n%d\nDone, but \\-\\-on\\-error skip left texts out.\n", EXIT_SKIPPED);
    buf_append_string(out, ".TP\n128 + n\nEnded by signal n.\n");
}

/* The pages of all commands but one (COMMAND_TOTAL = of all). */
static void append_see_also(buf *out, command_id left_out)
{
    buf_append_string(out, ".SH SEE ALSO\n");
    if (left_out != COMMAND_TOTAL)
        buf_append_string(out, ".BR akidb\\-embed (1),\n");
    for (command_id id = 0, last = COMMAND_TOTAL - 1 - (left_out == COMMAND_TOTAL - 1); id <= last; id++)
        if (id != left_out)
            buf_printf(out, ".BR akidb\\-embed\\-%s (1)%s\n", command_table[id].name, id < last ? "," : "");
}

void manual_overview(buf *out)
{
    append_title(out, "", "text embeddings with sentence-transformers models");
    buf_append_string(
        out, ".SH SYNOPSIS\n.B akidb\\-embed\n.I command\n.RI [ options ]\n"
             ".br\n.B akidb\\-embed help\n.RI [ command ]\n"
             ".br\n.B akidb\\-embed \\-\\-version\n.SH DESCRIPTION\n"
             "Turns texts into vectors with a sentence\\-transformers model: for programs over HTTP, "
             "for files on the command line.\nThe model is read as published, from safetensors and "
             "tokenizer files.\n.SH COMMANDS\n");
    for (command_id id = 0; id < COMMAND_TOTAL; id++) {
        buf_printf(out, ".TP\n.BR akidb\\-embed\\-%s (1)\n", command_table[id].name);
        append_text(out, command_table[id].summary);
        buf_append_string(out, "\n");
    }
    buf_append_string(
        out,
        ".TP\n.B help\nexplain a command: akidb\\-embed help \\fIcommand\\fR\n.SH CONFIGURATION\n"
        "Every option is also an AKIDB_* variable and a line \\(lqkey = value\\(rq of a config file, which "
        "\\-\\-config or AKIDB_CONFIG names.\n"
        "A value is looked up in this order: flag, variable, the section of the config file that is called "
        "like the command,\nthe part of the file before its first section, default.\n"
        "A variable that is set to nothing counts as unset.\n"
        ".PP\nA comment takes a line of its own, which begins with # or ;.\n"
        "A value is all that follows the first = or :, without the blanks at both ends.\n"
        "\\-\\-print\\-config after any command prints the values in force, and where each comes from, in "
        "the "
        "form of a config file.\n.SH FILES\n.TP\n.I /etc/akidb\\-embed.conf\n"
        "config file of the systemd service\n.TP\n.I \\(ti/.cache/huggingface/hub\n"
        "downloaded models; HF_HUB_CACHE and HF_HOME move it\n");
    append_exit_status(out, false);
    buf_append_string(out, ".SH EXAMPLES\n.nf\n");
    append_text(out, "echo 'a cat sits on the mat' | akidb-embed embed\n");
    append_text(out, "akidb-embed serve\n");
    buf_append_string(out, ".fi\n");
    append_see_also(out, COMMAND_TOTAL);
}

void manual_command(buf *out, command_id command)
{
    const cli_command *c = &command_table[command];
    char name[40];
    snprintf(name, sizeof name, "-%s", c->name);
    append_title(out, name, c->summary);
    buf_printf(out, ".SH SYNOPSIS\n.B akidb\\-embed %s\n", c->name);
    if (c->argument != NULL)
        buf_printf(out, ".I %s\n", c->argument);
    buf_append_string(out, ".RI [ options ]\n");
    if (c->verb != NULL)
        buf_printf(out, ".br\n.B akidb\\-embed %s %s\n.I %s\n.RI [ options ]\n", c->name, c->verb,
                   c->verb_argument);
    buf_append_string(out, ".SH DESCRIPTION\n");
    append_lines(out, c->description);
    append_options(out, command);
    append_exit_status(out, option_taken_by(OPTION_ON_ERROR, command));
    buf_append_string(out, ".SH EXAMPLES\n");
    append_lines(out, c->examples);
    append_see_also(out, command);
}
