/* The fields of config.json, for the readers of the families (model/families.h).
 *
 * The sentence file's arguments for the configuration win over the file, as in the reference; messages name the one that a field
 * is from. Errors of all readers: AKI_MODEL_INVALID (type or range), AKI_MODEL_UNSUPPORTED (a value that is not implemented). */
#ifndef MODEL_CONFIG_FIELDS_H
#define MODEL_CONFIG_FIELDS_H

#include "model/parts.h"
#include "model/sentence_file.h"

typedef struct config_fields {
    folder_json file;
    const sentence_file *sentence;
} config_fields;

/* Arguments that no encoder looks at. */
#define CONFIG_ARGUMENTS                                                                                     \
    "name_or_path use_cache output_attentions output_hidden_states return_dict gradient_checkpointing "      \
    "classifier_dropout initializer_range pad_token_id bos_token_id eos_token_id num_labels id2label "       \
    "label2id architectures attn_implementation chunk_size_feed_forward tie_word_embeddings "                \
    "transformers_version dtype=auto dtype=float32 torch_dtype=auto torch_dtype=float32 "

/* Puts the sentence file's arguments over the fields; accepted: as in sentence_arguments_check. Errors also:
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status config_merge_arguments(config_fields *fields, const char *accepted,
                                                 aki_error *error);

/* A whole number. Where the field is absent or null, *value becomes by_default. */
typedef struct config_size {
    const char *key;
    size_t minimum, maximum, by_default, *value;
    const char *older_key; /* that is read where the key is absent; NULL = none */
} config_size;

AKI_MUST_CHECK aki_status config_read_sizes(const config_fields *fields, const config_size *sizes,
                                            size_t count, aki_error *error);
/* The size of a head, from the two sizes that were read under these keys. */
AKI_MUST_CHECK aki_status config_split_heads(model_config *config, const config_fields *fields,
                                             const char *hidden_key, const char *heads_key, aki_error *error);
/* The string belongs to the file. Where the field is absent or null, *value keeps what it had. */
AKI_MUST_CHECK aki_status config_read_text(const config_fields *fields, const char *key, const char **value,
                                           aki_error *error);
/* By transformers' names of activations; absent: what *activation is. */
AKI_MUST_CHECK aki_status config_read_activation(const config_fields *fields, const char *key,
                                                 model_activation *activation, aki_error *error);
/* layer_norm_eps; absent: 1e-12. */
AKI_MUST_CHECK aki_status config_read_epsilon(const config_fields *fields, float *epsilon, aki_error *error);
/* A real number. Where the field is absent or null, *value keeps what it had. */
AKI_MUST_CHECK aki_status config_read_number(const config_fields *fields, const char *key, double minimum,
                                             double maximum, float *value, aki_error *error);
/* Likewise true or false. */
AKI_MUST_CHECK aki_status config_read_flag(const config_fields *fields, const char *key, bool *value,
                                           aki_error *error);
/* False for null. */
bool config_has(const config_fields *fields, const char *key);
/* Refuses every other text, and every other boolean. Absent stands for the one that is supported. */
AKI_MUST_CHECK aki_status config_only_text(const config_fields *fields, const char *key,
                                           const char *supported, aki_error *error);
AKI_MUST_CHECK aki_status config_only_false(const config_fields *fields, const char *key, aki_error *error);
/* Refuses the field unless it is absent, null, or an empty object or array. */
AKI_MUST_CHECK aki_status config_only_absent(const config_fields *fields, const char *key, aki_error *error);
/* One value that a field may have where it is there at all. */
typedef struct config_fixed {
    const char *key;
    enum { CONFIG_FALSE, CONFIG_TRUE, CONFIG_ABSENT, CONFIG_TEXT, CONFIG_NUMBER } kind;
    const char *text; /* TEXT */
    double number;    /* NUMBER */
} config_fixed;

/* Refuses the first field that has another value, by its name. */
AKI_MUST_CHECK aki_status config_check_fixed(const config_fields *fields, const config_fixed *rows,
                                             size_t count, aki_error *error);
/* "'FILE': "key" is 'found'; supported: list" as AKI_MODEL_UNSUPPORTED. */
aki_status config_unsupported(const config_fields *fields, const char *key, const char *found,
                              const char *list, aki_error *error);

#endif
