#include "cli/options/commands.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "cli/device_source.h"
#include "cli/message.h"
#include "cli/options/help.h"
#include "cli/options/options.h"
#include "telemetry/metrics_text.h"
#include "telemetry/otel_table.h"

#include <stdio.h>
#include <string.h>

#define HELP_MAX_BYTES ((size_t)256 << 10)

typedef void (*writer_fn)(buf *out, const void *subject);

static int print_to(FILE *stream, writer_fn write, const void *subject)
{
    buf text;
    buf_init(&text, HELP_MAX_BYTES);
    write(&text, subject);
    bool done =
        !text.failed && fwrite(text.data, 1, text.length, stream) == text.length && fflush(stream) == 0;
    buf_free(&text);
    return done ? EXIT_DONE : EXIT_FAILED;
}

static void write_overview(buf *out, const void *subject)
{
    (void)subject;
    help_overview(out);
}

static void write_markdown(buf *out, const void *subject)
{
    (void)subject;
    help_markdown(out);
}

static void write_metrics(buf *out, const void *subject)
{
    (void)subject;
    metrics_write_reference(out);
}

static void write_tracing(buf *out, const void *subject)
{
    (void)subject;
    otel_table_write(out);
}

static void write_command_help(buf *out, const void *subject)
{
    help_command(out, *(const command_id *)subject);
}

static void write_manual(buf *out, const void *subject)
{
    command_id id = *(const command_id *)subject;
    if (id == COMMAND_TOTAL)
        manual_overview(out);
    else
        manual_command(out, id);
}

static void write_completion(buf *out, const void *subject)
{
    ((const completion_shell *)subject)->write(out);
}

static void write_config(buf *out, const void *subject)
{
    help_effective_config(out, subject);
}

static void write_version(buf *out, const void *subject)
{
    (void)subject;
    buf_append_string(out, "akidb-embed " AKI_VERSION "\n");
}

static int refuse_command(const char *name)
{
    aki_error error;
    const char *nearest = NULL;
    for (command_id id = 0; id < COMMAND_TOTAL; id++)
        if (suggest_near(name, command_table[id].name) &&
            (nearest == NULL ||
             suggest_distance(name, command_table[id].name) < suggest_distance(name, nearest)))
            nearest = command_table[id].name;
    error_set(&error, AKI_INVALID_ARGUMENT, "unknown command '%.100s'", name);
    if (nearest != NULL)
        error_hint(&error, "Did you mean '%s'? `akidb-embed help` lists the commands.", nearest);
    else
        error_hint(&error, "`akidb-embed help` lists the commands.");
    message_error(&error);
    return EXIT_USAGE;
}

/* help --man [COMMAND] */
static int print_manual(const char *name)
{
    command_id id = name == NULL ? COMMAND_TOTAL : command_by_name(name);
    if (name != NULL && id == COMMAND_TOTAL)
        return refuse_command(name);
    return print_to(stdout, write_manual, &id);
}

/* help --completion SHELL */
static int print_completion(const char *shell)
{
    for (size_t i = 0; shell != NULL && i < COMPLETION_SHELLS; i++)
        if (strcmp(shell, completion_table[i].name) == 0)
            return print_to(stdout, write_completion, &completion_table[i]);
    aki_error error;
    if (shell == NULL)
        error_set(&error, AKI_INVALID_ARGUMENT, "--completion needs the name of a shell");
    else
        error_set(&error, AKI_INVALID_ARGUMENT, "no completion for the shell '%.100s'", shell);
    error_hint(&error, "Write `akidb-embed help --completion bash`, zsh or fish.");
    message_error(&error);
    return EXIT_USAGE;
}

/* help, help <command>, and what documents and packages are made of */
static int run_help(int count, const char *const *arguments)
{
    if (count == 0 || strcmp(arguments[0], "--help") == 0 || strcmp(arguments[0], "help") == 0)
        return print_to(stdout, write_overview, NULL);
    if (strcmp(arguments[0], "--markdown") == 0)
        return print_to(stdout, write_markdown, NULL);
    if (strcmp(arguments[0], "--metrics") == 0)
        return print_to(stdout, write_metrics, NULL);
    if (strcmp(arguments[0], "--tracing") == 0)
        return print_to(stdout, write_tracing, NULL);
    if (strcmp(arguments[0], "--man") == 0)
        return print_manual(count > 1 ? arguments[1] : NULL);
    if (strcmp(arguments[0], "--completion") == 0)
        return print_completion(count > 1 ? arguments[1] : NULL);
    command_id id = command_by_name(arguments[0]);
    if (id == COMMAND_TOTAL)
        return refuse_command(arguments[0]);
    return print_to(stdout, write_command_help, &id);
}

static void warn_of_unread_variables(const char *const *environment)
{
    size_t cursor = 0;
    unread_variable variable;
    while (unread_variables_next(environment, &cursor, &variable)) {
        if (variable.meant != NULL)
            message_warning("%s is not a variable of this program; %s is", variable.name, variable.meant);
        else
            message_warning("%s is not a variable of this program, and nothing takes its place",
                            variable.name);
    }
}

static int run_command(command_id id, int count, const char *const *arguments, const char *const *environment)
{
    options o;
    aki_error error;
    int code;
    if (options_resolve(&o, id, count, arguments, environment, &error) != AKI_OK) {
        message_error(&error);
        code = error.status == AKI_OUT_OF_MEMORY ? EXIT_FAILED : EXIT_USAGE;
    } else if (option_on(&o, OPTION_HELP)) {
        code = print_to(stdout, write_command_help, &id);
    } else if (option_on(&o, OPTION_VERSION)) {
        code = print_to(stdout, write_version, NULL);
    } else if (option_on(&o, OPTION_PRINT_CONFIG)) {
        code = print_to(stdout, write_config, &o);
    } else {
        warn_of_unread_variables(environment);
        code = command_table[id].run(&o);
    }
    options_free(&o);
    return code;
}

int cli_run(int argc, const char *const *argv, const char *const *environment)
{
    json_parse_wrap_allocator();
    if (argc < 2) {
        print_to(stderr, write_overview, NULL);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return run_help(argc - 2, argv + 2);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return print_to(stdout, write_version, NULL);
    if (device_process_is_meant(name))
        return device_process_run(argc - 2, argv + 2);
    command_id id = command_by_name(name);
    if (id == COMMAND_TOTAL)
        return refuse_command(name);
    return run_command(id, argc - 2, argv + 2, environment);
}
