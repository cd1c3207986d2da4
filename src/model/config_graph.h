/* The fields of config.json that several families have for their graph: rotary positions, kinds of layers, heads. They stand under
 * transformers' names of today ("rope_parameters", "layer_types") or under those that a family had before. Errors are those of
 * config_fields.h. */
#ifndef MODEL_CONFIG_GRAPH_H
#define MODEL_CONFIG_GRAPH_H

#include "model/config_fields.h"

/* How positions are stretched beyond those of training. NTK: GTE's own, theta * factor and divided by factor^(2 / head_size). */
typedef enum config_scaling { CONFIG_SCALING_NONE, CONFIG_SCALING_LINEAR, CONFIG_SCALING_NTK } config_scaling;

typedef struct config_rotary {
    /* Key within rope_parameters, where these are per kind of layer: "full_attention"; NULL = they are not. */
    const char *kind;
    const char *theta_key; /* the older one, of config.json itself: "rope_theta" */
    float theta;           /* where neither says it */
    config_scaling most;   /* refuses those beyond it */
} config_rotary;

/* Needs config->head_size, which must be even. */
AKI_MUST_CHECK aki_status config_read_rotary(const model_config *config, const config_fields *fields,
                                             const config_rotary *how, model_rotary *rotary,
                                             aki_error *error);

/* Which layers are local: "layer_types", else all but those whose number plus `offset` is a multiple of the field `every_key`, which
 * is `every` where it is absent (0 = none is local). Needs config->layers. */
AKI_MUST_CHECK aki_status config_read_layer_types(model_config *config, const config_fields *fields,
                                                  const char *every_key, size_t every, size_t offset,
                                                  aki_error *error);

/* Refuses layers that are local. Needs config->layers. */
AKI_MUST_CHECK aki_status config_only_full(model_config *config, const config_fields *fields,
                                           aki_error *error);

/* num_key_value_heads and head_dim. Needs config->heads and hidden_size. key_value_heads 0: as many as query heads; head_size 0:
 * hidden_size / heads. */
AKI_MUST_CHECK aki_status config_read_heads(model_config *config, const config_fields *fields,
                                            size_t key_value_heads, size_t head_size, aki_error *error);

#endif
