#include "cli/resume_state.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_file.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_MAX_BYTES ((size_t)64 << 10)
#define STATE_VERSION 1

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
    {"skipped", offsetof(resume_state, skipped)},
    {"output_bytes", offsetof(resume_state, bytes)},
};
#define COUNTERS (sizeof counters / sizeof counters[0])

void resume_settings_add(resume_settings *settings, const char *name, const char *format, ...)
{
    if (settings->count == RESUME_FIELDS)
        return;
    resume_field *field = &settings->fields[settings->count++];
    field->name = name;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(field->value, sizeof field->value, format, arguments);
    va_end(arguments);
    if (!utf8_valid(field->value, strlen(field->value), NULL)) /* a path may be anything, JSON may not */
        for (char *c = field->value; *c != '\0'; c++)
            if ((unsigned char)*c >= 0x80)
                *c = '?';
}

aki_status resume_state_write(const char *path, const resume_settings *settings, const resume_state *state,
                              aki_error *error)
{
    json_t *root = json_object(), *fixed = json_object();
    int lacking = json_object_set_new(root, "version", json_integer(STATE_VERSION));
    for (size_t i = 0; i < COUNTERS; i++) {
        uint64_t value;
        memcpy(&value, (const char *)state + counters[i].offset, sizeof value);
        lacking |= json_object_set_new(root, counters[i].name, json_integer((json_int_t)value));
    }
    for (size_t i = 0; i < settings->count; i++)
        lacking |=
            json_object_set_new(fixed, settings->fields[i].name, json_string(settings->fields[i].value));
    lacking |= json_object_set_new(root, "settings", fixed);
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

static aki_status compare(const char *path, const json_t *root, const resume_settings *settings,
                          aki_error *error)
{
    const json_t *fixed = json_object_get(root, "settings");
    for (size_t i = 0; i < settings->count; i++) {
        const resume_field *now = &settings->fields[i];
        const char *then = json_string_value(json_object_get(fixed, now->name));
        if (then != NULL && strcmp(then, now->value) == 0)
            continue;
        error_set(error, AKI_INVALID_ARGUMENT,
                  "'%.150s' is of a run with another %s: it was '%.100s', it is '%.100s'", path, now->name,
                  then != NULL ? then : "unknown", now->value);
        hint_restart(error);
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}

static aki_status read_counters(const char *path, const json_t *root, resume_state *state, aki_error *error)
{
    if (json_integer_value(json_object_get(root, "version")) != STATE_VERSION) {
        error_set(error, AKI_IO_ERROR, "'%s' is not a state that this version can continue", path);
        hint_restart(error);
        return AKI_IO_ERROR;
    }
    for (size_t i = 0; i < COUNTERS; i++) {
        const json_t *number = json_object_get(root, counters[i].name);
        if (!json_is_integer(number) || json_integer_value(number) < 0) {
            error_set(error, AKI_IO_ERROR, "'%s' is damaged: \"%s\" is not a number", path, counters[i].name);
            hint_restart(error);
            return AKI_IO_ERROR;
        }
        uint64_t value = (uint64_t)json_integer_value(number);
        memcpy((char *)state + counters[i].offset, &value, sizeof value);
    }
    return AKI_OK;
}

aki_status resume_state_read(const char *path, const resume_settings *settings, resume_state *state,
                             aki_error *error)
{
    json_t *root = NULL;
    aki_error reason;
    aki_status status = json_file_read(path, STATE_MAX_BYTES, &root, &reason);
    if (status == AKI_OUT_OF_MEMORY)
        return error_set(error, status, "%s", reason.message);
    if (status != AKI_OK) {
        error_set(error, AKI_IO_ERROR, "%s", reason.message);
        hint_restart(error);
        return AKI_IO_ERROR;
    }
    status = read_counters(path, root, state, error);
    if (status == AKI_OK)
        status = compare(path, root, settings, error);
    json_decref(root);
    return status;
}
