/* Reads the modules behind the Transformer into the list of steps that makes a text's vector out of its tokens'.
 *
 * Configurations mean what they mean in sentence-transformers. What would change the vectors and is not implemented is
 * refused as AKI_MODEL_UNSUPPORTED with the file and the field. Weights are copied as f32, so no file stays open. */
#ifndef MODEL_HEADS_H
#define MODEL_HEADS_H

#include "akidb/embed.h"
#include "model/modules.h"
#include "model/parts.h"
#include "model/safetensors.h"

#define HEAD_ACTIVATIONS "Identity, Tanh, ReLU, GELU, Sigmoid, SiLU"

/* hidden_size: numbers of a token's vector. Whatever the result, release it with heads_free. Errors:
 * AKI_MODEL_NOT_FOUND, AKI_MODEL_INVALID (also: weights of another shape, or not finite), AKI_MODEL_UNSUPPORTED,
 * AKI_MODEL_CHANGED (a weight file was cut), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status heads_read(model_heads *out, const model_modules *modules, size_t hidden_size,
                                     aki_error *error);
void heads_free(model_heads *heads);
/* Those of Dense and of sparse heads. */
void heads_release_weights(model_heads *heads);

/* Adds a Normalize behind the mean of a folder without modules. */
void heads_normalize(model_heads *heads);

/* Cuts the vectors as "truncate_dim" does: one that is no less than the last step's outputs changes nothing. */
void heads_truncate(model_heads *heads, size_t dimension);

/* By the path of its class: "torch.nn.modules.activation.Tanh". False = not one of HEAD_ACTIVATIONS. */
bool head_activation_named(const char *path, model_head_activation *out);

/* Readers of one step each, whose `inputs` are known; they fill the rest but `kind`. Errors as above. */
AKI_MUST_CHECK aki_status head_read_pooling(model_head *head, const char *folder, aki_error *error);
AKI_MUST_CHECK aki_status head_read_dense(model_head *head, const char *folder, aki_error *error);
AKI_MUST_CHECK aki_status head_read_layer_norm(model_head *head, const char *folder, aki_error *error);

/* Reads the weights of a module behind the Transformer, a few small tensors, out of a file of its folder. */

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
