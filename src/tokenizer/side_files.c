#include "tokenizer/side_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "tokenizer/tokenizer_limits.h"

#include <string.h>

static aki_status read_file(side_file *file, const char *folder, const char *name, aki_error *error)
{
    file->path = path_join(folder, name);
    if (file->path == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s' in '%s'", name, folder);
    if (!file_listed(file->path))
        return AKI_OK;
    aki_status status = json_file_read(file->path, TOKENIZER_FILE_BYTES_MAX, &file->root, error);
    if (status == AKI_OK && !json_is_object(file->root))
        status = error_set(error, AKI_MODEL_INVALID, "'%s' is not a JSON object", file->path);
    return status;
}

static void free_file(side_file *file)
{
    json_decref(file->root);
    mem_free(file->path);
    *file = (side_file){0};
}

void side_files_free(side_files *side)
{
    free_file(&side->config);
    free_file(&side->map);
    free_file(&side->added);
    free_file(&side->model);
}

const side_file *side_files_of(const side_files *side, const char *key)
{
    return json_object_get(side->map.root, key) != NULL ? &side->map : &side->config;
}

const json_t *side_files_get(const side_files *side, const char *key)
{
    return json_object_get(side_files_of(side, key)->root, key);
}

aki_status side_files_bool(const side_files *side, const char *key, bool *value, aki_error *error)
{
    const side_file *file = side_files_of(side, key);
    return json_field_bool(file->root, file->path, key, value, error);
}

static bool lists(const json_t *names, const char *wanted)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name != NULL && strcmp(name, wanted) == 0)
            return true;
    }
    return false;
}

/* BertTokenizer passes token types by itself, but its template knows only type 0. */
bool side_files_pass_types(const side_files *side)
{
    return lists(side_files_get(side, "model_input_names"), "token_type_ids");
}

aki_status side_files_side(const side_files *side, const char *key, bool *left, aki_error *error)
{
    const side_file *file = side_files_of(side, key);
    const char *text = NULL;
    aki_status status = json_field_string(file->root, file->path, key, &text, error);
    if (status != AKI_OK || text == NULL)
        return status;
    *left = strcmp(text, "left") == 0;
    if (!*left && strcmp(text, "right") != 0)
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be \"left\" or \"right\"", file->path,
                         key);
    return AKI_OK;
}

/* The name of the class without "Fast", which has no meaning since transformers 5. */
static size_t length_without_fast(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, "Fast") == 0 ? length - 4 : length;
}

static const char *model_type_of(const side_files *side)
{
    const char *type = json_string_value(json_object_get(side->model.root, "model_type"));
    return type != NULL ? type : "";
}

bool side_files_relative(const side_files *side)
{
    static const char *const types[] = {"roberta",    "xlm-roberta", "camembert", "mpnet", "modernbert",
                                        "nomic_bert", "qwen2",       "qwen3",     "llama", "mistral",
                                        "eurobert",   "gemma3_text", "gte",       "new"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i], model_type_of(side)) == 0)
            return true;
    return false;
}

/* The class of a model whose files name none, or another one that does not count. */
static tokenizer_class class_by_type(const side_files *side, bool *always)
{
    static const struct {
        const char *model_type;
        tokenizer_class class;
        bool always; /* whatever class the files name */
    } known[] = {
        {"roberta", TOKENIZER_CLASS_ROBERTA, false}, {"xlm-roberta", TOKENIZER_CLASS_XLM_ROBERTA, false},
        {"mpnet", TOKENIZER_CLASS_MPNET, false},     {"gpt2", TOKENIZER_CLASS_GPT2, false},
        {"qwen2", TOKENIZER_CLASS_QWEN2, true},      {"qwen3", TOKENIZER_CLASS_QWEN2, false},
        {"modernbert", TOKENIZER_CLASS_FILE, true},  {"gemma3_text", TOKENIZER_CLASS_GEMMA, false},
    };
    *always = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].model_type, model_type_of(side)) == 0) {
            *always = known[i].always;
            return known[i].class;
        }
    return TOKENIZER_CLASS_BERT;
}

static aki_status read_class(side_files *side, aki_error *error)
{
    static const struct {
        const char *name;
        tokenizer_class class;
    } known[] = {
        {"BertTokenizer", TOKENIZER_CLASS_BERT},     {"DistilBertTokenizer", TOKENIZER_CLASS_BERT},
        {"ElectraTokenizer", TOKENIZER_CLASS_BERT},  {"MobileBertTokenizer", TOKENIZER_CLASS_BERT},
        {"LayoutLMTokenizer", TOKENIZER_CLASS_BERT}, {"SqueezeBertTokenizer", TOKENIZER_CLASS_BERT},
        {"LxmertTokenizer", TOKENIZER_CLASS_BERT},   {"PreTrainedTokenizer", TOKENIZER_CLASS_FILE},
        {"TokenizersBackend", TOKENIZER_CLASS_FILE}, {"XLMRobertaTokenizer", TOKENIZER_CLASS_XLM_ROBERTA},
        {"MPNetTokenizer", TOKENIZER_CLASS_MPNET},   {"RobertaTokenizer", TOKENIZER_CLASS_ROBERTA},
        {"GPT2Tokenizer", TOKENIZER_CLASS_GPT2},     {"Qwen2Tokenizer", TOKENIZER_CLASS_QWEN2},
        {"GemmaTokenizer", TOKENIZER_CLASS_GEMMA},
    };
    static const char key[] = "tokenizer_class";
    const side_file *files[] = {&side->config, &side->model};
    const char *path = NULL;
    bool always;
    for (size_t i = 0; i < 2 && side->class_name == NULL; i++) {
        path = files[i]->path;
        aki_status status = json_field_string(files[i]->root, path, key, &side->class_name, error);
        if (status != AKI_OK)
            return status;
    }
    side->class = class_by_type(side, &always);
    if (side->class_name == NULL || always)
        return AKI_OK;
    size_t length = length_without_fast(side->class_name);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].name) == length && memcmp(known[i].name, side->class_name, length) == 0) {
            side->class = known[i].class;
            return AKI_OK;
        }
    }
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': \"tokenizer_class\" is '%.100s'; this program runs BertTokenizer, "
                     "MPNetTokenizer, XLMRobertaTokenizer, RobertaTokenizer, GPT2Tokenizer, Qwen2Tokenizer, "
                     "GemmaTokenizer and PreTrainedTokenizerFast",
                     path, side->class_name);
}

static aki_status unsupported(const side_file *file, const char *key, const char *effect, aki_error *error)
{
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is set; %s is not supported", file->path,
                     key, effect);
}

static bool is_set(const json_t *value)
{
    bool empty = json_is_false(value) || (json_is_array(value) && json_array_size(value) == 0) ||
                 (json_is_object(value) && json_object_size(value) == 0) ||
                 (json_is_string(value) && json_string_length(value) == 0);
    return value != NULL && !json_is_null(value) && !empty;
}

/* Refuses arguments that no tokenizer writes into its files, but that transformers would obey there. */
static aki_status refuse_arguments(const side_files *side, aki_error *error)
{
    static const struct {
        const char *key, *effect;
    } rows[] = {
        {"split_special_tokens", "cutting special tokens in a text into pieces"},
        {"trust_remote_code", "running a model's own code"},
        {"processor_class", "a processor of its own"},
        {"init_inputs", "giving the tokenizer's arguments by position"},
        {"model_specific_special_tokens", "naming special tokens in this way"},
        {"vocab", "a vocabulary among the settings"},
        {"gguf_file", "a tokenizer from a GGUF file"},
        {"tokenizer_object", "a tokenizer among the settings"},
        {"tokenizer_truncation", "a second rule for cutting texts"},
        {"tokenizer_padding", "a second rule for padding texts"},
        {"_json_truncation", "a second rule for cutting texts"},
        {"_json_padding", "a second rule for padding texts"},
        {"post_processor", "a post-processor among the settings"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (is_set(side_files_get(side, rows[i].key)))
            return unsupported(side_files_of(side, rows[i].key), rows[i].key, rows[i].effect, error);
    return AKI_OK;
}

/* Where there is a tokenizer.json these have no effect; RobertaTokenizer has its own post-processor. */
aki_status side_files_refuse_pair(const side_files *side, aki_error *error)
{
    static const char *const keys[] = {"add_bos_token", "add_eos_token"};
    for (size_t i = 0; i < 2 && side->class != TOKENIZER_CLASS_ROBERTA; i++)
        if (is_set(side_files_get(side, keys[i])))
            return unsupported(side_files_of(side, keys[i]), keys[i], "a post-processor from the settings",
                               error);
    return AKI_OK;
}

static aki_status refuse_unsupported(const side_files *side, aki_error *error)
{
    const json_t *code = json_object_get(side->config.root, "auto_map");
    if (json_is_object(code))
        code = json_object_get(code, "AutoTokenizer");
    if (is_set(code))
        return unsupported(&side->config, "auto_map", "a tokenizer with code of its own", error);
    const json_t *versions = json_object_get(side->config.root, "fast_tokenizer_files");
    if (is_set(versions) && (json_array_size(versions) != 1 || !lists(versions, "tokenizer.json")))
        return unsupported(&side->config, "fast_tokenizer_files", "choosing a file by version", error);
    const json_t *inputs = side_files_get(side, "model_input_names");
    if (inputs != NULL && (!lists(inputs, "input_ids") || !lists(inputs, "attention_mask")))
        return unsupported(side_files_of(side, "model_input_names"), "model_input_names",
                           "a list without \"input_ids\" or \"attention_mask\"", error);
    return refuse_arguments(side, error);
}

aki_status side_files_read(side_files *side, const char *folder, aki_error *error)
{
    *side = (side_files){0};
    aki_status status = read_file(&side->config, folder, "tokenizer_config.json", error);
    if (status == AKI_OK)
        status = read_file(&side->map, folder, "special_tokens_map.json", error);
    if (status == AKI_OK)
        status = read_file(&side->added, folder, "added_tokens.json", error);
    if (status == AKI_OK)
        status = read_file(&side->model, folder, "config.json", error);
    if (status != AKI_OK)
        return status;
    if (json_object_get(side->config.root, "added_tokens_decoder") != NULL) {
        free_file(&side->map);
        free_file(&side->added);
    }
    status = read_class(side, error);
    return status == AKI_OK ? refuse_unsupported(side, error) : status;
}
