/* ELECTRA, whose encoder is BERT's where its embeddings are as wide as its layers. Narrower ones go through a projection, which is
 * not implemented. */
#include "model/families.h"

#include "base/error.h"
#include "model/limits.h"

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    size_t width = 0;
    const config_size embedding_size = {"embedding_size", 1, MODEL_MAX_HIDDEN, 128, &width};
    aki_status status = family_bert_read(config, fields, error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, &embedding_size, 1, error);
    if (status == AKI_OK && width != config->hidden_size)
        status = error_set(error, AKI_MODEL_UNSUPPORTED,
                           "'%s': \"embedding_size\" is %zu; supported: that of \"hidden_size\", %zu",
                           fields->file.path, width, config->hidden_size);
    return status;
}

/* Its activation is always this one, whatever "hidden_act" says. */
static const model_classifier classifier = {.architecture = "ElectraForSequenceClassification",
                                            .dense = "classifier.dense",
                                            .activation = MODEL_HEAD_GELU,
                                            .out = "classifier.out_proj"};

const model_family family_electra = {
    .type = "electra",
    .arguments = FAMILY_BERT_ARGUMENTS "embedding_size ",
    .read = read,
    .prefix = "electra.",
    .embeddings = &family_bert_embeddings,
    .layers_prefix = "encoder.layer.",
    .layer = &family_bert_layer,
    .classifier = &classifier,
};
