#include "cli/jsonl_texts.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jsonl_texts {
    line_source *lines;
    char *field;
    char *id;     /* of the last record */
    json_t *json; /* the last record, which owns its text */
};

static bool is_blank(const input_line *line)
{
    size_t i = 0;
    while (i < line->length && strchr(" \t\r", line->data[i]) != NULL && line->data[i] != '\0')
        i++;
    return i == line->length;
}

static text_outcome bad_field(jsonl_texts *jsonl, const input_line *line, aki_error *error, const char *what)
{
    error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: %s", line_source_name(jsonl->lines),
              (unsigned long long)line->number, what);
    error_hint(
        error,
        "Each line is an object such as {\"%.40s\": \"...\"}; name another field with --field, or leave "
        "bad lines out with --on-error skip.",
        jsonl->field);
    return TEXT_BAD;
}

static text_outcome read_object(jsonl_texts *jsonl, const input_line *line, text_record *record,
                                aki_error *error)
{
    json_error_t reason;
    bool lacked_memory;
    char what[300];
    free(jsonl->id);
    jsonl->id = NULL;
    json_decref(jsonl->json);
    jsonl->json =
        json_parse(line->data, line->length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY,
                   &reason, &lacked_memory);
    if (jsonl->json == NULL && lacked_memory) {
        error_set(error, AKI_OUT_OF_MEMORY, "%s line %llu: no memory to read it",
                  line_source_name(jsonl->lines), (unsigned long long)line->number);
        return TEXT_FAILED;
    }
    if (jsonl->json == NULL) {
        snprintf(what, sizeof what, "not valid JSON at column %d: %s", reason.column, reason.text);
        return bad_field(jsonl, line, error, what);
    }
    if (!json_is_object(jsonl->json))
        return bad_field(jsonl, line, error, "not a JSON object");
    json_t *text = json_object_get(jsonl->json, jsonl->field);
    if (!json_is_string(text)) {
        snprintf(what, sizeof what, text == NULL ? "has no field \"%.100s\"" : "\"%.100s\" is not a string",
                 jsonl->field);
        return bad_field(jsonl, line, error, what);
    }
    record->text = json_string_value(text);
    record->length = json_string_length(text);
    json_t *id = json_object_get(jsonl->json, "id");
    if (id != NULL) {
        jsonl->id = json_dumps(id, JSON_COMPACT | JSON_ENCODE_ANY);
        if (jsonl->id == NULL) {
            error_set(error, AKI_OUT_OF_MEMORY, "no memory for an id");
            return TEXT_FAILED;
        }
        record->id = jsonl->id;
    }
    return TEXT_READ;
}

aki_status jsonl_texts_open(jsonl_texts **out, line_source *lines, const char *field, aki_error *error)
{
    *out = NULL;
    jsonl_texts *jsonl = mem_zalloc(1, sizeof *jsonl);
    char *copy = mem_copy_string(field);
    if (jsonl == NULL || copy == NULL) {
        mem_free(jsonl);
        mem_free(copy);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read texts");
    }
    *jsonl = (jsonl_texts){.lines = lines, .field = copy};
    *out = jsonl;
    return AKI_OK;
}

void jsonl_texts_close(jsonl_texts *jsonl)
{
    if (jsonl == NULL)
        return;
    json_decref(jsonl->json);
    free(jsonl->id);
    mem_free(jsonl->field);
    mem_free(jsonl);
}

text_outcome jsonl_texts_next(jsonl_texts *jsonl, text_record *record, aki_error *error)
{
    input_line line = {.number = 0};
    line_outcome outcome;
    do {
        outcome = line_source_next(jsonl->lines, &line, error);
    } while (outcome == LINE_READ && is_blank(&line));
    record->line = line.number;
    if (outcome == LINE_READ)
        return read_object(jsonl, &line, record, error);
    if (outcome == LINE_TOO_LONG)
        text_set_too_long(jsonl->lines, line.number, error);
    return text_outcome_of(outcome);
}
