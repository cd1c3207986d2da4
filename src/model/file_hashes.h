/* Content hashes of the files of a model folder that decide its vectors. Two runs, days apart, compare them to know
 * that they use one model. */
#ifndef MODEL_FILE_HASHES_H
#define MODEL_FILE_HASHES_H

#include "akidb/embed.h"
#include "model/parts.h"

/* name: relative to the model folder, "1_Pooling/config.json"; hash: XXH64 of all its bytes as 16 hexadecimal digits, or
 * "unreadable". Both are valid during the call only. */
typedef void (*file_hashes_fn)(void *cookie, const char *name, const char *hash);

/* Calls `add` for each such file that exists, in the folder itself and in the folders that modules.json names. Lists
 * every file that may decide a vector, also those that this version does not read: one file too many costs a restart,
 * one too few mixes two models. Reads the weights from end to end. Errors: AKI_MODEL_INVALID (modules.json),
 * AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status file_hashes_of(const char *folder, file_hashes_fn add, void *cookie,
                                         aki_error *error);

/* Tells whether two loaded models are the same. */

/* XXH64 of the configuration's numbers and of every tensor that is computed with, at the speed of memory. words: how many rows of the
 * word embeddings, which are half of a model, are read: spread evenly from the first on, or SIZE_MAX = all. */
uint64_t model_fingerprint(const model_config *config, const model_weights *weights, size_t words);

#endif
