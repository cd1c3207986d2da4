/* modules.json: which modules a sentence-transformers model is a chain of, and in which folders they lie.
 *
 * In the Transformer's place a StaticEmbedding may stand, whose pooling, the mean, is listed as if it were a module.
 *
 * The chain is a Transformer, then nothing (a CrossEncoder) or one Pooling, then any number of Dense, LayerNorm and Normalize in the order of the
 * file, as in the reference. Left out of the list is what changes no vector there: a Dropout, and a Normalize before
 * the Pooling, which finds nothing to normalise. Of a SparseEncoder it is a Transformer and a SpladePooling. A folder without modules.json is a bare transformer: mean pooling, no
 * normalisation. */
#ifndef MODEL_MODULES_H
#define MODEL_MODULES_H

#include "akidb/embed.h"
#include "model/limits.h"
#include "model/weight_files.h"

typedef enum module_kind {
    MODULE_POOLING,
    MODULE_DENSE,
    MODULE_LAYER_NORM,
    MODULE_NORMALIZE,
    MODULE_SPLADE,
    MODULE_MEAN, /* the pooling that a StaticEmbedding does itself */
} module_kind;

typedef struct model_module {
    module_kind kind;
    char *folder; /* of its config.json and weights */
} model_module;

typedef struct model_modules {
    char *transformer; /* folder of config.json, weights and tokenizer */
    bool is_static;    /* it is a StaticEmbedding, which need not have a config.json */
    bool fills_mask;   /* it is of the class MLMTransformer, older than its "transformer_task" */
    model_module heads[MODEL_MAX_MODULES]; /* the modules behind it, a Pooling or SpladePooling first */
    size_t count;                          /* 0: a bare transformer */
    bool alone;                            /* modules.json lists the Transformer and nothing behind it */
} model_modules;

/* Whatever the result, release it with modules_free. Errors: AKI_MODEL_NOT_FOUND (the folder), AKI_MODEL_INVALID,
 * AKI_MODEL_UNSUPPORTED (names the module), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status modules_read(model_modules *out, const char *folder, aki_error *error);
void modules_free(model_modules *modules);

/* The chain is a SparseEncoder's: its one module behind the Transformer is a SpladePooling. */
static inline bool modules_are_splade(const model_modules *modules)
{
    return modules->count > 0 && modules->heads[0].kind == MODULE_SPLADE;
}

/* Reads only the folder of the transformer, for callers that need its tokenizer or weights; the other modules may be
 * of any type. Returns the folder itself where modules.json is absent or lists no transformer. *out is freed with
 * mem_free. Errors: as modules_read, but AKI_MODEL_UNSUPPORTED. */
AKI_MUST_CHECK aki_status modules_find_transformer(char **out, const char *folder, aki_error *error);

/* True for a folder whose first module is a StaticEmbedding, or which has no modules.json and whose config.json says "model2vec". Errors:
 * as modules_find_transformer. */
AKI_MUST_CHECK aki_status modules_find_static(bool *is_static, const char *folder, aki_error *error);

/* The paths of the transformer's weights, as weight_paths_find gives them. Errors likewise and as there. */
AKI_MUST_CHECK aki_status modules_find_weights(weight_paths *out, const char *folder, aki_error *error);

#endif
