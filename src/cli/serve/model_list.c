#include "cli/serve/model_list.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/xxhash64.h"
#include "cli/model_source.h"
#include "cli/options/config_lines.h"
#include "cli/options/options.h"
#include "model/modules.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KEYS "source, name, alias, precision, prompt, pin and keep_alive"

typedef struct reading {
    model_list *list;
    const options *o;
    bool in_section; /* of the file */
    bool named;      /* the section has a source */
} reading;

static const char *const keys[] = {"source", "name", "alias", "precision", "prompt", "pin", "keep_alive"};
#define KEYS_COUNT (sizeof keys / sizeof keys[0])

static aki_status no_memory(aki_error *error)
{
    return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the list of models");
}

static aki_status set_text(const char **to, const char *value, size_t length, aki_error *error)
{
    mem_free((char *)*to);
    *to = mem_copy_text(value, length);
    return *to != NULL ? AKI_OK : no_memory(error);
}

/* A new one at the end of the list; NULL = out of memory. */
static model_spec *add_spec(reading *r, const char *origin, aki_error *error)
{
    model_list *list = r->list;
    model_spec *specs = mem_realloc(list->specs, list->count + 1, sizeof *specs);
    if (specs == NULL) {
        (void)no_memory(error);
        return NULL;
    }
    list->specs = specs;
    model_spec *spec = &specs[list->count++];
    /* 0: the option's word for ever. */
    const int64_t keep_ms = option_number(r->o, OPTION_KEEP_ALIVE);
    *spec = (model_spec){.precision = (aki_precision)option_number(r->o, OPTION_PRECISION),
                         .keep_alive_ms = keep_ms == 0 ? MODEL_KEEP_FOREVER : keep_ms,
                         .origin = mem_copy_string(origin)};
    if (spec->origin != NULL)
        return spec;
    (void)no_memory(error);
    return NULL;
}

/* ---- Values -------------------------------------------------------------------------------------------------------- */

/* By the row of an option that takes the same values. */
static aki_status read_by_option(option_id id, const char *label, const char *value, int64_t *number,
                                 aki_error *error)
{
    option_value read = {.text = NULL};
    aki_status status = option_parse(id, label, value, &read, error);
    *number = read.number;
    mem_free(read.text);
    return status;
}

static aki_status add_alias(model_spec *spec, const char *label, const char *name, size_t length,
                            aki_error *error)
{
    if (spec->aliases_count == MODEL_ALIASES_MAX)
        return error_set(error, AKI_INVALID_ARGUMENT, "%s: a model has at most %d aliases", label,
                         MODEL_ALIASES_MAX);
    aki_status status = set_text(&spec->aliases[spec->aliases_count], name, length, error);
    spec->aliases_count += status == AKI_OK;
    return status;
}

/* Commas stand between aliases. */
static aki_status add_aliases(model_spec *spec, const char *label, const char *value, aki_error *error)
{
    aki_status status = AKI_OK;
    while (status == AKI_OK && *value != '\0') {
        value += strspn(value, ", \t");
        size_t length = strcspn(value, ",");
        const char *next = value + length;
        while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
            length--;
        if (length > 0)
            status = add_alias(spec, label, value, length, error);
        value = next;
    }
    return status;
}

static aki_status set_pin(model_spec *spec, const char *label, const char *value, aki_error *error)
{
    int64_t on;
    aki_status status = read_by_option(OPTION_OFFLINE, label, value, &on, error); /* any switch */
    spec->pinned = status == AKI_OK && on != 0;
    return status;
}

static aki_status set_keep_alive(model_spec *spec, const char *label, const char *value, aki_error *error)
{
    int64_t ms = 0;
    aki_status status = read_by_option(OPTION_KEEP_ALIVE, label, value, &ms, error);
    spec->keep_alive_ms = ms == 0 ? MODEL_KEEP_FOREVER : ms;
    return status;
}

static aki_status set_precision(model_spec *spec, const char *label, const char *value, aki_error *error)
{
    int64_t chosen = 0;
    aki_status status = read_by_option(OPTION_PRECISION, label, value, &chosen, error);
    spec->precision = (aki_precision)chosen;
    return status;
}

static aki_status refuse_key(const char *label, const char *key, aki_error *error)
{
    const char *nearest = NULL;
    for (size_t i = 0; i < KEYS_COUNT; i++)
        if (suggest_near(key, keys[i]) &&
            (nearest == NULL || suggest_distance(key, keys[i]) < suggest_distance(key, nearest)))
            nearest = keys[i];
    error_set(error, AKI_INVALID_ARGUMENT, "%s: a model has no setting '%.60s'", label, key);
    if (nearest != NULL)
        error_hint(error, "Did you mean '%s'?", nearest);
    else
        error_hint(error, "A model has " KEYS ".");
    return AKI_INVALID_ARGUMENT;
}

/* label: how errors name the place. */
static aki_status set(model_spec *spec, const char *label, const char *key, const char *value,
                      aki_error *error)
{
    if (*value == '\0')
        return error_set(error, AKI_INVALID_ARGUMENT, "%s: '%s' is empty", label, key);
    if (strcmp(key, "source") == 0)
        return set_text(&spec->source, value, strlen(value), error);
    if (strcmp(key, "name") == 0)
        return set_text(&spec->name, value, strlen(value), error);
    if (strcmp(key, "alias") == 0)
        return add_aliases(spec, label, value, error);
    if (strcmp(key, "prompt") == 0)
        return set_text(&spec->prompt, value, strlen(value), error);
    if (strcmp(key, "pin") == 0)
        return set_pin(spec, label, value, error);
    if (strcmp(key, "keep_alive") == 0)
        return set_keep_alive(spec, label, value, error);
    if (strcmp(key, "precision") == 0)
        return set_precision(spec, label, value, error);
    return refuse_key(label, key, error);
}

/* ---- --model --------------------------------------------------------------------------------------------------------- */

/* Of the source: up to the first comma with a word and '=' behind it. */
static size_t source_length(const char *text)
{
    struct stat info;
    if (stat(text, &info) == 0)
        return strlen(text);
    for (const char *comma = strchr(text, ','); comma != NULL; comma = strchr(comma + 1, ',')) {
        const char *end = comma + 1;
        while (islower((unsigned char)*end) || *end == '_')
            end++;
        if (end > comma + 1 && *end == '=')
            return (size_t)(comma - text);
    }
    return strlen(text);
}

/* Changes `text`, whose options stand behind commas. */
static aki_status read_options(model_spec *spec, const char *label, char *text, aki_error *error)
{
    aki_status status = AKI_OK;
    while (status == AKI_OK && *text != '\0') {
        char *next = text + strcspn(text, ","), *equals;
        const bool more = *next == ',';
        *next = '\0';
        equals = strchr(text, '=');
        if (equals == NULL) {
            error_set(error, AKI_INVALID_ARGUMENT, "%s: '%.60s' is no setting of a model", label, text);
            error_hint(error, "Write key=value; a model has " KEYS ".");
            return AKI_INVALID_ARGUMENT;
        }
        *equals = '\0';
        status = set(spec, label, text, equals + 1, error);
        text = more ? next + 1 : next;
    }
    return status;
}

static aki_status name_spec(model_spec *spec, aki_error *error)
{
    if (spec->name == NULL)
        spec->name = model_name_of(spec->source);
    return spec->name != NULL ? AKI_OK : no_memory(error);
}

static aki_status read_flag(reading *r, const char *text, size_t length, aki_error *error)
{
    char label[240], *copy = mem_copy_text(text, length);
    if (copy == NULL)
        return no_memory(error);
    snprintf(label, sizeof label, "--model %.200s", copy);
    model_spec *spec = add_spec(r, label, error);
    const size_t source = source_length(copy);
    aki_status status = spec != NULL ? set_text(&spec->source, copy, source, error) : AKI_OUT_OF_MEMORY;
    if (status == AKI_OK && source == 0) {
        status = error_set(error, AKI_INVALID_ARGUMENT, "%s: the source is empty", label);
        error_hint(error, "Write ID|FOLDER first, then the settings.");
    }
    if (status == AKI_OK && source < strlen(copy))
        status = read_options(spec, label, copy + source + 1, error);
    mem_free(copy);
    /* --model-name is that of the first. */
    const char *name = option_text(r->o, OPTION_MODEL_NAME);
    if (status == AKI_OK && spec == r->list->specs && name != NULL && spec->name == NULL)
        status = set_text(&spec->name, name, strlen(name), error);
    return status == AKI_OK ? name_spec(spec, error) : status;
}

static aki_status read_flags(reading *r, const char *text, aki_error *error)
{
    aki_status status = AKI_OK;
    while (status == AKI_OK && *text != '\0') {
        const size_t length = strcspn(text, "\n");
        status = read_flag(r, text, length, error);
        text += length + (text[length] == '\n');
    }
    return status;
}

/* ---- --models ---------------------------------------------------------------------------------------------------------- */

static aki_status end_section(const reading *r, aki_error *error)
{
    if (!r->in_section || r->named)
        return AKI_OK;
    const model_spec *last = &r->list->specs[r->list->count - 1];
    error_set(error, AKI_INVALID_ARGUMENT, "%s: the model [%.100s] has no source", last->origin, last->name);
    error_hint(error, "Write source = ID|FOLDER below it.");
    return AKI_INVALID_ARGUMENT;
}

static aki_status take_section(void *cookie, const char *path, int line, char *name, aki_error *error)
{
    reading *r = cookie;
    char origin[300];
    snprintf(origin, sizeof origin, "%.250s line %d", path, line);
    aki_status status = end_section(r, error);
    if (status != AKI_OK)
        return status;
    model_spec *spec = add_spec(r, origin, error);
    r->in_section = true;
    r->named = false;
    if (spec == NULL)
        return AKI_OUT_OF_MEMORY;
    return set(spec, origin, "name", name, error);
}

static aki_status take_setting(void *cookie, const char *path, int line, char *key, char *value,
                               aki_error *error)
{
    reading *r = cookie;
    char label[300];
    snprintf(label, sizeof label, "%.250s line %d", path, line);
    if (!r->in_section || strcmp(key, "name") == 0) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s: '%.60s' stands %s", label, key,
                  !r->in_section ? "before the first [name] of a model" : "for the [name] of the section");
        error_hint(error, "Write [name] above the settings of each model.");
        return AKI_INVALID_ARGUMENT;
    }
    r->named |= strcmp(key, "source") == 0;
    return set(&r->list->specs[r->list->count - 1], label, key, value, error);
}

static aki_status read_file(reading *r, const char *path, aki_error *error)
{
    const config_reader reader = {.kind = "models file",
                                  .hint = "Check the path given to --models or AKIDB_MODELS.",
                                  .example =
                                      "A comment begins with '#' or ';'; docs/MODELS-FILE.md shows the form.",
                                  .section = take_section,
                                  .setting = take_setting,
                                  .cookie = r};
    aki_status status = config_lines_read(path, &reader, error);
    if (status == AKI_OK)
        status = end_section(r, error);
    if (status != AKI_OK || r->in_section)
        return status;
    error_set(error, AKI_INVALID_ARGUMENT, "the models file '%s' names no model", path);
    error_hint(error, "Write [name] and source = ID|FOLDER; docs/MODELS-FILE.md shows the form.");
    return AKI_INVALID_ARGUMENT;
}

/* ---- What lies there --------------------------------------------------------------------------------------------------- */

/* Of the folder's weights and configuration: other files have another stamp. The models of a hub have none: their folder is named
 * by a commit. */
static bool add_to_stamp(const char *path, uint64_t *hash)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return false;
    const uint64_t facts[] = {(uint64_t)info.st_ino, (uint64_t)info.st_size, (uint64_t)info.st_mtim.tv_sec,
                              (uint64_t)info.st_mtim.tv_nsec};
    *hash = xxhash64(*hash, facts, sizeof facts);
    return true;
}

static aki_status stamp(model_spec *spec, aki_error *error)
{
    char text[17], config[PATH_MAX];
    uint64_t hash = 0;
    weight_paths weights;
    snprintf(config, sizeof config, "%s/config.json", spec->source);
    bool known = modules_find_weights(&weights, spec->source, NULL) == AKI_OK && add_to_stamp(config, &hash);
    for (size_t i = 0; i < weights.count && known; i++)
        known = add_to_stamp(weights.items[i], &hash);
    weight_paths_free(&weights);
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return known ? set_text(&spec->stamp, text, strlen(text), error) : AKI_OK;
}

aki_status model_list_read(model_list *out, const options *o, aki_error *error)
{
    *out = (model_list){.specs = NULL};
    reading r = {.list = out, .o = o};
    const char *file = option_text(o, OPTION_MODELS);
    aki_status status = AKI_OK;
    out->changes = file != NULL;
    if (file == NULL || option_given(o, OPTION_MODEL))
        status = read_flags(&r, option_text(o, OPTION_MODEL), error);
    if (status == AKI_OK && file != NULL)
        status = read_file(&r, file, error);
    if (status == AKI_OK)
        status = model_specs_check(out->specs, out->count, error);
    for (size_t i = 0; i < out->count && status == AKI_OK; i++)
        status = stamp(&out->specs[i], error);
    return status;
}

void model_list_free(model_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        model_spec_free(&list->specs[i]);
    mem_free(list->specs);
    *list = (model_list){.specs = NULL};
}
