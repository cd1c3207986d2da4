/* The models that `serve` was told to serve: by --model, which may come several times, and by the file of --models.
 *
 *     --model intfloat/e5-small-v2,name=e5,alias=search,precision=int8,prompt=query,pin=true,keep_alive=10m
 *
 *     [e5]
 *     source = intfloat/e5-small-v2
 *     alias = search, e5-small
 *     precision = int8
 *     prompt = query
 *     pin = true
 *     keep_alive = 10m
 *
 * A comma begins an option only where a word and '=' follow it, and what names a folder as it stands is a folder. */
#ifndef CLI_SERVE_MODEL_LIST_H
#define CLI_SERVE_MODEL_LIST_H

#include "cli/options/options.h"
#include "serving/model_spec.h"

typedef struct model_list {
    model_spec *specs; /* [count], the default first */
    size_t count;
    bool changes; /* a file is read, which may change */
} model_list;

/* Free with model_list_free, also after a failure. Errors: AKI_INVALID_ARGUMENT (also of model_specs_check), AKI_IO_ERROR,
 * AKI_OUT_OF_MEMORY; each names the option, or the file and its line. */
AKI_MUST_CHECK aki_status model_list_read(model_list *out, const options *o, aki_error *error);
void model_list_free(model_list *list);

#endif
