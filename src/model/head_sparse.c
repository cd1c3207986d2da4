#include "model/head_sparse.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "model/config_fields.h"
#include "model/families.h"
#include "model/folder.h"
#include "model/heads.h"
#include "model/quote.h"
#include "model/weights.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 160

/* ---- SPLADE ------------------------------------------------------------------------------------------- */

static aki_status check_fields(const folder_json *file, aki_error *error)
{
    /* chunk_size bounds the reference's memory. */
    static const char *const known[] = {"pooling_strategy", "activation_function", "word_embedding_dimension",
                                        "embedding_dimension", "chunk_size"};
    const char *key;
    json_t *value;
    json_object_foreach(file->root, key, value)
    {
        bool fine = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            fine |= strcmp(key, known[i]) == 0;
        if (!fine)
            return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is no field that this program knows",
                             file->path, quote_name(key, strlen(key)).text);
    }
    return AKI_OK;
}

/* *second becomes true where the field holds the second of two words; the first is its default. */
static aki_status read_choice(const folder_json *file, const char *key, const char *const words[2],
                              bool *second, aki_error *error)
{
    const char *found = words[0];
    aki_status status = json_field_string(file->root, file->path, key, &found, error);
    if (status != AKI_OK)
        return status;
    *second = strcmp(found, words[1]) == 0;
    return *second || strcmp(found, words[0]) == 0
               ? AKI_OK
               : error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is '%s'; supported: %s, %s",
                           file->path, key, quote_name(found, strlen(found)).text, words[0], words[1]);
}

static aki_status check_dimension(const folder_json *file, const char *key, const model_config *config,
                                  aki_error *error)
{
    size_t found = config->vocabulary_size;
    aki_status status = json_field_size(file->root, file->path, key, 1, MODEL_MAX_VOCABULARY, &found, error);
    return status != AKI_OK || found == config->vocabulary_size
               ? status
               : error_set(error, AKI_MODEL_INVALID,
                           "'%s': \"%s\" is %zu, but the model has %zu token ids (\"vocab_size\")",
                           file->path, key, found, config->vocabulary_size);
}

static aki_status read_pooling(model_sparse *sparse, const char *folder, const model_config *config,
                               aki_error *error)
{
    static const char *const strategies[] = {"max", "sum"}, *const activations[] = {"relu", "log1p_relu"};
    folder_json file;
    aki_status status = folder_json_read(&file, folder, "config.json", JSON_OBJECT, FOLDER_REQUIRED, error);
    if (status == AKI_OK)
        status = check_fields(&file, error);
    if (status == AKI_OK)
        status = read_choice(&file, "pooling_strategy", strategies, &sparse->adds_up, error);
    if (status == AKI_OK)
        status = read_choice(&file, "activation_function", activations, &sparse->log_twice, error);
    if (status == AKI_OK)
        status = check_dimension(&file, "word_embedding_dimension", config, error);
    if (status == AKI_OK)
        status = check_dimension(&file, "embedding_dimension", config, error);
    folder_json_free(&file);
    return status;
}

/* Arguments of the sentence file that the encoder passes over, but that change the head. */
static aki_status refuse_arguments(const sentence_file *sentence, aki_error *error)
{
    static const char key[] = "tie_word_embeddings";
    if (json_object_get(sentence->configuration.root, key) == NULL)
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': \"%s\" sets \"%s\", which is not supported for a SpladePooling",
                     sentence->file.path, sentence->configuration.name, key);
}

/* The activation, and which parts have no bias. */
static aki_status read_parts(model_sparse *sparse, const folder_json *file, const sentence_file *sentence,
                             const model_config *config, aki_error *error)
{
    const config_fields fields = {.file = *file, .sentence = sentence};
    const model_mlm *mlm = config->family->mlm;
    bool transform_bias = false, decoder_bias = true;
    sparse->activation = mlm->always_gelu || mlm->by_config ? MODEL_GELU_ERF : config->activation;
    if (!mlm->by_config)
        return AKI_OK;
    aki_status status = config_read_activation(&fields, "classifier_activation", &sparse->activation, error);
    if (status == AKI_OK)
        status = config_read_flag(&fields, "classifier_bias", &transform_bias, error);
    if (status == AKI_OK)
        status = config_read_flag(&fields, "decoder_bias", &decoder_bias, error);
    sparse->transform_unbiased = !transform_bias;
    sparse->norm_unbiased = true;
    sparse->decoder_unbiased = !decoder_bias;
    return status;
}

/* *found: the class that wrote the weights is the family's ...ForMaskedLM. */
static aki_status read_config(model_sparse *sparse, bool *found, const model_modules *modules,
                              const model_config *config, const sentence_file *sentence, aki_error *error)
{
    bool tied = true;
    folder_json file;
    aki_status status =
        folder_json_read(&file, modules->transformer, "config.json", JSON_OBJECT, FOLDER_REQUIRED, error);
    const char *architecture =
        json_string_value(json_array_get(json_object_get(file.root, "architectures"), 0));
    *found = architecture != NULL && config->family->mlm != NULL &&
             strcmp(architecture, config->family->mlm->architecture) == 0;
    if (status == AKI_OK && (*found || modules_are_splade(modules)))
        status = json_field_bool(file.root, file.path, "tie_word_embeddings", &tied, error);
    if (status == AKI_OK && (*found || modules_are_splade(modules)))
        status = read_parts(sparse, &file, sentence, config, error);
    sparse->untied = !tied;
    folder_json_free(&file);
    return status;
}

static aki_status read_splade(model_heads *heads, const model_modules *modules, const model_config *config,
                              const sentence_file *sentence, aki_error *error)
{
    const model_family *family = config->family;
    if (family->mlm == NULL)
        return error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "'%s': \"model_type\" is '%s'%s%s, for which a SpladePooling is not supported; it is for "
            "bert, camembert, distilbert, gte, modernbert, mpnet, new, roberta and xlm-roberta",
            modules->transformer, family->type, family->code != NULL ? " and the class is " : "",
            family->code != NULL ? family->code : "");
    heads->task = MODEL_TASK_SPARSE;
    heads->sparse.kind = MODEL_SPARSE_MLM;
    bool found;
    aki_status status = refuse_arguments(sentence, error);
    if (status == AKI_OK)
        status = read_config(&heads->sparse, &found, modules, config, sentence, error);
    return status == AKI_OK ? read_pooling(&heads->sparse, modules->heads[0].folder, config, error) : status;
}

/* ---- Its tensors -------------------------------------------------------------------------------------- */

typedef struct binder {
    const safetensors *file;
    const unsigned char *data;
    const char *path;
    aki_error *error;
} binder;

static const safetensors_entry *find(const binder *b, const char *name, const char *ending)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "%s%s", name, ending);
    return safetensors_find(b->file, full);
}

/* rows 0: a vector of `columns`. ending, older: "weight"; older NULL = never had another. */
static aki_status bind(const binder *b, const char *name, const char *ending, const char *older, size_t rows,
                       size_t columns, model_tensor *out)
{
    const safetensors_entry *entry = find(b, name, ending);
    if (entry == NULL && older != NULL)
        entry = find(b, name, older);
    if (entry == NULL)
        return error_set(b->error, AKI_MODEL_INVALID, "'%s' lacks the tensor '%s%s'", b->path, name, ending);
    const size_t first = rows > 0 ? rows : columns;
    if (entry->rank != (rows > 0 ? 2u : 1u) || entry->shape[0] != first ||
        (rows > 0 && entry->shape[1] != columns))
        return error_set(b->error, AKI_MODEL_INVALID,
                         "'%s': tensor '%s' does not have the shape that config.json asks for, %zu x %zu",
                         b->path, entry->name, rows > 0 ? rows : 1, columns);
    *out = (model_tensor){.data = b->data + entry->begin, .rows = rows > 0 ? rows : 1, .columns = columns};
    return weights_dtype(entry, b->path, &out->dtype, b->error);
}

/* The decoder's own weight, or the word embeddings. */
static aki_status bind_decoder(const binder *b, const model_mlm *names, const model_config *config,
                               const model_tensor *word_embeddings, bool untied, bool unbiased,
                               model_linear *out)
{
    const bool own = names->bias == NULL || find(b, names->decoder, ".bias") != NULL;
    aki_status status = AKI_OK;
    if (!unbiased)
        status = bind(b, own ? names->decoder : names->bias, own ? ".bias" : "", NULL, 0,
                      config->vocabulary_size, &out->bias);
    if (status != AKI_OK)
        return status;
    if (untied || find(b, names->decoder, ".weight") != NULL)
        return bind(b, names->decoder, ".weight", NULL, config->vocabulary_size, config->hidden_size,
                    &out->weight);
    out->weight = *word_embeddings;
    return AKI_OK;
}

aki_status sparse_bind(model_heads *heads, const model_config *config, const model_tensor *word_embeddings,
                       const safetensors *file, const unsigned char *data, const char *path, aki_error *error)
{
    const model_mlm *names = config->family->mlm;
    const size_t hidden = config->hidden_size;
    model_sparse *sparse = &heads->sparse;
    const binder b = {file, data, path, error};
    if (heads->task != MODEL_TASK_SPARSE && find(&b, names->dense, ".weight") == NULL) {
        sparse->kind = MODEL_SPARSE_NONE;
        return AKI_OK;
    }
    sparse->epsilon = config->layer_norm_epsilon;
    aki_status status = bind(&b, names->dense, ".weight", NULL, hidden, hidden, &sparse->transform.weight);
    if (status == AKI_OK && !sparse->transform_unbiased)
        status = bind(&b, names->dense, ".bias", NULL, 0, hidden, &sparse->transform.bias);
    if (status == AKI_OK)
        status = bind(&b, names->norm, ".weight", ".gamma", 0, hidden, &sparse->norm.gamma);
    if (status == AKI_OK && !sparse->norm_unbiased)
        status = bind(&b, names->norm, ".bias", ".beta", 0, hidden, &sparse->norm.beta);
    return status == AKI_OK ? bind_decoder(&b, names, config, word_embeddings, sparse->untied,
                                           sparse->decoder_unbiased, &sparse->decoder)
                            : status;
}

/* ---- bge-m3 ------------------------------------------------------------------------------------------- */

static aki_status read_token_weights(model_sparse *sparse, const char *folder, size_t hidden,
                                     aki_error *error)
{
    if (!folder_lists(folder, SPARSE_FILE ".safetensors"))
        return AKI_OK;
    sparse->kind = MODEL_SPARSE_TOKENS;
    const head_tensor wanted[] = {{"weight", 1, hidden, &sparse->weight}, {"bias", 0, 1, &sparse->bias}};
    return head_weights_read(folder, SPARSE_FILE ".safetensors", wanted, 2, error);
}

static aki_status read_token_dense(model_head *dense, const char *folder, size_t hidden, aki_error *error)
{
    if (!folder_lists(folder, COLBERT_FILE ".safetensors"))
        return AKI_OK;
    *dense = (model_head){.kind = MODEL_HEAD_DENSE, .inputs = hidden, .outputs = hidden};
    const head_tensor wanted[] = {{"weight", hidden, hidden, &dense->weight},
                                  {"bias", 0, hidden, &dense->bias}};
    return head_weights_read(folder, COLBERT_FILE ".safetensors", wanted, 2, error);
}

aki_status sparse_read(model_heads *heads, const model_modules *modules, const model_config *config,
                       const sentence_file *sentence, aki_error *error)
{
    const char *folder = modules->transformer;
    if (modules_are_splade(modules))
        return read_splade(heads, modules, config, sentence, error);
    bool found = false;
    aki_status status =
        modules->count == 0 ? read_config(&heads->sparse, &found, modules, config, sentence, error) : AKI_OK;
    heads->sparse.kind = found ? MODEL_SPARSE_MLM : MODEL_SPARSE_NONE;
    if (status == AKI_OK)
        status = read_token_weights(&heads->sparse, folder, config->hidden_size, error);
    if (status == AKI_OK)
        status = read_token_dense(&heads->token_dense, folder, config->hidden_size, error);
    heads->unread_pickles =
        heads->sparse.kind == MODEL_SPARSE_NONE && folder_lists(folder, SPARSE_FILE ".pt");
    return status;
}
