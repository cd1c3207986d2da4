#include "model/safetensors.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "model/quote.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES ((size_t)8)
#define METADATA_KEY "__metadata__"

struct safetensors {
    json_t *header; /* keeps the names alive; a list of headers where files were joined */
    safetensors_entry *entries;
    size_t count;
};

/* What the checks of one file share. */
typedef struct reader {
    const char *path;
    size_t data_bytes; /* behind the header */
    size_t data_begin; /* from the start of the file */
    aki_error *error;
} reader;

/* Types of the format with their width, those under a byte included. */
static const struct {
    const char *name;
    size_t bits;
} dtypes[] = {
    {"F32", 32},    {"F16", 16},        {"BF16", 16},   {"I64", 64},    {"I32", 32},    {"I16", 16},
    {"I8", 8},      {"U64", 64},        {"U32", 32},    {"U16", 16},    {"U8", 8},      {"BOOL", 8},
    {"F64", 64},    {"C64", 64},        {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F6_E2M3", 6}, {"F8_E5M2FNUZ", 8}, {"F6_E3M2", 6}, {"F4", 4},
};

#define DEFECT(r, entry, format, ...)                                                                        \
    error_set((r)->error, AKI_MODEL_INVALID, "'%s': tensor '%s' " format, (r)->path,                         \
              quote_name((entry)->name, (entry)->name_length).text __VA_OPT__(, ) __VA_ARGS__)

/* A whole number >= 0 as JSON integer; false for anything else. */
static bool read_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

static aki_status read_dtype(const reader *r, safetensors_entry *entry, const json_t *dtype, size_t *bits)
{
    if (!json_is_string(dtype))
        return DEFECT(r, entry, "has no \"dtype\" string");
    entry->dtype = json_string_value(dtype);
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (strcmp(dtypes[i].name, entry->dtype) == 0) {
            *bits = dtypes[i].bits;
            return AKI_OK;
        }
    return DEFECT(r, entry, "has the unknown type '%s'",
                  quote_name(entry->dtype, json_string_length(dtype)).text);
}

/* *size_bytes: of a tensor of that shape. */
static aki_status read_shape(const reader *r, safetensors_entry *entry, const json_t *shape, size_t bits,
                             size_t *size_bytes)
{
    if (!json_is_array(shape))
        return DEFECT(r, entry, "has no \"shape\" array");
    entry->rank = json_array_size(shape);
    if (entry->rank > MODEL_MAX_RANK)
        return DEFECT(r, entry, "has %zu dimensions; at most %zu are allowed", entry->rank, MODEL_MAX_RANK);
    bool fits = true;
    size_t product = 1;
    for (size_t i = 0; i < entry->rank; i++) {
        if (!read_size(json_array_get(shape, i), &entry->shape[i]))
            return DEFECT(r, entry, "has a \"shape\" that is not made of whole numbers >= 0");
        fits = fits && size_mul(product, entry->shape[i], &product);
    }
    if (!fits || !size_mul(product, bits, &product))
        return DEFECT(r, entry, "has a shape whose size is beyond 64 bits");
    if (product % 8 != 0)
        return DEFECT(r, entry, "ends inside a byte: its shape makes %zu bits", product);
    *size_bytes = product / 8;
    return AKI_OK;
}

static aki_status read_range(const reader *r, safetensors_entry *entry, const json_t *offsets,
                             size_t size_bytes)
{
    size_t begin, end;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !read_size(json_array_get(offsets, 0), &begin) || !read_size(json_array_get(offsets, 1), &end))
        return DEFECT(r, entry, "has no \"data_offsets\" of two whole numbers >= 0");
    if (begin > end)
        return DEFECT(r, entry, "has \"data_offsets\" that run backwards: %zu to %zu", begin, end);
    if (end - begin != size_bytes)
        return DEFECT(r, entry, "takes %zu bytes by its \"data_offsets\", but %zu by its type and shape",
                      end - begin, size_bytes);
    if (end > r->data_bytes)
        return DEFECT(r, entry, "ends at byte %zu of the data, but the file has only %zu: it is cut short",
                      end, r->data_bytes);
    entry->begin = r->data_begin + begin;
    entry->end = r->data_begin + end;
    return AKI_OK;
}

static aki_status read_entry(const reader *r, safetensors_entry *entry, const json_t *description)
{
    if (!json_is_object(description))
        return DEFECT(r, entry, "is not described by a JSON object");
    size_t bits = 0, size_bytes = 0;
    aki_status status = read_dtype(r, entry, json_object_get(description, "dtype"), &bits);
    if (status == AKI_OK)
        status = read_shape(r, entry, json_object_get(description, "shape"), bits, &size_bytes);
    if (status == AKI_OK)
        status = read_range(r, entry, json_object_get(description, "data_offsets"), size_bytes);
    return status;
}

static aki_status check_metadata(const reader *r, json_t *metadata)
{
    const char *key;
    json_t *value;
    bool strings = json_is_object(metadata);
    json_object_foreach(metadata, key, value) strings = strings && json_is_string(value);
    return strings ? AKI_OK
                   : error_set(r->error, AKI_MODEL_INVALID,
                               "'%s': \"" METADATA_KEY "\" must be an object of strings", r->path);
}

static int by_range(const void *left, const void *right)
{
    const safetensors_entry *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

static int by_name(const void *left, const void *right)
{
    const safetensors_entry *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static int name_to_entry(const void *name, const void *entry)
{
    return strcmp(name, ((const safetensors_entry *)entry)->name);
}

/* Sorts the entries by range. */
static aki_status check_coverage(const reader *r, safetensors *file)
{
    qsort(file->entries, file->count, sizeof file->entries[0], by_range);
    size_t covered = r->data_begin;
    for (size_t i = 0; i < file->count; i++) {
        const safetensors_entry *entry = &file->entries[i];
        if (entry->begin < covered)
            return DEFECT(r, entry, "overlaps tensor '%s'",
                          quote_name(entry[-1].name, entry[-1].name_length).text);
        if (entry->begin > covered)
            return DEFECT(r, entry, "has %zu bytes before it that belong to no tensor",
                          entry->begin - covered);
        covered = entry->end;
    }
    size_t file_end = r->data_begin + r->data_bytes;
    if (covered != file_end)
        return error_set(r->error, AKI_MODEL_INVALID,
                         "'%s' has %zu bytes behind its last tensor that belong to no tensor", r->path,
                         file_end - covered);
    return AKI_OK;
}

static aki_status read_entries(const reader *r, safetensors *file)
{
    file->entries = mem_zalloc(json_object_size(file->header), sizeof file->entries[0]);
    if (file->entries == NULL)
        return error_set(r->error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", r->path);
    const char *name;
    json_t *description;
    json_object_foreach(file->header, name, description)
    {
        aki_status status;
        if (strcmp(name, METADATA_KEY) == 0) {
            status = check_metadata(r, description);
        } else {
            safetensors_entry *entry = &file->entries[file->count++];
            entry->name = name;
            entry->name_length = strlen(name);
            status = read_entry(r, entry, description);
        }
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

/* Finds the header's bounds, parses it. */
static aki_status read_header(reader *r, safetensors *file, const unsigned char *data, size_t size)
{
    if (size < LENGTH_BYTES)
        return error_set(r->error, AKI_MODEL_INVALID, "'%s' has %zu bytes: too short for a safetensors file",
                         r->path, size);
    uint64_t length = 0;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)data[i] << (8 * i);
    if (length > MODEL_MAX_HEADER_BYTES)
        return error_set(
            r->error, AKI_MODEL_INVALID,
            "'%s' announces a header of %llu bytes, over the limit of %zu: not a safetensors file", r->path,
            (unsigned long long)length, MODEL_MAX_HEADER_BYTES);
    if (length > size - LENGTH_BYTES)
        return error_set(
            r->error, AKI_MODEL_INVALID,
            "'%s' announces a header of %llu bytes, but has only %zu bytes in all: it is cut short", r->path,
            (unsigned long long)length, size);
    if (length == 0 || data[LENGTH_BYTES] != '{')
        return error_set(r->error, AKI_MODEL_INVALID, "'%s': the header does not begin with '{'", r->path);

    json_error_t reason;
    bool lacked_memory;
    file->header = json_parse((const char *)data + LENGTH_BYTES, (size_t)length, JSON_REJECT_DUPLICATES,
                              &reason, &lacked_memory);
    if (file->header == NULL && lacked_memory)
        return error_set(r->error, AKI_OUT_OF_MEMORY, "no memory to read the header of '%s'", r->path);
    if (file->header == NULL)
        return error_set(r->error, AKI_MODEL_INVALID, "'%s': the header is not valid JSON: byte %d: %s",
                         r->path, reason.position, reason.text);
    r->data_begin = LENGTH_BYTES + (size_t)length;
    r->data_bytes = size - r->data_begin;
    return AKI_OK;
}

aki_status safetensors_parse(safetensors **out, const unsigned char *data, size_t size, const char *path,
                             aki_error *error)
{
    *out = NULL;
    safetensors *file = mem_zalloc(1, sizeof *file);
    if (file == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", path);
    reader r = {.path = path, .error = error};
    aki_status status = read_header(&r, file, data, size);
    if (status == AKI_OK)
        status = read_entries(&r, file);
    if (status == AKI_OK)
        status = check_coverage(&r, file);
    if (status != AKI_OK) {
        safetensors_close(file);
        return status;
    }
    qsort(file->entries, file->count, sizeof file->entries[0], by_name);
    *out = file;
    return AKI_OK;
}

/* Moves the entries and the header of a part to the whole. */
static bool take_part(safetensors *whole, const safetensors *part, size_t begin)
{
    for (size_t i = 0; i < part->count; i++) {
        safetensors_entry *entry = &whole->entries[whole->count++];
        *entry = part->entries[i];
        entry->begin += begin;
        entry->end += begin;
    }
    return json_array_append(whole->header, part->header) == 0;
}

static aki_status join(safetensors *whole, safetensors *const *parts, const size_t *begins, size_t count,
                       const char *path, aki_error *error)
{
    size_t entries = 0;
    for (size_t i = 0; i < count; i++)
        entries += parts[i]->count;
    whole->header = json_array();
    whole->entries = mem_alloc(entries, sizeof whole->entries[0]);
    bool joined = whole->header != NULL && whole->entries != NULL;
    for (size_t i = 0; i < count && joined; i++)
        joined = take_part(whole, parts[i], begins[i]);
    if (!joined)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read the files of '%s'", path);
    qsort(whole->entries, whole->count, sizeof whole->entries[0], by_name);
    for (size_t i = 1; i < whole->count; i++)
        if (by_name(&whole->entries[i - 1], &whole->entries[i]) == 0)
            return error_set(error, AKI_MODEL_INVALID, "'%s': tensor '%s' is in two files", path,
                             quote_name(whole->entries[i].name, whole->entries[i].name_length).text);
    return AKI_OK;
}

aki_status safetensors_join(safetensors **out, safetensors **parts, const size_t *begins, size_t count,
                            const char *path, aki_error *error)
{
    safetensors *whole = mem_zalloc(1, sizeof *whole);
    aki_status status = whole != NULL ? join(whole, parts, begins, count, path, error)
                                      : error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", path);
    for (size_t i = 0; i < count; i++) {
        safetensors_close(parts[i]);
        parts[i] = NULL;
    }
    if (status != AKI_OK) {
        safetensors_close(whole);
        whole = NULL;
    }
    *out = whole;
    return status;
}

void safetensors_close(safetensors *file)
{
    if (file == NULL)
        return;
    json_decref(file->header);
    mem_free(file->entries);
    mem_free(file);
}

size_t safetensors_count(const safetensors *file)
{
    return file->count;
}

const safetensors_entry *safetensors_at(const safetensors *file, size_t index)
{
    return &file->entries[index];
}

const safetensors_entry *safetensors_find(const safetensors *file, const char *name)
{
    return bsearch(name, file->entries, file->count, sizeof file->entries[0], name_to_entry);
}
