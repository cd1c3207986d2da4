#include "model/model.h"

#include "base/error.h"
#include "base/memory.h"
#include "model/config.h"
#include "model/head_classifier.h"
#include "model/head_sparse.h"
#include "model/heads.h"
#include "model/families.h"
#include "model/root_file.h"
#include "model/static_model.h"
#include "model/weight_files.h"
#include "model/weights.h"

struct model {
    model_config config;
    model_weights weights;
    model_heads heads;
    model_prompts prompts;
    mapping *file;
    char *folder;
    bool is_bare;
};

static aki_status read_weights(model *m, aki_error *error)
{
    weight_files files;
    aki_status status = weight_files_open(&files, m->folder, error);
    if (status == AKI_OK)
        status =
            weights_bind(&m->weights, &m->config, files.tensors, mapping_data(files.map), files.path, error);
    if (status == AKI_OK && model_is_static(&m->config))
        status = static_bind_tokens(&m->weights, &m->config, files.tensors, mapping_data(files.map),
                                    files.path, error);
    if (status == AKI_OK && m->heads.task == MODEL_TASK_CLASSIFY)
        status = classifier_bind(&m->heads, &m->config, &m->weights, files.tensors, mapping_data(files.map),
                                 files.path, error);
    if (status == AKI_OK && m->heads.sparse.kind == MODEL_SPARSE_MLM)
        status = sparse_bind(&m->heads, &m->config, &m->weights.word_embeddings, files.tensors,
                             mapping_data(files.map), files.path, error);
    if (files.map != NULL && mapping_damaged(files.map))
        status = error_set(error, AKI_MODEL_CHANGED, "'%s' was cut while it was being read", files.path);
    m->file = files.map;
    files.map = NULL;
    weight_files_close(&files);
    return status;
}

/* The steps behind the encoder, and what the root folder says of the whole. */
static aki_status read_heads(model *m, const model_modules *modules, const sentence_file *sentence,
                             const char *folder, aki_error *error)
{
    root_file root = {0};
    bool classifies = false;
    aki_status status = classifier_read(&m->heads, &classifies, modules, &m->config, sentence, folder, error);
    if (status != AKI_OK || classifies)
        return status;
    status = heads_read(&m->heads, modules, m->config.hidden_size, error);
    if (status == AKI_OK)
        status = root_file_read(&root, modules, folder, m->heads.steps[0].leaves_prompt_out, error);
    m->prompts = root.prompts;
    if (status == AKI_OK)
        heads_truncate(&m->heads, root.truncate_dimension);
    if (status == AKI_OK && modules->count == 0 && m->config.normalizes)
        heads_normalize(&m->heads);
    return status == AKI_OK && !model_is_static(&m->config)
               ? sparse_read(&m->heads, modules, &m->config, sentence, error)
               : status;
}

static aki_status read_configuration(model *m, const char *folder, aki_error *error)
{
    model_modules modules;
    sentence_file sentence = {0};
    aki_status status = modules_read(&modules, folder, error);
    if (status == AKI_OK)
        status = sentence_file_read(&sentence, &modules, error);
    if (modules.is_static) /* unless its weights say otherwise */
        m->config.family = &family_model2vec;
    if (status == AKI_OK)
        status = config_read_architecture(&m->config, modules.transformer, &sentence, error);
    if (status == AKI_OK && model_is_static(&m->config))
        status = static_read_sizes(&m->config, &modules, error);
    else if (status == AKI_OK)
        status = config_read_sentence(&m->config, &modules, &sentence, error);
    if (status == AKI_OK)
        status = read_heads(m, &modules, &sentence, folder, error);
    sentence_file_free(&sentence);
    m->is_bare = modules.count == 0 && m->heads.task == MODEL_TASK_EMBED && !model_is_static(&m->config);
    m->folder = modules.transformer;
    modules.transformer = NULL;
    modules_free(&modules);
    return status;
}

aki_status model_open(model **out, const char *folder, aki_error *error)
{
    *out = NULL;
    model *m = mem_zalloc(1, sizeof *m);
    if (m == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to open '%s'", folder);
    aki_status status = read_configuration(m, folder, error);
    if (status == AKI_OK)
        status = read_weights(m, error);
    if (status != AKI_OK) {
        model_close(m);
        return status;
    }
    *out = m;
    return AKI_OK;
}

void model_close(model *m)
{
    if (m == NULL)
        return;
    weights_free(&m->weights);
    heads_free(&m->heads);
    prompts_free(&m->prompts);
    mapping_close(m->file);
    mem_free(m->folder);
    mem_free(m);
}

const model_config *model_configuration(const model *m)
{
    return &m->config;
}

const model_weights *model_weights_of(const model *m)
{
    return &m->weights;
}

const model_heads *model_heads_of(const model *m)
{
    return &m->heads;
}

void model_release_head_weights(model *m)
{
    heads_release_weights(&m->heads);
}

aki_status model_bind_answers(model *m, int32_t yes, int32_t no, aki_error *error)
{
    return classifier_bind_answers(&m->heads, yes, no, error);
}

const model_prompts *model_prompts_of(const model *m)
{
    return &m->prompts;
}

const model_prompt *model_prompt_find(const model *m, const char *name)
{
    return prompts_find(&m->prompts, name);
}

void model_choose_prompt(model *m, const char *name)
{
    m->prompts.by_default = prompts_find(&m->prompts, name);
}

void model_limit_tokens(model *m, size_t most)
{
    if (most > 0 && most < m->config.max_tokens)
        m->config.max_tokens = most;
}

const char *model_folder(const model *m)
{
    return m->folder;
}

bool model_is_bare(const model *m)
{
    return m->is_bare;
}

size_t model_weight_bytes(const model *m)
{
    return mapping_size(m->file);
}

void model_drop_pages(const model *m)
{
    mapping_drop_pages(m->file);
}

bool model_find_not_finite(const model *m, char *name, size_t room, size_t *row)
{
    return weights_find_not_finite(&m->weights, &m->config, name, room, row);
}

bool model_damaged(const model *m)
{
    return mapping_damaged(m->file);
}
