#include "model/heads.h"

#include "base/error.h"
#include "base/memory.h"

static aki_status read_normalize(model_head *head, const char *folder, aki_error *error)
{
    (void)folder, (void)error;
    head->outputs = head->inputs;
    return AKI_OK;
}

/* A StaticEmbedding's own, and what is done without modules. */
static aki_status read_mean(model_head *head, const char *folder, aki_error *error)
{
    (void)folder, (void)error;
    head->outputs = head->inputs;
    head->poolings[head->poolings_count++] = AKI_POOLING_MEAN;
    return AKI_OK;
}

static const struct {
    model_head_kind kind;
    aki_status (*read)(model_head *head, const char *folder, aki_error *error);
} readers[] = {
    [MODULE_POOLING] = {MODEL_HEAD_POOLING, head_read_pooling},
    [MODULE_DENSE] = {MODEL_HEAD_DENSE, head_read_dense},
    [MODULE_LAYER_NORM] = {MODEL_HEAD_LAYER_NORM, head_read_layer_norm},
    [MODULE_NORMALIZE] = {MODEL_HEAD_NORMALIZE, read_normalize},
    [MODULE_MEAN] = {MODEL_HEAD_POOLING, read_mean},
};

/* Mean of the tokens, as without modules: a SparseEncoder has no vector, but a health probe compares one. */
static void add_mean(model_heads *out, size_t hidden_size)
{
    out->steps[out->count++] = (model_head){.kind = MODEL_HEAD_POOLING,
                                            .inputs = hidden_size,
                                            .outputs = hidden_size,
                                            .poolings = {AKI_POOLING_MEAN},
                                            .poolings_count = 1};
}

aki_status heads_read(model_heads *out, const model_modules *modules, size_t hidden_size, aki_error *error)
{
    *out = (model_heads){.dimension = hidden_size};
    if (modules->count == 0 || modules_are_splade(modules)) {
        add_mean(out, hidden_size);
        return AKI_OK;
    }
    for (size_t i = 0; i < modules->count; i++) {
        const model_module *module = &modules->heads[i];
        model_head *step = &out->steps[out->count++];
        *step = (model_head){.kind = readers[module->kind].kind, .inputs = out->dimension};
        aki_status status = readers[module->kind].read(step, module->folder, error);
        if (status != AKI_OK)
            return status;
        out->dimension = step->outputs;
    }
    return AKI_OK;
}

void heads_normalize(model_heads *heads)
{
    const size_t outputs = heads->steps[heads->count - 1].outputs;
    heads->steps[heads->count++] =
        (model_head){.kind = MODEL_HEAD_NORMALIZE, .inputs = outputs, .outputs = outputs};
}

void heads_truncate(model_heads *heads, size_t dimension)
{
    if (dimension < heads->dimension)
        heads->dimension = dimension;
}

static void free_weights(model_head *step)
{
    mem_free(step->weight);
    mem_free(step->bias);
    step->weight = step->bias = NULL;
}

static void free_token_weights(model_heads *heads)
{
    free_weights(&heads->token_dense);
    mem_free(heads->sparse.weight);
    mem_free(heads->sparse.bias);
    heads->sparse.weight = heads->sparse.bias = NULL;
}

void heads_release_weights(model_heads *heads)
{
    for (size_t i = 0; i < heads->count; i++)
        if (heads->steps[i].kind == MODEL_HEAD_DENSE)
            free_weights(&heads->steps[i]);
    free_token_weights(heads);
}

void heads_free(model_heads *heads)
{
    for (size_t i = 0; i < heads->count; i++)
        free_weights(&heads->steps[i]);
    free_token_weights(heads);
    for (size_t i = 0; heads->labels != NULL && i < heads->dimension; i++)
        mem_free(heads->labels[i]);
    mem_free(heads->labels);
    *heads = (model_heads){0};
}
