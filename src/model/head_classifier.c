#include "model/head_classifier.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "model/families.h"
#include "model/folder.h"
#include "model/heads.h"
#include "model/quote.h"
#include "model/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CLASSIFIER_ENDING "ForSequenceClassification"
#define NAME_BYTES 160
/* transformers' default where neither "id2label" nor "num_labels" is given. */
#define USUAL_LABELS ((size_t)2)

/* The first of "architectures", which is the class that wrote the weights; NULL = none. */
static const char *architecture_of(const folder_json *file)
{
    return json_string_value(json_array_get(json_object_get(file->root, "architectures"), 0));
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), wanted = strlen(ending);
    return length >= wanted && strcmp(text + length - wanted, ending) == 0;
}

/* Of a folder without modules: a class whose head is not implemented, and whose body alone would give vectors that were trained for
 * something else. */
static aki_status refuse_other_heads(const folder_json *file, aki_error *error)
{
    static const char *const endings[] = {"ForTokenClassification", "ForQuestionAnswering",
                                          "ForMultipleChoice"};
    const char *found = architecture_of(file);
    for (size_t i = 0; found != NULL && i < sizeof endings / sizeof endings[0]; i++)
        if (ends_with(found, endings[i]))
            return error_set(error, AKI_MODEL_UNSUPPORTED,
                             "'%s': \"architectures\" is '%s', whose answers are not computed; supported are "
                             "models that embed texts, or classify or rank them as a whole",
                             file->path, quote_name(found, strlen(found)).text);
    return AKI_OK;
}

static aki_status check_architecture(const folder_json *file, const model_family *family, aki_error *error)
{
    const char *found = architecture_of(file);
    if (family->classifier != NULL && strcmp(found, family->classifier->architecture) == 0)
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"architectures\" is '%s'; supported for '%s': %s",
                     file->path, quote_name(found, strlen(found)).text, family->type,
                     family->classifier != NULL ? family->classifier->architecture : "no classifier");
}

/* ---- Labels ---- */

static aki_status count_labels(const folder_json *file, size_t *count, aki_error *error)
{
    const json_t *names = json_object_get(file->root, "id2label");
    size_t stated = 0;
    if (names != NULL && !json_is_null(names) && !json_is_object(names))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"id2label\" must be an object", file->path);
    *count = json_object_size(names);
    aki_status status =
        json_field_size(file->root, file->path, "num_labels", 1, MODEL_MAX_LABELS, &stated, error);
    if (status != AKI_OK)
        return status;
    if (*count > MODEL_MAX_LABELS)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': \"id2label\" has %zu labels; supported are at most %zu", file->path, *count,
                         MODEL_MAX_LABELS);
    if (*count > 0 && stated > 0 && stated != *count)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': \"num_labels\" is %zu, but \"id2label\" has %zu labels", file->path, stated,
                         *count);
    if (*count == 0)
        *count = stated > 0 ? stated : USUAL_LABELS;
    return AKI_OK;
}

static aki_status read_label(char **out, const folder_json *file, size_t index, aki_error *error)
{
    const json_t *names = json_object_get(file->root, "id2label");
    char key[24], usual[32];
    snprintf(key, sizeof key, "%zu", index);
    snprintf(usual, sizeof usual, "LABEL_%zu", index);
    const json_t *name = json_object_get(names, key);
    if (json_object_size(names) > 0 && !json_is_string(name))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"id2label\" has no string under \"%s\"",
                         file->path, key);
    if (json_string_length(name) > MODEL_MAX_LABEL_BYTES)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': \"id2label\" has a label of %zu bytes; supported are at most %zu", file->path,
                         json_string_length(name), MODEL_MAX_LABEL_BYTES);
    *out = mem_copy_string(name != NULL ? json_string_value(name) : usual);
    return *out != NULL ? AKI_OK : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the labels");
}

static aki_status read_labels(model_heads *out, const folder_json *file, aki_error *error)
{
    size_t count = 0;
    aki_status status = count_labels(file, &count, error);
    if (status != AKI_OK)
        return status;
    out->labels = mem_zalloc(count, sizeof *out->labels);
    if (out->labels == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu labels", count);
    out->dimension = count;
    for (size_t i = 0; i < count && status == AKI_OK; i++)
        status = read_label(&out->labels[i], file, i, error);
    return status;
}

/* ---- What makes scores of logits ---- */

/* Sets *activation by a class path under `key` of `object`; *found says whether it has one. */
static aki_status read_activation(const json_t *object, const char *path, const char *key,
                                  model_head_activation *activation, bool *found, aki_error *error)
{
    const char *name = NULL;
    aki_status status = json_field_string(object, path, key, &name, error);
    if (status != AKI_OK || name == NULL)
        return status;
    *found = true;
    if (head_activation_named(name, activation))
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': \"%s\" is '%s'; supported of torch.nn: " HEAD_ACTIVATIONS, path, key,
                     quote_name(name, strlen(name)).text);
}

/* config_sentence_transformers.json, which counts beside a modules.json. */
static aki_status read_root(model_heads *out, const char *folder, bool *found, aki_error *error)
{
    static const char supported_kind[] = "CrossEncoder";
    const char *kind = supported_kind, *prompt = NULL;
    folder_json file;
    aki_status status = folder_json_read(&file, folder, "config_sentence_transformers.json", JSON_OBJECT,
                                         FOLDER_OPTIONAL, error);
    if (status == AKI_OK)
        status = json_field_string(file.root, file.path, "model_type", &kind, error);
    if (status == AKI_OK && strcmp(kind, supported_kind) != 0)
        status = error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "'%s': \"model_type\" is '%s', but modules.json lists a Transformer alone; supported is '%s'",
            file.path, quote_name(kind, strlen(kind)).text, supported_kind);
    if (status == AKI_OK)
        status = json_field_string(file.root, file.path, "default_prompt_name", &prompt, error);
    if (status == AKI_OK && prompt != NULL)
        status =
            error_set(error, AKI_MODEL_UNSUPPORTED,
                      "'%s': \"default_prompt_name\" is set; a prompt before pairs of texts is not supported",
                      file.path);
    if (status == AKI_OK)
        status = read_activation(file.root, file.path, "activation_fn", &out->scores_by, found, error);
    folder_json_free(&file);
    return status;
}

/* In the order of sentence-transformers: the first that says anything. */
static aki_status read_scores(model_heads *out, const folder_json *file, const model_modules *modules,
                              const char *folder, aki_error *error)
{
    bool found = false;
    const json_t *nested = json_object_get(file->root, "sentence_transformers");
    aki_status status = modules->alone ? read_root(out, folder, &found, error) : AKI_OK;
    if (status == AKI_OK && nested != NULL && !json_is_null(nested) && !json_is_object(nested))
        status = error_set(error, AKI_MODEL_INVALID, "'%s': \"sentence_transformers\" must be an object",
                           file->path);
    if (status == AKI_OK && !found && json_object_get(nested, "activation_fn") != NULL)
        status = read_activation(nested, file->path, "activation_fn", &out->scores_by, &found, error);
    else if (status == AKI_OK && !found)
        status = read_activation(file->root, file->path, "sbert_ce_default_activation_function",
                                 &out->scores_by, &found, error);
    if (status == AKI_OK && !found)
        out->scores_by = out->dimension == 1 ? MODEL_HEAD_SIGMOID : MODEL_HEAD_IDENTITY;
    return status;
}

/* ---- The whole ---- */

/* Arguments of the sentence file that the encoder passes over, but that change the head. */
static aki_status refuse_arguments(const sentence_file *sentence, aki_error *error)
{
    static const char *const keys[] = {"num_labels", "id2label", "architectures"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (json_object_get(sentence->configuration.root, keys[i]) != NULL)
            return error_set(error, AKI_MODEL_UNSUPPORTED,
                             "'%s': \"%s\" sets \"%s\", which is not supported for a classifier",
                             sentence->file.path, sentence->configuration.name, keys[i]);
    return AKI_OK;
}

static model_head *add_step(model_heads *out, model_head_kind kind, size_t inputs, size_t outputs)
{
    model_head *step = &out->steps[out->count++];
    *step = (model_head){.kind = kind, .inputs = inputs, .outputs = outputs};
    return step;
}

/* The steps with what the family's row says. */
static void make_steps(model_heads *out, const model_config *config)
{
    const model_classifier *names = config->family->classifier;
    const size_t hidden = config->hidden_size;
    out->task = MODEL_TASK_CLASSIFY;
    model_head *pooling = add_step(out, MODEL_HEAD_POOLING, hidden, hidden);
    pooling->poolings[0] = names->pooling == AKI_POOLING_MODEL ? AKI_POOLING_CLS : names->pooling;
    pooling->poolings_count = 1;
    if (names->dense != NULL)
        add_step(out, MODEL_HEAD_DENSE, hidden, hidden)->activation = names->activation;
    if (names->norm != NULL) {
        model_head *norm = add_step(out, MODEL_HEAD_LAYER_NORM, hidden, hidden);
        norm->epsilon = config->layer_norm_epsilon;
        norm->without_bias = true;
    }
    add_step(out, MODEL_HEAD_DENSE, hidden, out->dimension)->without_bias = names->out_without_bias;
}

/* A language model without modules: the last token's state, and a Dense whose one row is made of two when the tokenizer is known. */
static aki_status read_question(model_heads *out, const folder_json *file, const model_config *config,
                                aki_error *error)
{
    const model_question *question = config->family->question;
    const size_t hidden = config->hidden_size;
    bool tied = false;
    aki_status status = json_field_bool(file->root, file->path, "tie_word_embeddings", &tied, error);
    if (status != AKI_OK)
        return status;
    out->labels = mem_zalloc(1, sizeof *out->labels);
    out->dimension = 1;
    if (out->labels == NULL || (out->labels[0] = mem_copy_string(question->yes)) == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the labels");
    out->task = MODEL_TASK_CLASSIFY;
    out->question = question;
    out->tied_answers = tied;
    out->scores_by = MODEL_HEAD_SIGMOID;
    model_head *pooling = add_step(out, MODEL_HEAD_POOLING, hidden, hidden);
    pooling->poolings[0] = AKI_POOLING_LAST;
    pooling->poolings_count = 1;
    add_step(out, MODEL_HEAD_DENSE, hidden, 1);
    return AKI_OK;
}

static bool asks(const model_family *family, const model_modules *modules, const char *architecture)
{
    return family->question != NULL && !modules->alone && architecture != NULL &&
           strcmp(architecture, family->question->architecture) == 0;
}

static aki_status read_pooling(const folder_json *file, aki_pooling *pooling, aki_error *error)
{
    const char *name = *pooling == AKI_POOLING_MEAN ? "mean" : "cls";
    aki_status status = json_field_string(file->root, file->path, "classifier_pooling", &name, error);
    if (status != AKI_OK)
        return status;
    *pooling = strcmp(name, "mean") == 0 ? AKI_POOLING_MEAN : AKI_POOLING_CLS;
    if (*pooling == AKI_POOLING_MEAN || strcmp(name, "cls") == 0)
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': \"classifier_pooling\" is '%s'; supported: cls, mean", file->path,
                     quote_name(name, strlen(name)).text);
}

static aki_status read_dense_activation(const folder_json *file, model_head_activation *activation,
                                        aki_error *error)
{
    static const struct {
        const char *name;
        model_head_activation activation;
    } known[] = {{"gelu", MODEL_HEAD_GELU},
                 {"relu", MODEL_HEAD_RELU},
                 {"silu", MODEL_HEAD_SILU},
                 {"tanh", MODEL_HEAD_TANH}};
    const char *name = NULL;
    aki_status status = json_field_string(file->root, file->path, "classifier_activation", &name, error);
    if (status != AKI_OK || name == NULL)
        return status;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0) {
            *activation = known[i].activation;
            return AKI_OK;
        }
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': \"classifier_activation\" is '%s'; supported: gelu, relu, silu, tanh", file->path,
                     quote_name(name, strlen(name)).text);
}

/* The fields of config.json that decide the first two steps. */
static aki_status read_steps(model_heads *out, const folder_json *file, aki_error *error)
{
    bool bias = false;
    model_head *pooling = &out->steps[0], *dense = &out->steps[1];
    aki_status status = read_pooling(file, &pooling->poolings[0], error);
    if (status == AKI_OK)
        status = read_dense_activation(file, &dense->activation, error);
    if (status == AKI_OK)
        status = json_field_bool(file->root, file->path, "classifier_bias", &bias, error);
    dense->without_bias = !bias;
    return status;
}

aki_status classifier_read(model_heads *out, bool *found, const model_modules *modules,
                           const model_config *config, const sentence_file *sentence, const char *folder,
                           aki_error *error)
{
    *out = (model_heads){0};
    *found = false;
    if (modules->count > 0)
        return AKI_OK;
    folder_json file;
    aki_status status =
        folder_json_read(&file, modules->transformer, "config.json", JSON_OBJECT, FOLDER_REQUIRED, error);
    const char *architecture = status == AKI_OK ? architecture_of(&file) : NULL;
    if (asks(config->family, modules, architecture)) {
        *found = true;
        status = read_question(out, &file, config, error);
        folder_json_free(&file);
        return status;
    }
    *found = architecture != NULL && ends_with(architecture, CLASSIFIER_ENDING);
    if (status == AKI_OK && !*found && modules->alone)
        status = error_set(error, AKI_MODEL_UNSUPPORTED,
                           "'%s' lists no Pooling module, and \"architectures\" of '%s' names no class that "
                           "ends in " CLASSIFIER_ENDING,
                           folder, file.path);
    if (status == AKI_OK && !*found)
        status = refuse_other_heads(&file, error);
    if (status == AKI_OK && *found)
        status = check_architecture(&file, config->family, error);
    if (status == AKI_OK && *found)
        status = refuse_arguments(sentence, error);
    if (status == AKI_OK && *found)
        status = read_labels(out, &file, error);
    if (status == AKI_OK && *found)
        status = read_scores(out, &file, modules, folder, error);
    if (status == AKI_OK && *found)
        make_steps(out, config);
    if (status == AKI_OK && *found && config->family->classifier->by_config)
        status = read_steps(out, &file, error);
    folder_json_free(&file);
    return status;
}

/* The tensors of a step, of which those without a bias get zeros for it. */
static aki_status bind_step(model_head *step, const char *prefix, const char *name, const safetensors *file,
                            const unsigned char *data, const char *path, aki_error *error)
{
    char weight[NAME_BYTES], bias[NAME_BYTES];
    snprintf(weight, sizeof weight, "%s%s.weight", prefix, name);
    snprintf(bias, sizeof bias, "%s%s.bias", prefix, name);
    const head_tensor wanted[] = {
        {weight, step->kind == MODEL_HEAD_DENSE ? step->outputs : 0, step->inputs, &step->weight},
        {bias, 0, step->outputs, &step->bias}};
    aki_status status = head_weights_copy(wanted, step->without_bias ? 1 : 2, file, data, path, error);
    if (status != AKI_OK || !step->without_bias)
        return status;
    step->bias = mem_zalloc(step->outputs, sizeof *step->bias);
    return step->bias != NULL ? AKI_OK
                              : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the head of '%s'", path);
}

/* The matrix of logits, of which two rows will count. */
static aki_status bind_answers(model_heads *heads, const model_config *config, const model_weights *weights,
                               const safetensors *file, const unsigned char *data, const char *path,
                               aki_error *error)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.weight", heads->question->out);
    heads->answers = weights->word_embeddings;
    if (heads->tied_answers)
        return AKI_OK;
    const safetensors_entry *entry = safetensors_find(file, name);
    if (entry == NULL)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s' lacks the tensor '%s', which config.json does not tie to the word embeddings",
                         path, name);
    if (entry->rank != 2 || entry->shape[0] != config->vocabulary_size ||
        entry->shape[1] != config->hidden_size)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': tensor '%s' does not have the shape [%zu, %zu] that config.json asks for",
                         path, name, config->vocabulary_size, config->hidden_size);
    heads->answers.data = data + entry->begin;
    return weights_dtype(entry, path, &heads->answers.dtype, error);
}

aki_status classifier_bind_answers(model_heads *heads, int32_t yes, int32_t no, aki_error *error)
{
    model_head *step = &heads->steps[heads->count - 1];
    const size_t hidden = step->inputs;
    float *other = mem_alloc(hidden, sizeof *other);
    step->weight = mem_alloc(hidden, sizeof *step->weight);
    step->bias = mem_zalloc(1, sizeof *step->bias);
    aki_status status = AKI_OK;
    if (other == NULL || step->weight == NULL || step->bias == NULL)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the rows of two tokens");
    if (status == AKI_OK) {
        tensor_read_f32(&heads->answers, (size_t)yes * hidden, hidden, step->weight);
        tensor_read_f32(&heads->answers, (size_t)no * hidden, hidden, other);
    }
    for (size_t i = 0; i < hidden && status == AKI_OK; i++) {
        step->weight[i] -= other[i];
        if (!isfinite(step->weight[i]))
            status = error_set(error, AKI_MODEL_INVALID, "the logits' row of token %d or %d is not finite",
                               (int)yes, (int)no);
    }
    mem_free(other);
    return status;
}

aki_status classifier_bind(model_heads *heads, const model_config *config, const model_weights *weights,
                           const safetensors *file, const unsigned char *data, const char *path,
                           aki_error *error)
{
    if (heads->question != NULL)
        return bind_answers(heads, config, weights, file, data, path, error);
    const model_classifier *names = config->family->classifier;
    const char *prefix = names->dense_in_body ? weights_prefix(config->family, file) : "";
    aki_status status = AKI_OK;
    for (size_t i = 1; i + 1 < heads->count && status == AKI_OK; i++) {
        model_head *step = &heads->steps[i];
        status = bind_step(step, prefix, step->kind == MODEL_HEAD_DENSE ? names->dense : names->norm, file,
                           data, path, error);
    }
    return status == AKI_OK
               ? bind_step(&heads->steps[heads->count - 1], "", names->out, file, data, path, error)
               : status;
}
