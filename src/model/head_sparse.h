/* Heads that weigh token ids for a text, and bge-m3's on each token's vector.
 *
 * SPLADE is the head of ...ForMaskedLM: a SparseEncoder's folder says so by its SpladePooling, and has no vector then. A folder
 * without modules.json whose "architectures" names such a class keeps its vector and has the weights beside it, as
 * sentence-transformers opens it either way; a file that lacks the head's tensors has the vector alone.
 *
 * bge-m3's heads lie beside the encoder in sparse_linear.safetensors and colbert_linear.safetensors. They are published as .pt, a
 * format that can run code when read: those are not read, and whoever asks for weights is told how to convert them. */
#ifndef MODEL_HEAD_SPARSE_H
#define MODEL_HEAD_SPARSE_H

#include "model/parts.h"
#include "model/modules.h"
#include "model/safetensors.h"
#include "model/sentence_file.h"

#define SPARSE_FILE "sparse_linear"
#define COLBERT_FILE "colbert_linear"
/* For the hint of an error. */
#define SPARSE_CONVERT                                                                                       \
    "Convert them once, in the model's folder: python3 -c \"import torch, safetensors.torch as s; "          \
    "[s.save_file(torch.load(n + '.pt', weights_only=True), n + '.safetensors') for n in "                   \
    "('" SPARSE_FILE "', '" COLBERT_FILE "')]\""

/* Fills sparse and token_dense of *heads, whose steps were read, and its task. Errors: AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED,
 * AKI_MODEL_CHANGED, AKI_IO_ERROR, AKI_OUT_OF_MEMORY; messages name file and field or tensor. */
AKI_MUST_CHECK aki_status sparse_read(model_heads *heads, const model_modules *modules,
                                      const model_config *config, const sentence_file *sentence,
                                      aki_error *error);

/* Binds the tensors of a masked language model's head to views of the model's weight file. */
AKI_MUST_CHECK aki_status sparse_bind(model_heads *heads, const model_config *config,
                                      const model_tensor *word_embeddings, const safetensors *file,
                                      const unsigned char *data, const char *path, aki_error *error);

#endif
