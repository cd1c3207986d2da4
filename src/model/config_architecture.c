#include "model/config.h"

#include "base/error.h"
#include "base/json_file.h"
#include "model/folder.h"
#include "model/limits.h"
#include "model/quote.h"

#include <string.h>

#define ADAPTER_FILE "adapter_config.json"

/* config.json after the arguments of the sentence file were put in, and for messages the file that a field is from. */
typedef struct architecture {
    folder_json file;
    const sentence_file *sentence;
} architecture;

static const char *path_of(const architecture *a, const char *key)
{
    const json_t *argument = json_object_get(a->sentence->configuration.root, key);
    return argument != NULL && !json_is_null(argument) ? a->sentence->file.path : a->file.path;
}

static aki_status unsupported(const architecture *a, const char *key, const char *found,
                              const char *supported, aki_error *error)
{
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is '%s'; supported: %s", path_of(a, key),
                     key, quote_name(found, strlen(found)).text, supported);
}

static aki_status read_sizes(model_config *config, const architecture *a, aki_error *error)
{
    const struct {
        const char *key;
        size_t maximum, *value, by_default;
    } fields[] = {
        {"vocab_size", MODEL_MAX_VOCABULARY, &config->vocabulary_size, 30522},
        {"hidden_size", MODEL_MAX_HIDDEN, &config->hidden_size, 768},
        {"num_hidden_layers", MODEL_MAX_LAYERS, &config->layers, 12},
        {"num_attention_heads", MODEL_MAX_HEADS, &config->heads, 12},
        {"intermediate_size", MODEL_MAX_INTERMEDIATE, &config->intermediate_size, 3072},
        {"max_position_embeddings", MODEL_MAX_POSITIONS, &config->max_positions, 512},
        {"type_vocab_size", MODEL_MAX_TOKEN_TYPES, &config->token_types, 2},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        *fields[i].value = fields[i].by_default;
        size_t minimum = fields[i].value == &config->max_positions ? MODEL_MIN_TOKENS : 1;
        aki_status status = json_field_size(a->file.root, path_of(a, fields[i].key), fields[i].key, minimum,
                                            fields[i].maximum, fields[i].value, error);
        if (status != AKI_OK)
            return status;
    }
    if (config->hidden_size % config->heads != 0)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': \"hidden_size\" (%zu) is not a multiple of \"num_attention_heads\" (%zu)",
                         a->file.path, config->hidden_size, config->heads);
    config->head_size = config->hidden_size / config->heads;
    return AKI_OK;
}

static aki_status read_activation(model_config *config, const architecture *a, aki_error *error)
{
    static const struct {
        const char *name;
        model_activation activation;
    } known[] = {
        {"gelu", MODEL_GELU_ERF},
        {"gelu_new", MODEL_GELU_TANH},
        {"gelu_pytorch_tanh", MODEL_GELU_TANH},
        {"relu", MODEL_RELU},
    };
    const char *name = "gelu";
    aki_status status = json_field_string(a->file.root, path_of(a, "hidden_act"), "hidden_act", &name, error);
    if (status != AKI_OK)
        return status;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0) {
            config->activation = known[i].activation;
            return AKI_OK;
        }
    return unsupported(a, "hidden_act", name, "gelu, gelu_new, gelu_pytorch_tanh, relu", error);
}

static aki_status check_kind(const architecture *a, aki_error *error)
{
    const char *model_type = NULL, *positions = "absolute";
    aki_status status =
        json_field_string(a->file.root, path_of(a, "model_type"), "model_type", &model_type, error);
    if (status == AKI_OK && model_type == NULL)
        status = error_set(error, AKI_MODEL_INVALID, "'%s' has no \"model_type\"", a->file.path);
    if (status == AKI_OK && strcmp(model_type, "bert") != 0)
        status = unsupported(a, "model_type", model_type, "bert", error);
    if (status == AKI_OK)
        status = json_field_string(a->file.root, path_of(a, "position_embedding_type"),
                                   "position_embedding_type", &positions, error);
    if (status == AKI_OK && strcmp(positions, "absolute") != 0)
        status = unsupported(a, "position_embedding_type", positions, "absolute", error);

    static const char *const must_be_false[] = {"is_decoder", "add_cross_attention"};
    for (size_t i = 0; i < 2 && status == AKI_OK; i++) {
        bool on = false;
        status = json_field_bool(a->file.root, path_of(a, must_be_false[i]), must_be_false[i], &on, error);
        if (status == AKI_OK && on)
            status = unsupported(a, must_be_false[i], "true", "false", error);
    }
    return status;
}

/* Merges the sentence file's arguments into config.json. The later names in the list have no
 * effect on a BERT encoder. */
static aki_status take_arguments(architecture *a, aki_error *error)
{
    static const char accepted[] =
        "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size "
        "max_position_embeddings type_vocab_size hidden_act layer_norm_eps position_embedding_type "
        "is_decoder add_cross_attention "
        "name_or_path use_cache output_attentions output_hidden_states return_dict gradient_checkpointing "
        "attention_probs_dropout_prob hidden_dropout_prob classifier_dropout initializer_range pad_token_id "
        "bos_token_id eos_token_id num_labels id2label label2id architectures attn_implementation "
        "chunk_size_feed_forward tie_word_embeddings transformers_version "
        "dtype=auto dtype=float32 torch_dtype=auto torch_dtype=float32";
    const char *key;
    json_t *value;
    const json_t *arguments = a->sentence->configuration.root;
    aki_status status =
        sentence_arguments_check(a->sentence, &a->sentence->configuration, a->file.root, accepted, error);
    if (status != AKI_OK)
        return status;
    json_object_foreach((json_t *)arguments, key,
                        value) if (!json_is_null(value) && json_object_set(a->file.root, key, value) !=
                                                               0) return error_set(error, AKI_OUT_OF_MEMORY,
                                                                                   "no memory to read '%s'",
                                                                                   a->file.path);
    return AKI_OK;
}

static aki_status refuse_adapter(const char *folder, aki_error *error)
{
    if (!folder_lists(folder, ADAPTER_FILE))
        return AKI_OK;
    error_set(error, AKI_MODEL_UNSUPPORTED,
              "'%s' holds an adapter (" ADAPTER_FILE
              ") to another model's weights; supported is a model of its own",
              folder);
    error_hint(error, "Merge the adapter once with peft (merge_and_unload) and save the model.");
    return AKI_MODEL_UNSUPPORTED;
}

aki_status config_read_architecture(model_config *config, const char *folder, const sentence_file *sentence,
                                    aki_error *error)
{
    double epsilon = 1e-12;
    static const char epsilon_key[] = "layer_norm_eps";
    architecture a = {.sentence = sentence};
    aki_status status = refuse_adapter(folder, error);
    if (status == AKI_OK)
        status = folder_json_read(&a.file, folder, "config.json", JSON_OBJECT, FOLDER_REQUIRED, error);
    if (status == AKI_OK)
        status = take_arguments(&a, error);
    if (status == AKI_OK)
        status = check_kind(&a, error);
    if (status == AKI_OK)
        status = read_sizes(config, &a, error);
    if (status == AKI_OK)
        status = read_activation(config, &a, error);
    if (status == AKI_OK)
        status =
            json_field_number(a.file.root, path_of(&a, epsilon_key), epsilon_key, 1e-30, 1, &epsilon, error);
    config->layer_norm_epsilon = (float)epsilon;
    folder_json_free(&a.file);
    return status;
}
