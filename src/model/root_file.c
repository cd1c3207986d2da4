#include "model/root_file.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "model/folder.h"
#include "model/limits.h"
#include "model/quote.h"

#include <stdint.h>
#include <string.h>

/* As in the reference, these exist in every model, and are empty where its file does not list them. */
static const char *const always_there[] = {"query", "document"};
#define ALWAYS_THERE (sizeof always_there / sizeof always_there[0])

const model_prompt *prompts_find(const model_prompts *prompts, const char *name)
{
    for (size_t i = 0; i < prompts->count; i++)
        if (strcmp(prompts->items[i].name, name) == 0)
            return &prompts->items[i];
    return NULL;
}

void prompts_free(model_prompts *prompts)
{
    for (size_t i = 0; i < prompts->count; i++) {
        mem_free(prompts->items[i].name);
        mem_free(prompts->items[i].text);
    }
    mem_free(prompts->items);
    *prompts = (model_prompts){0};
}

static aki_status add_prompt(model_prompts *prompts, const char *name, const char *text, size_t length,
                             aki_error *error)
{
    model_prompt *prompt = &prompts->items[prompts->count++];
    *prompt =
        (model_prompt){.name = mem_copy_string(name), .text = mem_copy_text(text, length), .length = length};
    return prompt->name != NULL && prompt->text != NULL
               ? AKI_OK
               : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the prompt '%s'",
                           quote_name(name, strlen(name)).text);
}

/* A prompt that is null is empty. */
static aki_status read_prompt(model_prompts *prompts, const folder_json *file, const char *name,
                              const json_t *text, aki_error *error)
{
    if (!json_is_string(text) && !json_is_null(text))
        return error_set(error, AKI_MODEL_INVALID, "'%s': the prompt '%s' must be a string", file->path,
                         quote_name(name, strlen(name)).text);
    const size_t length = json_is_string(text) ? json_string_length(text) : 0;
    if (length > MODEL_MAX_PROMPT_BYTES)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': the prompt '%s' has %zu bytes; supported are at most %zu", file->path,
                         quote_name(name, strlen(name)).text, length, MODEL_MAX_PROMPT_BYTES);
    return add_prompt(prompts, name, length > 0 ? json_string_value(text) : "", length, error);
}

static aki_status read_prompts(model_prompts *prompts, const folder_json *file, aki_error *error)
{
    json_t *found = json_object_get(file->root, "prompts");
    if (found != NULL && !json_is_object(found))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"prompts\" must be an object", file->path);
    const size_t count = json_object_size(found);
    if (count > MODEL_MAX_PROMPTS)
        return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s' lists %zu prompts; supported are at most %zu",
                         file->path, count, MODEL_MAX_PROMPTS);
    prompts->items = mem_zalloc(count + ALWAYS_THERE, sizeof *prompts->items);
    if (prompts->items == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu prompts", count);
    const char *name;
    json_t *text;
    aki_status status = AKI_OK;
    json_object_foreach(found, name, text)
    {
        status = read_prompt(prompts, file, name, text, error);
        if (status != AKI_OK)
            return status;
    }
    for (size_t i = 0; i < ALWAYS_THERE && status == AKI_OK; i++)
        if (prompts_find(prompts, always_there[i]) == NULL)
            status = add_prompt(prompts, always_there[i], "", 0, error);
    return status;
}

static aki_status read_default(model_prompts *prompts, const folder_json *file, aki_error *error)
{
    const char *name = NULL;
    aki_status status = json_field_string(file->root, file->path, "default_prompt_name", &name, error);
    if (status != AKI_OK || name == NULL)
        return status;
    prompts->by_default = prompts_find(prompts, name);
    if (prompts->by_default != NULL)
        return AKI_OK;
    return error_set(error, AKI_MODEL_INVALID,
                     "'%s': \"default_prompt_name\" is '%s', which is not in \"prompts\"", file->path,
                     quote_name(name, strlen(name)).text);
}

/* The fields of a SparseEncoder. */
static aki_status check_sparse(const folder_json *file, aki_error *error)
{
    size_t most = 0;
    aki_status status =
        json_field_size(file->root, file->path, "max_active_dims", 1, (size_t)INT32_MAX, &most, error);
    if (status != AKI_OK || most == 0)
        return status;
    return error_set(
        error, AKI_MODEL_UNSUPPORTED,
        "'%s': \"max_active_dims\" is set to %zu; leaving out all but the greatest weights is not "
        "supported",
        file->path, most);
}

static aki_status read_settings(root_file *out, const folder_json *file, bool sparse, aki_error *error)
{
    const char *supported_kind = sparse ? "SparseEncoder" : "SentenceTransformer", *kind = supported_kind;
    aki_status status = json_field_string(file->root, file->path, "model_type", &kind, error);
    if (status == AKI_OK && strcmp(kind, supported_kind) != 0)
        status = error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"model_type\" is '%s'; supported is '%s'",
                           file->path, quote_name(kind, strlen(kind)).text, supported_kind);
    if (status == AKI_OK)
        status = read_prompts(&out->prompts, file, error);
    if (status == AKI_OK)
        status = read_default(&out->prompts, file, error);
    if (status == AKI_OK && sparse)
        return check_sparse(file, error);
    if (status == AKI_OK)
        status = json_field_size(file->root, file->path, "truncate_dim", 1, (size_t)INT32_MAX,
                                 &out->truncate_dimension, error);
    return status;
}

/* A prompt's tokens are part of what is pooled; the other way is not implemented. */
static aki_status check_pooling(const root_file *root, const folder_json *file, bool leaves_prompt_out,
                                aki_error *error)
{
    if (!leaves_prompt_out || root->prompts.by_default == NULL || root->prompts.by_default->length == 0)
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': \"default_prompt_name\" is set, but the pooling has \"include_prompt\": false; "
                     "leaving a prompt's tokens out of the pooling is not supported",
                     file->path);
}

aki_status root_file_read(root_file *out, const model_modules *modules, const char *folder,
                          bool leaves_prompt_out, aki_error *error)
{
    *out = (root_file){.truncate_dimension = SIZE_MAX};
    folder_json file = {0};
    aki_status status = AKI_OK;
    if (modules->count > 0)
        status = folder_json_read(&file, folder, "config_sentence_transformers.json", JSON_OBJECT,
                                  FOLDER_OPTIONAL, error);
    if (status == AKI_OK)
        status = read_settings(out, &file, modules_are_splade(modules), error);
    if (status == AKI_OK)
        status = check_pooling(out, &file, leaves_prompt_out, error);
    folder_json_free(&file);
    return status;
}
