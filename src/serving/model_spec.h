/* One model of the service as it was configured: where it comes from, the names that requests call it by, and how it is kept.
 *
 * Names are compared byte by byte. A list of specs is checked as a whole before any of it is used: no name or alias may stand
 * for two models. */
#ifndef SERVING_MODEL_SPEC_H
#define SERVING_MODEL_SPEC_H

#include "akidb/embed.h"

/* Names that one process serves from its start to its end, those included that a reload removed. */
#define MODEL_SPECS_MAX 128
#define MODEL_NAME_MAX_BYTES 200
#define MODEL_ALIASES_MAX 16

#define MODEL_KEEP_FOREVER INT64_MAX
/* A request that does not say how long its model is to stay. */
#define MODEL_KEEP_UNCHANGED INT64_MIN

/* The strings are the owner's; those of a copy are freed with it. */
typedef struct model_spec {
    const char *name;
    const char *source; /* id on the hub, or folder */
    const char *aliases[MODEL_ALIASES_MAX];
    size_t aliases_count;
    aki_precision precision;
    /* name of the prompt that stands before texts that ask for none; NULL = as the model says */
    const char *prompt;
    bool pinned;           /* loaded at once and never evicted */
    int64_t keep_alive_ms; /* without a request, after which it is unloaded; MODEL_KEEP_FOREVER = never */
    const char *stamp;     /* changes with the files of a folder; NULL = not known */
    const char *origin;    /* where it was configured, for errors: "models.ini line 4" */
} model_spec;

/* Memory of a model that has not been opened yet. A model is refused for good only if it takes too much for certain. */
typedef struct model_guess {
    size_t least_bytes, most_bytes;
} model_guess;

/* NULL fields stay NULL. False = out of memory, and *to is empty. */
bool model_spec_copy(model_spec *to, const model_spec *from);
/* Of a spec whose strings all came from mem_alloc and its like. An empty one is allowed. */
void model_spec_free(model_spec *spec);

/* True where a change of the one to the other asks for the files to be loaded anew. */
bool model_spec_loads_alike(const model_spec *a, const model_spec *b);

/* True where both are loaded from the same files in the same precision. */
bool model_spec_same_weights(const model_spec *a, const model_spec *b);

/* Sizes of names, names and aliases that stand for two models, more models than MODEL_SPECS_MAX. Error:
 * AKI_INVALID_ARGUMENT, which names the origin of both. */
AKI_MUST_CHECK aki_status model_specs_check(const model_spec *specs, size_t count, aki_error *error);

#endif
