#include "model/config.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "model/folder.h"
#include "model/limits.h"
#include "model/quote.h"

#include <math.h>
#include <string.h>

/* Read as a real number: tokenizers without a limit of their own write 10^30. */
static aki_status read_limit(const json_t *object, const char *path, const char *key, double *limit,
                             aki_error *error)
{
    double found = *limit;
    aki_status status = json_field_number(object, path, key, (double)MODEL_MIN_TOKENS, 1e300, &found, error);
    if (status == AKI_OK && found != floor(found))
        status = error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be a whole number", path, key);
    *limit = found;
    return status;
}

static aki_status unsupported(const folder_json *file, const char *key, const char *effect, aki_error *error)
{
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is set; %s is not supported", file->path,
                     key, effect);
}

/* *limit 0 = the file does not say. */
static aki_status read_sentence_file(const sentence_file *sentence, double *limit, bool *lower_case,
                                     aki_error *error)
{
    const folder_json *file = &sentence->file;
    aki_status status = json_field_bool(file->root, file->path, "do_lower_case", lower_case, error);
    if (status == AKI_OK)
        status = read_limit(file->root, file->path, "max_seq_length", limit, error);
    if (status == AKI_OK) /* the tokenizer's arguments in the sentence file take precedence */
        status = read_limit(sentence->tokenizer.root, file->path, "model_max_length", limit, error);
    return status;
}

/* Accepts arguments that repeat tokenizer_config.json. */
static aki_status check_tokenizer_arguments(const sentence_file *sentence, const folder_json *tokenizer,
                                            aki_error *error)
{
    static const char accepted[] =
        "model_max_length use_fast padding_side=right truncation_side=right clean_up_tokenization_spaces";
    return sentence_arguments_check(sentence, &sentence->tokenizer, tokenizer->root, accepted, error);
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static bool normalizer_lowers(const json_t *normalizer)
{
    const char *type = json_string_value(json_object_get(normalizer, "type"));
    const json_t *sequence = json_object_get(normalizer, "normalizers");
    if (type == NULL)
        return false;
    if (strcmp(type, "Lowercase") == 0 ||
        (strcmp(type, "BertNormalizer") == 0 && is_true(normalizer, "lowercase")))
        return true;
    size_t index;
    json_t *part;
    json_array_foreach((json_t *)sequence, index,
                       part) if (is_true(part, "lowercase") || normalizer_lowers(part)) return true;
    return false;
}

/* Classes whose lower-casing is that of tokenizer.json; for all others tokenizer_config.json wins over it. */
static bool keeps_tokenizer_file(const folder_json *tokenizer, const folder_json *config)
{
    static const char *const classes[] = {"PreTrainedTokenizer", "PreTrainedTokenizerFast",
                                          "TokenizersBackend", "XLMRobertaTokenizer",
                                          "XLMRobertaTokenizerFast"};
    const char *name = json_string_value(json_object_get(tokenizer->root, "tokenizer_class"));
    if (name == NULL)
        name = json_string_value(json_object_get(config->root, "tokenizer_class"));
    for (size_t i = 0; name != NULL && i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(name, classes[i]) == 0)
            return true;
    return false;
}

/* Refuses to lower-case before a tokenizer that does not do so itself. A vocab.txt alone means a tokenizer that does. */
static aki_status check_lower_case(const sentence_file *sentence, const folder_json *tokenizer,
                                   const char *folder, aki_error *error)
{
    bool lowers = true;
    folder_json config;
    aki_status status = folder_json_read(&config, folder, "config.json", JSON_OBJECT, FOLDER_OPTIONAL, error);
    if (status == AKI_OK)
        status = json_field_bool(tokenizer->root, tokenizer->path, "do_lower_case", &lowers, error);
    const bool keeps_file = keeps_tokenizer_file(tokenizer, &config);
    folder_json_free(&config);
    if (status == AKI_OK && (keeps_file || (lowers && !is_true(tokenizer->root, "do_lower_case")))) {
        folder_json definition;
        status = folder_json_read(&definition, folder, "tokenizer.json", JSON_OBJECT, FOLDER_OPTIONAL, error);
        if (definition.root != NULL)
            lowers = normalizer_lowers(json_object_get(definition.root, "normalizer"));
        folder_json_free(&definition);
    }
    return status != AKI_OK || lowers ? status
                                      : unsupported(&sentence->file, "do_lower_case",
                                                    "lower-casing before a cased tokenizer", error);
}

aki_status config_read_sentence(model_config *config, const model_modules *modules,
                                const sentence_file *sentence, aki_error *error)
{
    double limit = 0;
    bool lower_case = false;
    folder_json tokenizer = {0};
    aki_status status = read_sentence_file(sentence, &limit, &lower_case, error);
    if (status == AKI_OK)
        status = folder_json_read(&tokenizer, modules->transformer, "tokenizer_config.json", JSON_OBJECT,
                                  FOLDER_OPTIONAL, error);
    if (status == AKI_OK)
        status = check_tokenizer_arguments(sentence, &tokenizer, error);
    if (status == AKI_OK && limit == 0)
        status = read_limit(tokenizer.root, tokenizer.path, "model_max_length", &limit, error);
    if (status == AKI_OK && limit == 0) /* its older name */
        status = read_limit(tokenizer.root, tokenizer.path, "max_len", &limit, error);
    if (status == AKI_OK && lower_case)
        status = check_lower_case(sentence, &tokenizer, modules->transformer, error);
    double positions = (double)config->max_positions;
    config->max_tokens = limit == 0 || limit > positions ? config->max_positions : (size_t)limit;
    folder_json_free(&tokenizer);
    return status;
}
