#include "serving/model_spec.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

static bool copy(const char **to, const char *from)
{
    *to = from != NULL ? mem_copy_string(from) : NULL;
    return from == NULL || *to != NULL;
}

bool model_spec_copy(model_spec *to, const model_spec *from)
{
    *to = (model_spec){
        .precision = from->precision, .pinned = from->pinned, .keep_alive_ms = from->keep_alive_ms};
    bool whole = copy(&to->name, from->name) && copy(&to->source, from->source) &&
                 copy(&to->prompt, from->prompt) && copy(&to->stamp, from->stamp) &&
                 copy(&to->origin, from->origin);
    for (; whole && to->aliases_count < from->aliases_count; to->aliases_count += whole)
        whole = copy(&to->aliases[to->aliases_count], from->aliases[to->aliases_count]);
    if (!whole)
        model_spec_free(to);
    return whole;
}

void model_spec_free(model_spec *spec)
{
    mem_free((char *)spec->name);
    mem_free((char *)spec->source);
    mem_free((char *)spec->prompt);
    mem_free((char *)spec->stamp);
    mem_free((char *)spec->origin);
    for (size_t i = 0; i < spec->aliases_count; i++)
        mem_free((char *)spec->aliases[i]);
    *spec = (model_spec){0};
}

static bool equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool model_spec_same_weights(const model_spec *a, const model_spec *b)
{
    return equal(a->source, b->source) && equal(a->stamp, b->stamp) && a->precision == b->precision;
}

bool model_spec_loads_alike(const model_spec *a, const model_spec *b)
{
    return model_spec_same_weights(a, b) && equal(a->prompt, b->prompt);
}

static const char *origin_of(const model_spec *spec)
{
    return spec->origin != NULL ? spec->origin : "the models";
}

static aki_status check_length(const model_spec *spec, const char *name, const char *kind, aki_error *error)
{
    if (name[0] != '\0' && strlen(name) <= MODEL_NAME_MAX_BYTES)
        return AKI_OK;
    error_set(error, AKI_INVALID_ARGUMENT, "%s: a model's %s has 1 to %d bytes", origin_of(spec), kind,
              MODEL_NAME_MAX_BYTES);
    error_hint(error, "Give a shorter one.");
    return AKI_INVALID_ARGUMENT;
}

/* Name number `index` of a model: its own, then its aliases. NULL = there are no more. */
static const char *name_of(const model_spec *spec, size_t index)
{
    return index == 0 ? spec->name : index <= spec->aliases_count ? spec->aliases[index - 1] : NULL;
}

static aki_status refuse_twice(const model_spec *first, size_t first_index, const model_spec *second,
                               size_t second_index, aki_error *error)
{
    const char *name = name_of(second, second_index);
    if (first_index == 0 && second_index == 0)
        error_set(error, AKI_INVALID_ARGUMENT, "%s: a model is called '%.100s' already: %s",
                  origin_of(second), name, origin_of(first));
    else
        error_set(error, AKI_INVALID_ARGUMENT, "%s: the %s '%.100s' is %s of the model '%.100s' already: %s",
                  origin_of(second), second_index == 0 ? "name" : "alias", name,
                  first_index == 0 ? "the name" : "an alias", first->name, origin_of(first));
    error_hint(error, "Give one of the two another name.");
    return AKI_INVALID_ARGUMENT;
}

/* Compares a name with all names before it. */
static aki_status check_name(const model_spec *specs, size_t at, size_t at_index, aki_error *error)
{
    const char *name = name_of(&specs[at], at_index), *other;
    aki_status status = check_length(&specs[at], name, at_index == 0 ? "name" : "alias", error);
    for (size_t i = 0; i <= at && status == AKI_OK; i++)
        for (size_t k = 0;
             status == AKI_OK && (i < at || k < at_index) && (other = name_of(&specs[i], k)) != NULL; k++)
            if (strcmp(name, other) == 0)
                status = refuse_twice(&specs[i], k, &specs[at], at_index, error);
    return status;
}

aki_status model_specs_check(const model_spec *specs, size_t count, aki_error *error)
{
    if (count > MODEL_SPECS_MAX)
        return error_set(error, AKI_INVALID_ARGUMENT, "%s: more than %d models are configured",
                         origin_of(&specs[MODEL_SPECS_MAX]), MODEL_SPECS_MAX);
    aki_status status = AKI_OK;
    for (size_t i = 0; i < count && status == AKI_OK; i++)
        for (size_t k = 0; name_of(&specs[i], k) != NULL && status == AKI_OK; k++)
            status = check_name(specs, i, k, error);
    return status;
}
