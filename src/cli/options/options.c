#include "cli/options/options.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/options/command_line.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>

/* Of all values of an option that repeats. */
#define OPTION_TEXT_MAX ((size_t)4 << 20)

const option_row option_table[OPTION_TOTAL] = {
#define TABLE_OPTION(ID, ...) [OPTION_##ID] = OPTION_ROW(ID, __VA_ARGS__),
#define TABLE_SETTING(ID, ...) [OPTION_##ID] = SETTING_ROW(server_settings, ID, __VA_ARGS__),
#define TABLE_FLAG(ID, name, heading, who, explanation)                                                      \
    [OPTION_##ID] = {.flag = name,                                                                           \
                     .section = heading,                                                                     \
                     .type = OPTION_TYPE_SWITCH,                                                             \
                     .commands = who,                                                                        \
                     .default_text = "false",                                                                \
                     .help = explanation},
    PROGRAM_OPTIONS(TABLE_OPTION, TABLE_SETTING) GENERAL_FLAG_OPTIONS(TABLE_FLAG)};

option_id option_by_flag(const char *name, size_t length)
{
    for (option_id id = 0; id < OPTION_TOTAL; id++)
        if (strlen(option_table[id].flag) == length && strncmp(option_table[id].flag, name, length) == 0)
            return id;
    return OPTION_TOTAL;
}

void option_key(option_id id, char *key, size_t room)
{
    snprintf(key, room, "%s", option_table[id].flag);
    for (; *key != '\0'; key++)
        if (*key == '-')
            *key = '_';
}

option_id option_by_key(const char *key)
{
    char name[SUGGEST_MAX_BYTES];
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        option_key(id, name, sizeof name);
        if (strcmp(name, key) == 0)
            return id;
    }
    return OPTION_TOTAL;
}

bool option_taken_by(option_id id, command_id command)
{
    return (option_table[id].commands >> command & 1) != 0;
}

bool option_repeats(option_id id, command_id command)
{
    return (option_table[id].repeats >> command & 1) != 0;
}

aki_status option_parse(option_id id, const char *label, const char *text, option_value *out,
                        aki_error *error)
{
    const option_row *row = &option_table[id];
    char must_be[200];
    int64_t number;
    if (!utf8_valid(text, strlen(text), NULL) && row->type != OPTION_TYPE_PATH)
        return error_set(error, AKI_INVALID_ARGUMENT, "%s: must be valid UTF-8", label);
    if (!option_read(row, text, &number)) {
        option_describe_values(row, must_be, sizeof must_be);
        error_set(error, AKI_INVALID_ARGUMENT, "%s: must be %s", label, must_be);
        if (strncmp(text, "tcp://", 6) ==
            0) /* Kubernetes sets <SERVICE>_PORT for every service of a namespace */
            error_hint(
                error,
                "A Kubernetes service called akidb sets this variable; give the pod enableServiceLinks: "
                "false, or set another value.");
        return AKI_INVALID_ARGUMENT;
    }
    if (row->check != NULL && !row->check(text, must_be, sizeof must_be))
        return error_set(error, AKI_INVALID_ARGUMENT, "%s: must be %s", label, must_be);
    char *copy = mem_copy_string(text);
    if (copy == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the options");
    mem_free(out->text);
    out->text = copy;
    out->number = number;
    return AKI_OK;
}

aki_status options_store(options *o, option_id id, option_source source, const char *origin,
                         const char *label, const char *text, aki_error *error)
{
    option_value *value = &o->values[id];
    aki_status status = option_parse(id, label, text, value, error);
    if (status != AKI_OK)
        return status;
    char *copy = origin != NULL ? mem_copy_string(origin) : NULL;
    if (origin != NULL && copy == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the options");
    mem_free(value->origin);
    value->origin = copy;
    value->source = source;
    return AKI_OK;
}

/* The value of a variable, or NULL when it is unset or empty. */
static const char *variable_value(const char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=' &&
            (*environment)[length + 1] != '\0')
            return *environment + length + 1;
    return NULL;
}

static aki_status store_variable(options *o, option_id id, const char *const *environment, aki_error *error)
{
    const char *names[] = {option_table[id].variable, option_table[id].other_variable};
    for (size_t i = 0; i < 2; i++) {
        const char *text = names[i] != NULL ? variable_value(environment, names[i]) : NULL;
        if (text == NULL)
            continue;
        char label[200];
        snprintf(label, sizeof label, "%s=%.100s", names[i], text);
        return options_store(o, id, OPTION_FROM_VARIABLE, names[i], label, text, error);
    }
    return AKI_OK;
}

/* One line for each value. */
static aki_status store_repeated(options *o, option_id id, const command_line *line, const char *flag,
                                 const char *label, aki_error *error)
{
    buf text;
    buf_init(&text, OPTION_TEXT_MAX);
    for (size_t i = 0; i < line->repeated_count; i++) {
        if (line->repeated[i].id != id)
            continue;
        if (text.length > 0)
            buf_append_char(&text, '\n');
        buf_append_string(&text, line->repeated[i].value);
    }
    aki_status status = text.failed ? error_set(error, AKI_OUT_OF_MEMORY, "no memory for the options")
                                    : options_store(o, id, OPTION_FROM_FLAG, flag, label, text.data, error);
    buf_free(&text);
    return status;
}

static aki_status store_flag(options *o, option_id id, const command_line *line, aki_error *error)
{
    char label[200], flag[80];
    snprintf(flag, sizeof flag, "--%s", option_table[id].flag);
    snprintf(label, sizeof label, "%s=%.100s", flag, line->values[id]);
    return option_repeats(id, o->command)
               ? store_repeated(o, id, line, flag, label, error)
               : options_store(o, id, OPTION_FROM_FLAG, flag, label, line->values[id], error);
}

static aki_status store_defaults(options *o, aki_error *error)
{
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        const char *text = option_table[id].default_text;
        aki_status status =
            text != NULL ? options_store(o, id, OPTION_FROM_DEFAULT, NULL, option_table[id].flag, text, error)
                         : AKI_OK;
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

static aki_status store_everything(options *o, const command_line *line, const char *const *environment,
                                   aki_error *error)
{
    aki_status status = store_defaults(o, error);
    const char *file = line->values[OPTION_CONFIG];
    if (file == NULL)
        file = variable_value(environment, option_table[OPTION_CONFIG].variable);
    if (status == AKI_OK && file != NULL)
        status = options_read_file(o, file, error);
    for (option_id id = 0; id < OPTION_TOTAL && status == AKI_OK; id++)
        if (option_taken_by(id, o->command))
            status = line->given[id] != NULL ? store_flag(o, id, line, error)
                                             : store_variable(o, id, environment, error);
    return status;
}

aki_status options_resolve(options *o, command_id command, int argument_count, const char *const *arguments,
                           const char *const *environment, aki_error *error)
{
    *o = (options){.command = command};
    command_line line = {.argument = NULL};
    /* Whoever asks for help gets it, whatever else is wrong with the line. */
    for (int i = 0; i < argument_count && strcmp(arguments[i], "--") != 0; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            o->values[OPTION_HELP].number = 1;
            return AKI_OK;
        }
    }
    aki_status status = command_line_read(&line, command, argument_count, arguments, error);
    if (status == AKI_OK && line.given[OPTION_VERSION] != NULL) {
        o->values[OPTION_VERSION].number = 1;
        return AKI_OK;
    }
    if (status == AKI_OK)
        status = store_everything(o, &line, environment, error);
    if (status == AKI_OK && !option_on(o, OPTION_PRINT_CONFIG))
        status = command_line_check_arguments(&line, command, error);
    if (status == AKI_OK && line.argument != NULL) {
        o->argument = mem_copy_string(line.argument);
        if (o->argument == NULL)
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the options");
    }
    return status;
}

void options_free(options *o)
{
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        mem_free(o->values[id].text);
        mem_free(o->values[id].origin);
    }
    mem_free(o->argument);
    *o = (options){.command = o->command};
}

const char *option_text(const options *o, option_id id)
{
    return o->values[id].text;
}

int64_t option_number(const options *o, option_id id)
{
    return o->values[id].number;
}

size_t option_size(const options *o, option_id id)
{
    return (size_t)o->values[id].number;
}

bool option_on(const options *o, option_id id)
{
    return o->values[id].number != 0;
}

bool option_given(const options *o, option_id id)
{
    return o->values[id].source != OPTION_FROM_DEFAULT;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    if (rows >= SUGGEST_MAX_BYTES || columns >= SUGGEST_MAX_BYTES)
        return SUGGEST_MAX_BYTES;
    size_t table[3][SUGGEST_MAX_BYTES + 1]; /* the rows i - 2, i - 1 and i, at i % 3 */
    for (size_t j = 0; j <= columns; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *now = table[i % 3];
        const size_t *before = table[(i - 1) % 3];
        const size_t *before_that = table[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before_that[j - 2] + 1);
        }
    }
    return table[rows % 3][columns];
}

int suggest_near(const char *typed, const char *name)
{
    size_t length = strlen(typed);
    if (length >= 3 && strncmp(typed, name, length) == 0)
        return 1;
    return suggest_distance(typed, name) <= (length < 3 ? 1 : 1 + length / 4);
}

#define MISTYPED_DISTANCE_MAX 2

/* Of the Rust service; docs/MIGRATION.md has the same table. */
static const struct former_variable {
    const char *name, *meant;
} former_variables[] = {
    {"AKIDB_REST_PORT", "AKIDB_PORT"},
    {"AKIDB_LOG_LEVEL", "AKIDB_LOG"},
    {"AKIDB_EMBEDDING_MODEL", "AKIDB_MODEL"},
    {"AKIDB_EMBEDDING_PROVIDER", NULL},
    {"AKIDB_EMBEDDING_PYTHON_PATH", NULL},
    {"AKIDB_METRICS_ENABLED", NULL},
    {"AKIDB_GRPC_PORT", NULL},
    {"AKIDB_DB_PATH", NULL},
    {"AKIDB_VECTOR_PERSISTENCE_ENABLED", NULL},
};

static bool is_former(unread_variable *found)
{
    for (size_t i = 0; i < sizeof former_variables / sizeof former_variables[0]; i++) {
        if (strcmp(found->name, former_variables[i].name) == 0) {
            found->meant = former_variables[i].meant;
            return true;
        }
    }
    return false;
}

static bool is_mistyped(unread_variable *found)
{
    size_t nearest = MISTYPED_DISTANCE_MAX + 1;
    found->meant = NULL;
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        const char *variable = option_table[id].variable;
        if (variable == NULL)
            continue;
        if (strcmp(found->name, variable) == 0)
            return false;
        size_t distance = suggest_distance(found->name, variable);
        if (distance < nearest) {
            nearest = distance;
            found->meant = variable;
        }
    }
    return found->meant != NULL;
}

bool unread_variables_next(const char *const *environment, size_t *cursor, unread_variable *found)
{
    while (environment[*cursor] != NULL) {
        const char *entry = environment[(*cursor)++];
        size_t length = strcspn(entry, "=");
        if (strncmp(entry, "AKIDB_", 6) != 0 || length >= sizeof found->name)
            continue;
        snprintf(found->name, sizeof found->name, "%.*s", (int)length, entry);
        if (is_former(found) || is_mistyped(found))
            return true;
    }
    return false;
}
