#include "model/config.h"

#include "base/error.h"
#include "base/json_file.h"
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
static aki_status read_sentence_file(const folder_json *file, double *limit, bool *lower_case,
                                     aki_error *error)
{
    const char *task = "feature-extraction";
    aki_status status = json_field_string(file->root, file->path, "transformer_task", &task, error);
    if (status == AKI_OK && strcmp(task, "feature-extraction") != 0)
        status = error_set(error, AKI_MODEL_UNSUPPORTED,
                           "'%s': \"transformer_task\" is '%s'; supported is 'feature-extraction'",
                           file->path, quote_name(task, strlen(task)).text);
    if (status == AKI_OK)
        status = json_field_bool(file->root, file->path, "do_lower_case", lower_case, error);
    if (status == AKI_OK)
        status = read_limit(file->root, file->path, "max_seq_length", limit, error);
    /* Where the tokenizer's arguments are written down, they have precedence. */
    static const char *const arguments[] = {"processor_kwargs", "tokenizer_args"};
    for (size_t i = 0; i < 2 && status == AKI_OK; i++) {
        const json_t *given = json_object_get(file->root, arguments[i]);
        if (json_is_object(given))
            status = read_limit(given, file->path, "model_max_length", limit, error);
    }
    return status;
}

/* Settings of the whole model that would change the vectors. */
static aki_status check_root_file(const char *root_folder, aki_error *error)
{
    folder_json file;
    const char *prompt_name = NULL, *prompt = "";
    aki_status status = folder_json_read(&file, root_folder, "config_sentence_transformers.json", JSON_OBJECT,
                                         FOLDER_OPTIONAL, error);
    if (status == AKI_OK && file.root != NULL) {
        status = json_field_string(file.root, file.path, "default_prompt_name", &prompt_name, error);
        if (status == AKI_OK && prompt_name != NULL)
            status = json_field_string(json_object_get(file.root, "prompts"), file.path, prompt_name, &prompt,
                                       error);
        if (status == AKI_OK && prompt[0] != '\0')
            status = unsupported(&file, "default_prompt_name", "a prompt put before every text", error);
        const json_t *cut = json_object_get(file.root, "truncate_dim");
        if (status == AKI_OK && cut != NULL && !json_is_null(cut))
            status = unsupported(&file, "truncate_dim", "cutting vectors", error);
    }
    folder_json_free(&file);
    return status;
}

aki_status config_read_sentence(model_config *config, const model_modules *modules, const char *root_folder,
                                aki_error *error)
{
    double limit = 0;
    bool lower_case = false, tokenizer_lowers = true;
    folder_json sentence = {0}, tokenizer = {0};
    aki_status status = check_root_file(root_folder, error);
    /* A bare transformer has no sentence settings: sentence-transformers does not look for the file either. */
    if (status == AKI_OK && modules->pooling != NULL)
        status = folder_json_read(&sentence, modules->transformer, "sentence_bert_config.json", JSON_OBJECT,
                                  FOLDER_OPTIONAL, error);
    if (status == AKI_OK && sentence.root != NULL)
        status = read_sentence_file(&sentence, &limit, &lower_case, error);
    if (status == AKI_OK)
        status = folder_json_read(&tokenizer, modules->transformer, "tokenizer_config.json", JSON_OBJECT,
                                  FOLDER_OPTIONAL, error);
    if (status == AKI_OK && tokenizer.root != NULL) {
        status = json_field_bool(tokenizer.root, tokenizer.path, "do_lower_case", &tokenizer_lowers, error);
        if (status == AKI_OK && limit == 0)
            status = read_limit(tokenizer.root, tokenizer.path, "model_max_length", &limit, error);
    }
    if (status == AKI_OK && lower_case && !tokenizer_lowers)
        status = unsupported(&sentence, "do_lower_case", "lower-casing before a cased tokenizer", error);
    double positions = (double)config->max_positions;
    config->max_tokens = limit == 0 || limit > positions ? config->max_positions : (size_t)limit;
    folder_json_free(&sentence);
    folder_json_free(&tokenizer);
    return status;
}
