/* The transformer module's own settings in a sentence-transformers model: sentence_bert_config.json, or the first of its
 * older names (sentence_roberta_config.json and so on) that holds anything.
 *
 * The file may carry arguments for what sentence-transformers calls to build the module: the model ("model_args", newer
 * "model_kwargs"), its configuration ("config_args", "config_kwargs") and its tokenizer ("tokenizer_args",
 * "processor_kwargs"). Where both names of one kind stand in the file, the older one holds, as in the reference. */
#ifndef MODEL_SENTENCE_FILE_H
#define MODEL_SENTENCE_FILE_H

#include "model/folder.h"
#include "model/modules.h"

/* Arguments of one kind: an object, and the name that it has in the file. root NULL = none. */
typedef struct sentence_arguments {
    const char *name;
    const json_t *root;
} sentence_arguments;

typedef struct sentence_file {
    folder_json file; /* root NULL = the model has none */
    sentence_arguments model, configuration, tokenizer;
} sentence_file;

/* Reads the file. Refuses, naming file and field, settings that would change vectors and are not implemented, and
 * fields that sentence-transformers does not know. The arguments for configuration and tokenizer are checked by their
 * own readers. A bare transformer (no pooling module) has no such file: sentence-transformers does not look for it
 * either. Whatever the result, release it with sentence_file_free. Errors: AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED,
 * AKI_MODEL_NOT_FOUND (a link that leads nowhere), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status sentence_file_read(sentence_file *out, const model_modules *modules,
                                             aki_error *error);
void sentence_file_free(sentence_file *sentence);

/* Refuses each argument, unless it is in `accepted` or `file` (NULL = no file) has the key with an equal value.
 * accepted holds words separated by blanks: "key" accepts any value, "key=value" that string or boolean. An argument
 * that is null counts as absent, and those that sentence-transformers overwrites are accepted. Error:
 * AKI_MODEL_UNSUPPORTED. */
AKI_MUST_CHECK aki_status sentence_arguments_check(const sentence_file *sentence,
                                                   const sentence_arguments *arguments, const json_t *file,
                                                   const char *accepted, aki_error *error);

#endif
