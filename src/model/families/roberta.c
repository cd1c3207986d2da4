/* RoBERTa, XLM-RoBERTa and CamemBERT: BERT's encoder, with positions that count from the row behind that of padding. */
#include "model/families.h"

#include "base/error.h"
#include "model/limits.h"

aki_status family_roberta_positions(model_config *config, const config_fields *fields, size_t padding_id,
                                    aki_error *error)
{
    const size_t rows = config->max_positions, before = padding_id + 1;
    if (rows < before + MODEL_MIN_TOKENS)
        return error_set(
            error, AKI_MODEL_INVALID,
            "'%s': \"max_position_embeddings\" (%zu) leaves no positions behind that of padding (%zu)",
            fields->file.path, rows, padding_id);
    config->graph.positions_skip_padding = true;
    config->graph.padding_id = (int32_t)padding_id;
    config->max_positions = rows - before;
    return AKI_OK;
}

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    size_t padding_id = 0;
    const config_size padding = {"pad_token_id", 0, MODEL_MAX_POSITIONS, 1, &padding_id};
    aki_status status = family_bert_read(config, fields, error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, &padding, 1, error);
    return status == AKI_OK ? family_roberta_positions(config, fields, padding_id, error) : status;
}

#define ROW(name, model_type, class)                                                                         \
    static const model_classifier name##_classifier = {.architecture = class "ForSequenceClassification",    \
                                                       .dense = "classifier.dense",                          \
                                                       .activation = MODEL_HEAD_TANH,                        \
                                                       .out = "classifier.out_proj"};                        \
    static const model_mlm name##_mlm = {.architecture = class "ForMaskedLM",                                \
                                         .dense = "lm_head.dense",                                           \
                                         .norm = "lm_head.layer_norm",                                       \
                                         .decoder = "lm_head.decoder",                                       \
                                         .bias = "lm_head.bias",                                             \
                                         .always_gelu = true};                                               \
    const model_family name = {                                                                              \
        .type = model_type,                                                                                  \
        .arguments = FAMILY_BERT_ARGUMENTS,                                                                  \
        .read = read,                                                                                        \
        .prefix = "roberta.",                                                                                \
        .embeddings = &family_bert_embeddings,                                                               \
        .layers_prefix = "encoder.layer.",                                                                   \
        .layer = &family_bert_layer,                                                                         \
        .classifier = &name##_classifier,                                                                    \
        .mlm = &name##_mlm,                                                                                  \
    }

ROW(family_roberta, "roberta", "Roberta");
ROW(family_xlm_roberta, "xlm-roberta", "XLMRoberta");
ROW(family_camembert, "camembert", "Camembert");
