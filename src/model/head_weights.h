/* Reads the weights of a module behind the Transformer, a few small tensors, out of a file of its folder. */
#ifndef MODEL_HEAD_WEIGHTS_H
#define MODEL_HEAD_WEIGHTS_H

#include "akidb/embed.h"
#include "model/safetensors.h"

typedef struct head_tensor {
    const char *name;
    size_t rows, columns; /* rows 0: a vector of `columns` */
    float **values;       /* becomes [rows][columns] f32; freed with mem_free, also after a failure */
} head_tensor;

/* The file must hold these tensors and no others, as in the reference, in F32, F16 or BF16 and all finite. Errors as
 * heads_read; messages name the file and the tensor. */
AKI_MUST_CHECK aki_status head_weights_read(const char *folder, const char *file, const head_tensor *wanted,
                                            size_t count, aki_error *error);

/* Takes them out of a file that is open, and that may hold others. data: the file's bytes; path: for messages. */
AKI_MUST_CHECK aki_status head_weights_copy(const head_tensor *wanted, size_t count, const safetensors *file,
                                            const unsigned char *data, const char *path, aki_error *error);

#endif
