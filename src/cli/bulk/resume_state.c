#include "cli/bulk/resume_state.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_parse.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_MAX_BYTES ((size_t)64 << 10)
#define STATE_VERSION 2

typedef struct counter {
    const char *name;
    size_t offset;
} counter;

static const counter counters[] = {
    {"input_bytes", offsetof(resume_state, input.offset)},
    {"input_lines", offsetof(resume_state, input.line)},
    {"texts", offsetof(resume_state, texts)},
    {"written", offsetof(resume_state, written)},
    {"truncated", offsetof(resume_state, truncated)},
    {"skipped_empty", offsetof(resume_state, skipped.empty)},
    {"skipped_too_long", offsetof(resume_state, skipped.too_long)},
    {"skipped_unusable", offsetof(resume_state, skipped.unusable)},
    {"output_bytes", offsetof(resume_state, bytes)},
    {"skipped_list_bytes", offsetof(resume_state, skipped_bytes)},
    {"max_line_bytes", offsetof(resume_state, max_line_bytes)},
};
#define HASH_DIGITS 16
#define COUNTERS (sizeof counters / sizeof counters[0])

static void add(resume_settings *settings, json_t **object, const char *name, const char *value)
{
    if (*object == NULL)
        *object = json_object();
    settings->failed |= json_object_set_new(*object, name, json_string(value)) != 0;
}

void resume_settings_add(resume_settings *settings, const char *name, const char *format, ...)
{
    char value[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    if (!utf8_valid(value, strlen(value), NULL)) /* an option may hold any bytes, a JSON string only UTF-8 */
        for (char *c = value; *c != '\0'; c++)
            if ((unsigned char)*c >= 0x80)
                *c = '?';
    add(settings, &settings->options, name, value);
}

void resume_settings_add_file(resume_settings *settings, const char *name, const char *hash)
{
    add(settings, &settings->files, name, hash);
}

void resume_settings_free(resume_settings *settings)
{
    json_decref(settings->options);
    json_decref(settings->files);
    *settings = (resume_settings){.failed = false};
}

static int set_copy(json_t *root, const char *name, json_t *object)
{
    return object != NULL ? json_object_set(root, name, object)
                          : json_object_set_new(root, name, json_object());
}

aki_status resume_state_write(const char *path, const resume_settings *settings, const resume_state *state,
                              aki_error *error)
{
    json_t *root = json_object();
    char hash[HASH_DIGITS + 1];
    snprintf(hash, sizeof hash, "%016" PRIx64, state->input.hash);
    int lacking = settings->failed ? -1 : json_object_set_new(root, "version", json_integer(STATE_VERSION));
    lacking |= json_object_set_new(root, "input_hash", json_string(hash));
    for (size_t i = 0; i < COUNTERS; i++) {
        uint64_t value;
        memcpy(&value, (const char *)state + counters[i].offset, sizeof value);
        lacking |= json_object_set_new(root, counters[i].name, json_integer((json_int_t)value));
    }
    lacking |= set_copy(root, "settings", settings->options);
    lacking |= set_copy(root, "model_files", settings->files);
    char *text = lacking == 0 ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (text == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to write '%s'", path);
    aki_status status = file_write_atomic(path, text, strlen(text), error);
    free(text);
    return status;
}

static void hint_restart(aki_error *error)
{
    error_hint(error, "Run the command as it was, or begin anew with --restart.");
}

static aki_status compare_options(const char *path, const json_t *then, json_t *now, aki_error *error)
{
    const char *name;
    json_t *value;
    json_object_foreach(now, name, value)
    {
        const char *former = json_string_value(json_object_get(then, name));
        if (former != NULL && strcmp(former, json_string_value(value)) == 0)
            continue;
        error_set(error, AKI_INVALID_ARGUMENT,
                  "'%.150s' is of a run with another %s: it was '%.100s', it is '%.100s'", path, name,
                  former != NULL ? former : "unknown", json_string_value(value));
        hint_restart(error);
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}

/* Counts the entries of `these` that `those` lacks or has with another value; *first is one of them. */
static size_t count_others(json_t *these, const json_t *those, bool lacking, const char **first)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    json_object_foreach(these, name, value)
    {
        const json_t *other = json_object_get(those, name);
        if (lacking ? other != NULL : other == NULL || json_equal(value, other))
            continue;
        if (count++ == 0)
            *first = name;
    }
    return count;
}

static aki_status compare_files(const char *path, json_t *then, json_t *now, aki_error *error)
{
    const char *name[3] = {NULL, NULL, NULL};
    static const char *const kinds[3] = {"changed", "appeared", "disappeared"};
    const size_t counts[3] = {count_others(now, then, false, &name[0]),
                              count_others(now, then, true, &name[1]),
                              count_others(then, now, true, &name[2])};
    size_t total = counts[0] + counts[1] + counts[2];
    if (total == 0)
        return AKI_OK;
    size_t shown = counts[0] > 0 ? 0 : counts[1] > 0 ? 1 : 2;
    char others[60] = "";
    if (total > 1)
        snprintf(others, sizeof others, " (and %zu other file%s)", total - 1, total > 2 ? "s" : "");
    error_set(error, AKI_INVALID_ARGUMENT,
              "'%.150s' is of a run with another model: '%.150s'%s %s since the interrupted run", path,
              name[shown], others, kinds[shown]);
    error_hint(error, "Put the model back as it was, or begin anew with --restart.");
    return AKI_INVALID_ARGUMENT;
}

static aki_status compare_policy(const char *path, const resume_state *state, const resume_policy *policy,
                                 aki_error *error)
{
    const struct {
        bool broken;
        const char *how; /* the former run's setting */
    } rules[] = {
        {state->skipped.empty > 0 && !policy->skips_empty, "left empty texts out (--skip-empty)"},
        {state->skipped.unusable > 0 && !policy->skips_unusable, "left texts out (--on-error skip)"},
        {state->skipped.too_long > 0 && (policy->truncates || !policy->skips_unusable),
         "left long texts out (--no-truncate --on-error skip)"},
        {state->truncated > 0 && !policy->truncates, "cut long texts (--truncate)"},
        {policy->max_line_bytes < state->max_line_bytes, "took longer lines (--max-line-bytes)"},
        {state->skipped.unusable > 0 && policy->max_line_bytes > state->max_line_bytes,
         "may have left longer lines out (--max-line-bytes)"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].broken) {
            error_set(error, AKI_INVALID_ARGUMENT, "'%.150s' is of a run that %s, which this one would not",
                      path, rules[i].how);
            hint_restart(error);
            return AKI_INVALID_ARGUMENT;
        }
    return AKI_OK;
}

static aki_status set_damaged(const char *path, const char *field, aki_error *error)
{
    error_set(error, AKI_IO_ERROR, "'%s' is damaged: \"%s\" is missing or not what it should be", path,
              field);
    hint_restart(error);
    return AKI_IO_ERROR;
}

static aki_status check_version(const char *path, const json_t *root, aki_error *error)
{
    const json_t *version = json_object_get(root, "version");
    if (!json_is_integer(version))
        return set_damaged(path, "version", error);
    if (json_integer_value(version) == STATE_VERSION)
        return AKI_OK;
    error_set(error, AKI_IO_ERROR,
              "'%.150s' was left by another version of akidb-embed (it has version %lld, this one reads %d)",
              path, (long long)json_integer_value(version), STATE_VERSION);
    error_hint(error, "Finish it with the version that began it, or begin anew with --restart.");
    return AKI_IO_ERROR;
}

static aki_status read_counters(const char *path, const json_t *root, resume_state *state, aki_error *error)
{
    for (size_t i = 0; i < COUNTERS; i++) {
        const json_t *number = json_object_get(root, counters[i].name);
        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return set_damaged(path, counters[i].name, error);
        uint64_t value = (uint64_t)json_integer_value(number);
        memcpy((char *)state + counters[i].offset, &value, sizeof value);
    }
    const char *hash = json_string_value(json_object_get(root, "input_hash"));
    if (hash == NULL || strlen(hash) != HASH_DIGITS || strspn(hash, "0123456789abcdef") != HASH_DIGITS)
        return set_damaged(path, "input_hash", error);
    state->input.hash = strtoull(hash, NULL, 16);
    return AKI_OK;
}

static aki_status read_root(const char *path, const json_t *root, const resume_settings *settings,
                            const resume_policy *policy, resume_state *state, aki_error *error)
{
    json_t *options = json_object_get(root, "settings"), *files = json_object_get(root, "model_files");
    aki_status status = check_version(path, root, error);
    if (status == AKI_OK)
        status = read_counters(path, root, state, error);
    if (status == AKI_OK && (!json_is_object(options) || !json_is_object(files)))
        status = set_damaged(path, json_is_object(options) ? "model_files" : "settings", error);
    if (status == AKI_OK)
        status = compare_options(path, options, settings->options, error);
    if (status == AKI_OK)
        status = compare_files(path, files, settings->files, error);
    return status == AKI_OK ? compare_policy(path, state, policy, error) : status;
}

aki_status resume_state_read(const char *path, const resume_settings *settings, const resume_policy *policy,
                             resume_state *state, aki_error *error)
{
    json_t *root = NULL;
    aki_error reason;
    if (settings->failed)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", path);
    aki_status status = json_file_read(path, STATE_MAX_BYTES, &root, &reason);
    if (status == AKI_OUT_OF_MEMORY)
        return error_set(error, status, "%s", reason.message);
    if (status != AKI_OK) {
        error_set(error, AKI_IO_ERROR, "%s", reason.message);
        hint_restart(error);
        return AKI_IO_ERROR;
    }
    status = read_root(path, root, settings, policy, state, error);
    json_decref(root);
    return status;
}
