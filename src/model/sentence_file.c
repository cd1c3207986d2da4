#include "model/sentence_file.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "model/quote.h"

#include <stdio.h>
#include <string.h>

/* Output of the transformer module: states for the pooling, a classifier's logits, or those of each token id. */
typedef struct transformer_output {
    const char *task, *name, *of_model;
} transformer_output;
static const transformer_output states = {"feature-extraction", "token_embeddings", "last_hidden_state"},
                                logits = {"sequence-classification", "scores", "logits"},
                                masked = {"fill-mask", "token_embeddings", "logits"};

static const char *const file_names[] = {
    "sentence_bert_config.json",      "sentence_roberta_config.json", "sentence_distilbert_config.json",
    "sentence_camembert_config.json", "sentence_albert_config.json",  "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json"};

static aki_status unsupported(const char *path, const char *key, const char *effect, aki_error *error)
{
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is set; %s is not supported", path, key,
                     effect);
}

/* Reads an object that may be absent or null; *value is NULL then. */
static aki_status read_object(const folder_json *file, const char *key, const json_t **value,
                              aki_error *error)
{
    const json_t *found = json_object_get(file->root, key);
    *value = found != NULL && !json_is_null(found) ? found : NULL;
    if (*value == NULL || json_is_object(found))
        return AKI_OK;
    return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be an object", file->path, key);
}

static aki_status read_arguments(const folder_json *file, const char *older, const char *newer,
                                 sentence_arguments *out, aki_error *error)
{
    out->name = json_object_get(file->root, older) != NULL ? older : newer;
    return read_object(file, out->name, &out->root, error);
}

/* `words` are separated by blanks: "key" for any value, "key=value" for that string or boolean. */
static bool accepts(const char *words, const char *key, const json_t *value)
{
    char wanted[128];
    const char *text =
        json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : json_string_value(value);
    snprintf(wanted, sizeof wanted, "%s=%s", key, text != NULL ? text : "");
    for (size_t length; *words != '\0'; words += length + strspn(words + length, " ")) {
        length = strcspn(words, " ");
        if ((strlen(key) == length && memcmp(words, key, length) == 0) ||
            (strlen(wanted) == length && memcmp(words, wanted, length) == 0))
            return true;
    }
    return false;
}

aki_status sentence_arguments_check(const sentence_file *sentence, const sentence_arguments *arguments,
                                    const json_t *file, const char *accepted, aki_error *error)
{
    /* sentence-transformers overwrites these. */
    static const char of_the_hub[] = "subfolder token cache_dir revision local_files_only trust_remote_code";
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)arguments->root, key, value)
    {
        const json_t *own = json_object_get(file, key);
        bool repeats = own != NULL && json_equal(own, value);
        if (!repeats && !json_is_null(value) && !accepts(accepted, key, value) &&
            !accepts(of_the_hub, key, value))
            return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" sets \"%s\", which is not supported",
                             sentence->file.path, arguments->name, quote_name(key, strlen(key)).text);
    }
    return AKI_OK;
}

/* Accepts settings that say how torch holds the weights, or that compute the same sums. */
static aki_status check_model_arguments(const sentence_file *sentence, aki_error *error)
{
    static const char accepted[] = "add_pooling_layer low_cpu_mem_usage device_map attn_implementation "
                                   "use_safetensors=true dtype=auto dtype=float32 torch_dtype=auto "
                                   "torch_dtype=float32";
    return sentence_arguments_check(sentence, &sentence->model, NULL, accepted, error);
}

static aki_status check_text(const folder_json *file, const char *key, const char *supported,
                             aki_error *error)
{
    const char *found = supported;
    aki_status status = json_field_string(file->root, file->path, key, &found, error);
    if (status == AKI_OK && strcmp(found, supported) != 0)
        status = error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is '%s'; supported is '%s'",
                           file->path, key, quote_name(found, strlen(found)).text, supported);
    return status;
}

static bool is_text(const json_t *value, const char *text)
{
    if (json_array_size(value) == 1)
        value = json_array_get(value, 0);
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* Requires that texts go through the model's forward and that `output` is taken. */
static aki_status check_modality(const folder_json *file, const transformer_output *output, aki_error *error)
{
    const json_t *modalities = NULL;
    aki_status status = read_object(file, "modality_config", &modalities, error);
    if (status != AKI_OK || modalities == NULL)
        return status;
    const json_t *text = json_object_get(modalities, "text");
    if (is_text(json_object_get(text, "method"), "forward") &&
        is_text(json_object_get(text, "method_output_name"), output->of_model))
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': \"modality_config\" does not take '%s' of 'forward' for \"text\"; "
                     "nothing else is supported",
                     file->path, output->of_model);
}

/* Refuses arguments of the tokenizer's calls for texts; those for other inputs do not matter. */
static aki_status check_processing(const folder_json *file, aki_error *error)
{
    static const char *const of_texts[] = {"text", "common"};
    const json_t *processing = NULL;
    aki_status status = read_object(file, "processing_kwargs", &processing, error);
    for (size_t i = 0; status == AKI_OK && i < 2; i++)
        if (json_object_size(json_object_get(processing, of_texts[i])) > 0)
            status = unsupported(file->path, "processing_kwargs",
                                 "calling the tokenizer with other arguments", error);
    return status;
}

/* Refuses unknown fields, as the reference does, and fields that would change vectors. */
static aki_status check_fields(const folder_json *file, const transformer_output *output, aki_error *error)
{
    static const char *const known[] = {
        "max_seq_length", "do_lower_case",  "transformer_task", "modality_config",  "module_output_name",
        "unpad_inputs",   "backend",        "model_args",       "model_kwargs",     "config_args",
        "config_kwargs",  "tokenizer_args", "processor_kwargs", "processing_kwargs"};
    static const struct {
        const char *key, *effect;
    } must_be_null[] = {
        {"tokenizer_name_or_path", "a tokenizer from elsewhere"},
        {"query_length", "a limit of its own for queries"},
        {"document_length", "a limit of its own for documents"},
        {"query_expansion", "adding tokens to queries"},
    };
    const char *key;
    json_t *value;
    json_object_foreach(file->root, key, value)
    {
        bool fine = json_is_null(value);
        for (size_t i = 0; !fine && i < sizeof known / sizeof known[0]; i++)
            fine = strcmp(key, known[i]) == 0;
        for (size_t i = 0; !fine && i < sizeof must_be_null / sizeof must_be_null[0]; i++)
            if (strcmp(key, must_be_null[i].key) == 0)
                return unsupported(file->path, key, must_be_null[i].effect, error);
        if (!fine)
            return error_set(error, AKI_MODEL_UNSUPPORTED,
                             "'%s': \"%s\" is no field that this program or sentence-transformers knows",
                             file->path, quote_name(key, strlen(key)).text);
    }
    aki_status status = check_text(file, "transformer_task", output->task, error);
    if (status == AKI_OK)
        status = check_text(file, "module_output_name", output->name, error);
    if (status == AKI_OK)
        status = check_modality(file, output, error);
    return status == AKI_OK ? check_processing(file, error) : status;
}

/* A Transformer of the newer class gives states, unless the file asks it for what a SpladePooling takes. */
static aki_status check_task(const folder_json *file, const model_modules *modules, aki_error *error)
{
    const json_t *task = json_object_get(file->root, "transformer_task");
    if (!modules_are_splade(modules) || modules->fills_mask || (task != NULL && !json_is_null(task)))
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': before a SpladePooling the Transformer's sentence_bert_config.json must say "
                     "\"transformer_task\": \"%s\"",
                     modules->transformer, masked.task);
}

static aki_status find_file(folder_json *out, const char *folder, aki_error *error)
{
    aki_status status = AKI_OK;
    for (size_t i = 0;
         status == AKI_OK && json_object_size(out->root) == 0 && i < sizeof file_names / sizeof file_names[0];
         i++) {
        folder_json_free(out);
        status = folder_json_read(out, folder, file_names[i], JSON_OBJECT, FOLDER_OPTIONAL, error);
    }
    return status;
}

aki_status sentence_file_read(sentence_file *out, const model_modules *modules, aki_error *error)
{
    *out = (sentence_file){0};
    if (modules->is_static || (modules->count == 0 && !modules->alone))
        return AKI_OK;
    aki_status status = find_file(&out->file, modules->transformer, error);
    if (status == AKI_OK)
        status = check_task(&out->file, modules, error);
    if (status == AKI_OK)
        status = check_fields(&out->file,
                              modules->alone                ? &logits
                              : modules_are_splade(modules) ? &masked
                                                            : &states,
                              error);
    if (status == AKI_OK)
        status = read_arguments(&out->file, "model_args", "model_kwargs", &out->model, error);
    if (status == AKI_OK)
        status = read_arguments(&out->file, "config_args", "config_kwargs", &out->configuration, error);
    if (status == AKI_OK)
        status = read_arguments(&out->file, "tokenizer_args", "processor_kwargs", &out->tokenizer, error);
    return status == AKI_OK ? check_model_arguments(out, error) : status;
}

void sentence_file_free(sentence_file *sentence)
{
    folder_json_free(&sentence->file);
    *sentence = (sentence_file){0};
}
