#include "cli/bulk/jsonl_texts.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/json_scan.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct jsonl_texts {
    line_source *lines;
    char *field;
    char *id;       /* of the last record */
    json_t *text;   /* of the last record, where it had escapes */
    uint64_t blank; /* lines so far */
};

/* The members of a line that matter, in its bytes; value NULL where absent. */
typedef struct row {
    json_member text, id;
} row;

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

static text_outcome no_memory(const jsonl_texts *jsonl, const input_line *line, aki_error *error)
{
    error_set(error, AKI_OUT_OF_MEMORY, "%s line %llu: no memory to read it", line_source_name(jsonl->lines),
              (unsigned long long)line->number);
    return TEXT_FAILED;
}

/* A string in quotes without its escapes; NULL with *reason or *lacked_memory set. */
static json_t *decode_string(const char *string, size_t length, json_error_t *reason, bool *lacked_memory)
{
    return json_parse(string, length, JSON_ALLOW_NUL | JSON_DECODE_ANY, reason, lacked_memory);
}

/* Compares a member's name. False: out of memory. A name that cannot be decoded counts as different. */
static bool is_named(const json_member *member, const char *name, bool *named)
{
    const char *plain = member->name;
    size_t length = member->name_length;
    json_t *decoded = NULL;
    bool lacked_memory = false;
    if (memchr(plain, '\\', length) != NULL) {
        json_error_t reason;
        decoded = decode_string(plain - 1, length + 2, &reason, &lacked_memory);
        plain = json_string_value(decoded);
        length = json_string_length(decoded);
    }
    *named = plain != NULL && length == strlen(name) && memcmp(plain, name, length) == 0;
    json_decref(decoded);
    return !lacked_memory;
}

static text_outcome bad_json(jsonl_texts *jsonl, const input_line *line, size_t column, const char *why,
                             aki_error *error)
{
    char what[300];
    snprintf(what, sizeof what, "not valid JSON at column %zu: %s", column, why);
    return bad_field(jsonl, line, error, what);
}

static text_outcome find_members(jsonl_texts *jsonl, const input_line *line, row *found, aki_error *error)
{
    json_scan scan;
    json_member member;
    json_scan_outcome outcome;
    json_scan_begin(&scan, line->data, line->length);
    while ((outcome = json_scan_next(&scan, &member)) == JSON_SCAN_MEMBER) {
        bool is_text, is_id;
        if (!is_named(&member, jsonl->field, &is_text) || !is_named(&member, "id", &is_id))
            return no_memory(jsonl, line, error);
        if ((is_text && found->text.value != NULL) || (is_id && found->id.value != NULL)) {
            char why[200];
            snprintf(why, sizeof why, "duplicate \"%.100s\"", is_text ? jsonl->field : "id");
            return bad_json(jsonl, line, (size_t)(member.name - line->data), why, error);
        }
        if (is_text)
            found->text = member;
        if (is_id)
            found->id = member;
    }
    if (outcome == JSON_SCAN_FAULT)
        return bad_json(jsonl, line, scan.fault_column, scan.fault, error);
    return outcome == JSON_SCAN_NOT_OBJECT ? bad_field(jsonl, line, error, "not a JSON object") : TEXT_READ;
}

static text_outcome take_text(jsonl_texts *jsonl, const input_line *line, const json_member *text,
                              text_record *record, aki_error *error)
{
    char what[300];
    json_error_t reason;
    bool lacked_memory;
    if (text->value == NULL || text->value[0] != '"') {
        snprintf(what, sizeof what,
                 text->value == NULL ? "has no field \"%.100s\"" : "\"%.100s\" is not a string",
                 jsonl->field);
        return bad_field(jsonl, line, error, what);
    }
    if (memchr(text->value, '\\', text->value_length) == NULL) {
        record->text = text->value + 1;
        record->length = text->value_length - 2;
        return TEXT_READ;
    }
    jsonl->text = decode_string(text->value, text->value_length, &reason, &lacked_memory);
    if (jsonl->text == NULL && lacked_memory)
        return no_memory(jsonl, line, error);
    if (jsonl->text == NULL)
        return bad_json(jsonl, line, (size_t)(text->value - line->data) + 1, reason.text, error);
    record->text = json_string_value(jsonl->text);
    record->length = json_string_length(jsonl->text);
    return TEXT_READ;
}

static text_outcome read_object(jsonl_texts *jsonl, const input_line *line, text_record *record,
                                aki_error *error)
{
    row found = {.text = {.value = NULL}};
    mem_free(jsonl->id);
    jsonl->id = NULL;
    json_decref(jsonl->text);
    jsonl->text = NULL;
    text_outcome outcome = find_members(jsonl, line, &found, error);
    if (outcome == TEXT_READ)
        outcome = take_text(jsonl, line, &found.text, record, error);
    if (outcome != TEXT_READ || found.id.value == NULL)
        return outcome;
    jsonl->id = mem_copy_text(found.id.value, found.id.value_length);
    record->id = jsonl->id;
    return jsonl->id != NULL ? TEXT_READ : no_memory(jsonl, line, error);
}

/* True for one JSON array over the whole file, as `json.dump` of a list writes it, instead of a value on each line.
 * Checked on the first line that is not blank. */
static bool is_array(const input_line *line)
{
    size_t i = 0;
    while (i < line->length && (line->data[i] == ' ' || line->data[i] == '\t'))
        i++;
    return i < line->length && line->data[i] == '[';
}

static text_outcome refuse_array(const jsonl_texts *jsonl, const input_line *line, aki_error *error)
{
    error_set(error, AKI_INVALID_ARGUMENT,
              "%s line %llu: begins a JSON array; read is JSONL, an object on each line",
              line_source_name(jsonl->lines), (unsigned long long)line->number);
    error_hint(error, "Convert the file: jq -c '.[]' FILE.json > FILE.jsonl");
    return TEXT_FAILED;
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
    json_decref(jsonl->text);
    mem_free(jsonl->id);
    mem_free(jsonl->field);
    mem_free(jsonl);
}

text_outcome jsonl_texts_next(jsonl_texts *jsonl, text_record *record, aki_error *error)
{
    input_line line = {.number = 0};
    line_outcome outcome;
    while ((outcome = line_source_next(jsonl->lines, &line, error)) == LINE_READ && is_blank(&line))
        jsonl->blank++;
    record->line = line.number;
    if (outcome == LINE_READ && line.number == jsonl->blank + 1 && is_array(&line))
        return refuse_array(jsonl, &line, error);
    if (outcome == LINE_READ)
        return read_object(jsonl, &line, record, error);
    if (outcome == LINE_TOO_LONG)
        text_set_too_long(jsonl->lines, line.number, error);
    return text_outcome_of(outcome);
}
