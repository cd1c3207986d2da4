/* The rows of the families: each reads its config.json and finds its tensors, and refuses by name what is not implemented. */
#include "unit.h"

#include "model/families.h"
#include "model/tiny_model.h"

static char folder[200];

#define SIZES                                                                                                \
    "\"hidden_size\":4,\"intermediate_size\":6,\"max_position_embeddings\":10,\"num_attention_heads\":2,"    \
    "\"num_hidden_layers\":2,\"vocab_size\":5"

/* Fields that give the tiny model's sizes, and what the family makes of them. */
static const struct family_case {
    const char *type, *fields;
    size_t max_positions, token_types;
    bool skips_padding, relative_bias;
    const char *activation_key;
    size_t head_size, pairs; /* of keys and values; 0 = 2, and as many as of queries */
} cases[] = {
    {"bert", SIZES, 10, 2, false, false, "hidden_act", 0, 0},
    {"electra", SIZES ",\"embedding_size\":4", 10, 2, false, false, "hidden_act", 0, 0},
    {"roberta", SIZES ",\"type_vocab_size\":1", 8, 1, true, false, "hidden_act", 0, 0},
    {"xlm-roberta", SIZES ",\"type_vocab_size\":1,\"pad_token_id\":3", 6, 1, true, false, "hidden_act", 0, 0},
    {"camembert", SIZES ",\"pad_token_id\":0", 9, 2, true, false, "hidden_act", 0, 0},
    {"mpnet", SIZES ",\"pad_token_id\":3", 8, 0, true, true, "hidden_act", 0, 0},
    {"nomic_bert", SIZES, 10, 2, false, false, "hidden_act", 0, 0},
    {"nomic_bert",
     "\"n_embd\":4,\"n_inner\":6,\"n_positions\":10,\"n_head\":2,\"n_layer\":2,\"vocab_size\":5,"
     "\"type_vocab_size\":0,\"activation_function\":\"swiglu\",\"rotary_emb_base\":1000,\"auto_map\":"
     "{\"AutoModel\":\"nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel\"}",
     10, 0, false, false, "hidden_act", 0, 0},
    {"nomic_bert",
     SIZES ",\"type_vocab_size\":1,\"num_experts\":3,\"moe_top_k\":2,\"moe_every_n_layers\":2,\"moe_impl\":"
           "\"megablocks\",\"activation_function\":\"gelu\",\"qkv_proj_bias\":true",
     10, 1, false, false, NULL, 0, 0},
    {"modernbert", SIZES, 10, 0, false, false, "hidden_activation", 0, 0},
    {"qwen3", SIZES ",\"num_key_value_heads\":1,\"head_dim\":6", 10, 0, false, false, "hidden_act", 6, 1},
    {"gemma3_text", SIZES ",\"num_key_value_heads\":1,\"head_dim\":4", 10, 0, false, false,
     "hidden_activation", 4, 1},
    {"gte", SIZES, 10, 1, false, false, "hidden_act", 0, 0},
    {"new",
     SIZES ",\"type_vocab_size\":0,\"auto_map\":{\"AutoModel\":\"Alibaba-NLP/new-impl--modeling.NewModel\"}",
     10, 0, false, false, "hidden_act", 0, 0},
    {"bert",
     SIZES
     ",\"feed_forward_type\":\"geglu\",\"position_embedding_type\":\"alibi\",\"auto_map\":{\"AutoModel\":"
     "\"jinaai/jina-bert-implementation--modeling_bert.JinaBertModel\"}",
     10, 2, false, false, NULL, 0, 0},
    {"bert",
     SIZES
     ",\"feed_forward_type\":\"geglu\",\"position_embedding_type\":\"alibi\",\"auto_map\":{\"AutoModel\":"
     "\"jinaai/jina-bert-v2-qk-post-norm--modeling_bert.JinaBertModel\"}",
     10, 2, false, false, NULL, 0, 0},
    /* With the publisher's code beside the weights. */
    {"bert",
     SIZES
     ",\"feed_forward_type\":\"reglu\",\"position_embedding_type\":\"alibi\",\"auto_map\":{\"AutoModel\":"
     "\"modeling_bert.JinaBertModel\"},\"_name_or_path\":\"jinaai/jina-bert-v2-qk-post-norm\"",
     10, 2, false, false, NULL, 0, 0},
    {"distilbert",
     "\"dim\":4,\"hidden_dim\":6,\"max_position_embeddings\":10,\"n_heads\":2,\"n_layers\":2,\"vocab_size\":"
     "5",
     10, 0, false, false, "activation", 0, 0},
};
#define CASES (sizeof cases / sizeof cases[0])

static const model_family *find(const struct family_case *c)
{
    if (strstr(c->fields, "num_experts") != NULL)
        return &family_nomic_moe;
    return model_family_find(c->type, strstr(c->fields, "JinaBertModel") != NULL ? "JinaBertModel" : NULL,
                             c->fields);
}

static void put_config(const struct family_case *c, const char *more)
{
    char text[1500];
    snprintf(text, sizeof text, "{\"model_type\":\"%s\",%s%s}", c->type, c->fields, more);
    tiny_put(folder, "config.json", text);
}

static size_t length_of(const struct family_case *c, tensor_extent extent)
{
    const size_t head_size = c->head_size > 0 ? c->head_size : 2;
    switch (extent) {
    case TENSOR_VOCABULARY:
        return 5;
    case TENSOR_POSITIONS:
        return 10;
    case TENSOR_TYPES:
        return c->token_types;
    case TENSOR_HIDDEN:
        return 4;
    case TENSOR_INTERMEDIATE:
        return 6;
    case TENSOR_HEADS:
        return 2;
    case TENSOR_BUCKETS:
        return 32;
    case TENSOR_QUERY:
        return 2 * head_size;
    case TENSOR_KEY:
        return (c->pairs > 0 ? c->pairs : 2) * head_size;
    case TENSOR_HEAD:
        return head_size;
    case TENSOR_EXPERTS:
        return 3;
    case TENSOR_EXPERT_ROWS:
        return 3 * 6;
    case TENSOR_ROWS: /* test_static_model.c */
    case TENSOR_NONE:
        break;
    }
    return 0;
}

/* A file in the making: `left_out` is the number of the tensor that it lacks, which is named in `missing`. */
typedef struct weights_maker {
    tensor_file file;
    const struct family_case *c;
    size_t left_out, tensors, bound; /* bound: those that the tables find, parts of a tensor by themselves */
    char missing[200];
} weights_maker;

/* By the case's "moe_every_n_layers", which is 2. */
static bool is_in_layer(const tensor_row *r, size_t layer)
{
    switch (r->layers) {
    case TENSOR_NOT_IN_FIRST:
        return layer > 0;
    case TENSOR_IN_MIXTURES:
        return layer == 1;
    case TENSOR_NOT_IN_MIXTURES:
        return layer != 1;
    case TENSOR_IN_EVERY_LAYER:
        break;
    }
    return true;
}

static void add_table(weights_maker *w, const tensor_table *table, const char *stem, size_t layer)
{
    char name[160];
    for (size_t i = 0; i < table->count; i++) {
        const tensor_row *r = &table->rows[i];
        const size_t rows = length_of(w->c, r->rows), columns = length_of(w->c, r->columns);
        const size_t parts = r->parts > 0 ? r->parts : 1;
        if ((r->rows != TENSOR_NONE && rows == 0) || !is_in_layer(r, layer))
            continue;
        w->bound++;
        if (r->part > 0)
            continue;
        snprintf(name, sizeof name, "%s%s", stem, r->name);
        if (w->tensors++ == w->left_out)
            snprintf(w->missing, sizeof w->missing, "lacks the tensor '%s'", name);
        else
            tensor_file_add(&w->file, name, "F32", 4, rows * parts, rows == 0 ? columns * parts : columns);
    }
}

static weights_maker put_weights(const struct family_case *c, bool prefixed, size_t left_out)
{
    const model_family *family = find(c);
    char path[PATH_MAX], stem[100];
    weights_maker w = {.c = c, .left_out = left_out};
    tensor_file_begin(&w.file);
    const char *prefix = prefixed ? family->prefix : "";
    add_table(&w, family->embeddings, prefix, 0);
    for (size_t l = 0; l < 2; l++) {
        snprintf(stem, sizeof stem, "%s%s%zu.", prefix, family->layers_prefix, l);
        add_table(&w, family->layer, stem, l);
    }
    tiny_path(path, folder, "model.safetensors");
    tensor_file_end(&w.file, path, 0);
    return w;
}

static void each_reads_its_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const struct family_case *c = &cases[i];
        put_config(c, "");
        for (int prefixed = 0; prefixed < 2; prefixed++) {
            const size_t count = put_weights(c, prefixed != 0, SIZE_MAX).bound;
            model *m = NULL;
            aki_error error;
            if (model_open(&m, folder, &error) != AKI_OK)
                fail_msg("%s: %s", c->type, error.message);
            const model_config *config = model_configuration(m);
            assert_string_equal(config->family->type, c->type);
            assert_int_equal(config->hidden_size, 4);
            assert_int_equal(config->intermediate_size, 6);
            assert_int_equal(config->layers, 2);
            assert_int_equal(config->head_size, c->head_size > 0 ? c->head_size : 2);
            assert_int_equal(config->max_positions, c->max_positions);
            assert_int_equal(config->token_types, c->token_types);
            assert_int_equal(config->graph.positions_skip_padding, c->skips_padding);
            assert_int_equal(config->graph.relative_bias, c->relative_bias);
            assert_int_equal(model_position_rows(config), 10);
            /* No tensor of the lists is set that no table has. */
            const model_weights *w = model_weights_of(m);
            size_t bound = 0;
            for (size_t t = 0; t < MODEL_OUTER_TENSORS; t++)
                bound += w->tensors[t].data != NULL;
            for (size_t l = 0; l < 2; l++)
                for (size_t t = 0; t < MODEL_LAYER_TENSORS; t++)
                    bound += w->layers[l].tensors[t].data != NULL;
            assert_int_equal(bound, count);
            model_close(m);
        }
        for (size_t left_out = 1, tensors = 2; left_out < tensors; left_out++) {
            const weights_maker w = put_weights(c, false, left_out);
            tensors = w.tensors;
            if (left_out < tensors)
                tiny_expect(folder, c->type, AKI_MODEL_INVALID, w.missing);
        }
    }
}

static void refuse(const struct family_case *c, const char *more, const char *message)
{
    char what[300];
    snprintf(what, sizeof what, "%s with %s", c->type, more);
    put_config(c, more);
    tiny_expect(folder, what, AKI_MODEL_UNSUPPORTED, message);
}

/* Of every family. */
static void refuses_what_is_not_implemented(void **state)
{
    (void)state;
    static const char *const activations[] = {"tanh",       "mish",    "quick_gelu", "gelu_10",
                                              "leaky_relu", "relu2",   "relu6",      "sigmoid",
                                              "hardswish",  "laplace", "linear",     "prelu"};
    static const struct {
        const char *field, *message;
    } all[] =
        {
            {",\"quantization_config\":{\"quant_method\":\"gptq\"}",
             "\"quantization_config\" is set to {\"quant_method\":\"gptq\"}; supported"},
            {",\"pruned_heads\":{\"0\":[1]}", "\"pruned_heads\" is set"},
            {",\"adapters\":{\"a\":1}", "\"adapters\" is set"},
            {",\"auto_map\":{\"AutoModel\":\"modeling.Own\"}",
             "\"auto_map\" names code of the model's own for AutoModel (modeling.Own)"},
        },
      of_bert[] = {
          {",\"is_decoder\":true", "\"is_decoder\" is 'true'; supported: false"},
          {",\"add_cross_attention\":true", "\"add_cross_attention\" is 'true'"},
          {",\"position_embedding_type\":\"alibi\"", "\"position_embedding_type\" is 'alibi'"},
          {",\"position_embedding_type\":\"rotary\"", "\"position_embedding_type\" is 'rotary'"},
          {",\"position_embedding_type\":\"relative_key\"", "'relative_key'; supported: absolute"},
          {",\"position_embedding_type\":\"relative_key_query\"", "'relative_key_query'"},
      };
    for (size_t i = 0; i < CASES; i++) {
        const struct family_case *c = &cases[i];
        for (size_t a = 0; c->activation_key != NULL && a < sizeof activations / sizeof activations[0]; a++) {
            char field[100], message[100];
            snprintf(field, sizeof field, ",\"%s\":\"%s\"", c->activation_key, activations[a]);
            snprintf(message, sizeof message, "\"%s\" is '%s'; supported: gelu,", c->activation_key,
                     activations[a]);
            refuse(c, field, message);
        }
        for (size_t f = 0; f < sizeof all / sizeof all[0]; f++)
            if (strstr(c->fields, "auto_map") == NULL || strstr(all[f].field, "auto_map") == NULL)
                refuse(c, all[f].field, all[f].message);
        for (size_t f = 0; f < sizeof of_bert / sizeof of_bert[0]; f++)
            if (find(c)->layer == &family_bert_layer)
                refuse(c, of_bert[f].field, of_bert[f].message);
    }
}

/* Fields of single families that say something not implemented; each is named in the message. */
static const struct family_refusal {
    const char *type, *field, *message;
} refusals[] = {
#define FLAGS(type, key)                                                                                     \
    {                                                                                                        \
        type, ",\"" key "\":true", "\"" key "\" is 'true'; supported: false"                                 \
    }
    FLAGS("nomic_bert", "is_decoder"),
    FLAGS("nomic_bert", "add_cross_attention"),
    FLAGS("nomic_bert", "causal"),
    FLAGS("nomic_bert", "prenorm"),
    FLAGS("nomic_bert", "use_rms_norm"),
    FLAGS("nomic_bert", "parallel_block"),
    FLAGS("nomic_bert", "parallel_block_tied_norm"),
    FLAGS("nomic_bert", "qkv_proj_bias"),
    FLAGS("nomic_bert", "mlp_fc1_bias"),
    FLAGS("nomic_bert", "mlp_fc2_bias"),
    FLAGS("nomic_bert", "attention_bias"),
    FLAGS("nomic_bert", "mlp_bias"),
    FLAGS("nomic_bert", "scale_attn_by_inverse_layer_idx"),
    FLAGS("nomic_bert", "reorder_and_upcast_attn"),
    FLAGS("nomic_bert", "rotary_emb_interleaved"),
    FLAGS("nomic_bert", "use_alibi"),
    FLAGS("nomic_bert", "expert_choice_router"),
    {"nomic_bert", ",\"scale_attn_weights\":false", "\"scale_attn_weights\" is 'false'; supported: true"},
    {"nomic_bert", ",\"rotary_emb_fraction\":0.5", "\"rotary_emb_fraction\" is 0.5; supported: 1"},
    {"nomic_bert", ",\"rotary_emb_scale_base\":512", "\"rotary_emb_scale_base\" is set"},
    {"nomic_bert", ",\"rotary_scaling_factor\":2", "\"rotary_scaling_factor\" is set"},
    {"nomic_bert", ",\"rope_scaling\":{\"type\":\"dynamic\"}", "\"rope_scaling\" is set"},
    {"nomic_bert", ",\"activation_function\":\"gelu\"",
     "\"activation_function\" is 'gelu'; supported: swiglu"},
    {"nomic_bert", ",\"moe_every_n_layers\":2", "\"moe_every_n_layers\" is 2; supported: 0"},
    {"nomic_bert", ",\"ffn_div\":2", "\"ffn_div\" is 2; supported: 1"},
    {"nomic_bert", ",\"num_key_value_heads\":1", "\"num_key_value_heads\" is set"},
    {"nomic_bert", ",\"sliding_window\":128", "\"sliding_window\" is set"},
    {"nomic_bert", ",\"rope_parameters\":{\"rope_type\":\"yarn\"}",
     "\"rope_parameters.rope_type\" is 'yarn'; supported: default, linear"},
    {"nomic_bert", ",\"rope_parameters\":{\"rope_type\":\"dynamic\"}", "is 'dynamic'"},
    {"nomic_bert", ",\"rope_parameters\":{\"rope_type\":\"llama3\"}", "is 'llama3'"},
    {"nomic_bert", ",\"rope_parameters\":{\"rope_type\":\"longrope\"}", "is 'longrope'"},
    {"nomic_bert", ",\"rope_parameters\":{\"partial_rotary_factor\":0.5}",
     "\"rope_parameters.partial_rotary_factor\" is 0.5; supported: 1"},
    {"nomic_bert", ",\"rope_parameters\":{\"mrope_section\":[1]}",
     "\"rope_parameters.mrope_section\" is set"},
    {"nomic_bert", ",\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1}}",
     "is given by kind of layer"},
    {"modernbert", ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"yarn\"}}",
     "\"rope_parameters.rope_type\" is 'yarn'; supported: default, linear"},
    {"modernbert", ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"dynamic\"}}",
     "\"rope_parameters.rope_type\" is 'dynamic'; supported: default, linear"},
    {"modernbert", ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"llama3\"}}",
     "\"rope_parameters.rope_type\" is 'llama3'; supported: default, linear"},
    {"modernbert", ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"longrope\"}}",
     "\"rope_parameters.rope_type\" is 'longrope'; supported: default, linear"},
    {"modernbert", ",\"rope_parameters\":{\"sliding_attention\":{\"rope_type\":\"yarn\"}}",
     "is 'yarn'; supported: default, linear"},
    {"modernbert", ",\"rope_parameters\":{\"rope_theta\":5.0}",
     "\"rope_parameters\" is not given by kind of layer"},
    {"modernbert", ",\"rope_parameters\":{\"full_attention\":{\"partial_rotary_factor\":0.5}}",
     "\"rope_parameters.partial_rotary_factor\" is 0.5"},
    {"modernbert", ",\"rope_parameters\":{\"full_attention\":{\"attention_factor\":2}}",
     "\"rope_parameters.attention_factor\" is set"},
    {"gemma3_text", ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"yarn\"}}",
     "\"rope_parameters.rope_type\" is 'yarn'; supported: default, linear"},
    {"gemma3_text", ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"dynamic\"}}",
     "\"rope_parameters.rope_type\" is 'dynamic'; supported: default, linear"},
    {"gemma3_text", ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"llama3\"}}",
     "\"rope_parameters.rope_type\" is 'llama3'; supported: default, linear"},
    {"gemma3_text", ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"longrope\"}}",
     "\"rope_parameters.rope_type\" is 'longrope'; supported: default, linear"},
    {"gemma3_text", ",\"rope_parameters\":{\"sliding_attention\":{\"rope_type\":\"yarn\"}}",
     "is 'yarn'; supported: default, linear"},
    {"gemma3_text", ",\"rope_parameters\":{\"rope_theta\":5.0}",
     "\"rope_parameters\" is not given by kind of layer"},
    {"gemma3_text", ",\"rope_parameters\":{\"full_attention\":{\"partial_rotary_factor\":0.5}}",
     "\"rope_parameters.partial_rotary_factor\" is 0.5"},
    {"gemma3_text", ",\"rope_parameters\":{\"full_attention\":{\"attention_factor\":2}}",
     "\"rope_parameters.attention_factor\" is set"},
    {"qwen3", ",\"rope_parameters\":{\"rope_type\":\"yarn\"}",
     "\"rope_parameters.rope_type\" is 'yarn'; supported: default, linear"},
    {"qwen3", ",\"rope_parameters\":{\"rope_type\":\"dynamic\"}",
     "\"rope_parameters.rope_type\" is 'dynamic'; supported: default, linear"},
    {"qwen3", ",\"rope_parameters\":{\"rope_type\":\"llama3\"}",
     "\"rope_parameters.rope_type\" is 'llama3'; supported: default, linear"},
    {"qwen3", ",\"rope_parameters\":{\"rope_type\":\"longrope\"}",
     "\"rope_parameters.rope_type\" is 'longrope'; supported: default, linear"},
    {"qwen3", ",\"rope_parameters\":{\"sliding_attention\":{\"rope_theta\":5.0}}",
     "\"rope_parameters\" is given by kind of layer"},
    {"qwen3", ",\"rope_parameters\":{\"partial_rotary_factor\":0.5}",
     "\"rope_parameters.partial_rotary_factor\" is 0.5"},
    {"qwen3", ",\"rope_parameters\":{\"attention_factor\":2}", "\"rope_parameters.attention_factor\" is set"},
    {"qwen3", ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}",
     "\"rope_scaling.rope_type\" is 'dynamic'"},
    {"qwen3", ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2}",
     "\"rope_scaling.rope_type\" is 'yarn'"},
    {"qwen3", ",\"rope_scaling\":{\"type\":\"linear\",\"mixed_b\":1}", "\"rope_scaling.mixed_b\" is set"},
    {"gte", ",\"rope_parameters\":{\"rope_type\":\"yarn\"}",
     "\"rope_parameters.rope_type\" is 'yarn'; supported: default, linear, ntk"},
    {"gte", ",\"rope_parameters\":{\"rope_type\":\"dynamic\"}",
     "\"rope_parameters.rope_type\" is 'dynamic'; supported: default, linear, ntk"},
    {"gte", ",\"rope_parameters\":{\"rope_type\":\"llama3\"}",
     "\"rope_parameters.rope_type\" is 'llama3'; supported: default, linear, ntk"},
    {"gte", ",\"rope_parameters\":{\"rope_type\":\"longrope\"}",
     "\"rope_parameters.rope_type\" is 'longrope'; supported: default, linear, ntk"},
    {"gte", ",\"rope_parameters\":{\"sliding_attention\":{\"rope_theta\":5.0}}",
     "\"rope_parameters\" is given by kind of layer"},
    {"gte", ",\"rope_parameters\":{\"partial_rotary_factor\":0.5}",
     "\"rope_parameters.partial_rotary_factor\" is 0.5"},
    {"gte", ",\"rope_parameters\":{\"attention_factor\":2}", "\"rope_parameters.attention_factor\" is set"},
    {"gte", ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}",
     "\"rope_scaling.rope_type\" is 'dynamic'"},
    {"gte", ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2}",
     "\"rope_scaling.rope_type\" is 'yarn'"},
    {"gte", ",\"rope_scaling\":{\"type\":\"linear\",\"mixed_b\":1}", "\"rope_scaling.mixed_b\" is set"},
    {"modernbert", ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}", "\"rope_scaling\" is set"},
    {"gemma3_text", ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}", "\"rope_scaling\" is set"},
    {"modernbert", ",\"layer_types\":[\"full_attention\",\"chunked_attention\"]",
     "\"layer_types\" is 'chunked_attention'; supported: full_attention, sliding_attention"},
    {"modernbert", ",\"layer_types\":[\"linear_attention\",\"full_attention\"]",
     "\"layer_types\" is 'linear_attention'"},
    {"gemma3_text", ",\"layer_types\":[\"full_attention\",\"chunked_attention\"]",
     "\"layer_types\" is 'chunked_attention'; supported: full_attention, sliding_attention"},
    {"gemma3_text", ",\"layer_types\":[\"linear_attention\",\"full_attention\"]",
     "\"layer_types\" is 'linear_attention'"},
    {"qwen3", ",\"layer_types\":[\"full_attention\",\"chunked_attention\"]",
     "\"layer_types\" is 'chunked_attention'; supported: full_attention, sliding_attention"},
    {"qwen3", ",\"layer_types\":[\"linear_attention\",\"full_attention\"]",
     "\"layer_types\" is 'linear_attention'"},
    {"qwen3", ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]",
     "\"layer_types\" is 'sliding_attention'; supported: full_attention"},
    FLAGS("modernbert", "attention_bias"),
    FLAGS("modernbert", "mlp_bias"),
    FLAGS("modernbert", "norm_bias"),
    FLAGS("modernbert", "is_decoder"),
    FLAGS("modernbert", "add_cross_attention"),
    FLAGS("modernbert", "is_causal"),
    {"modernbert", ",\"num_key_value_heads\":1", "\"num_key_value_heads\" is set"},
    {"modernbert", ",\"head_dim\":4", "\"head_dim\" is set"},
    FLAGS("qwen3", "attention_bias"),
    FLAGS("qwen3", "mlp_bias"),
    FLAGS("qwen3", "use_sliding_window"),
    FLAGS("qwen3", "use_bidirectional_attention"),
    FLAGS("qwen3", "add_cross_attention"),
    FLAGS("qwen3", "use_mrope"),
    {"qwen3", ",\"num_experts\":8", "\"num_experts\" is 8; supported: 0"},
    {"qwen3", ",\"partial_rotary_factor\":0.5", "\"partial_rotary_factor\" is 0.5; supported: 1"},
    {"qwen3", ",\"attn_logit_softcapping\":50.0", "\"attn_logit_softcapping\" is set"},
    {"gemma3_text", ",\"num_experts\":8", "\"num_experts\" is 8; supported: 0"},
    {"gemma3_text", ",\"partial_rotary_factor\":0.5", "\"partial_rotary_factor\" is 0.5; supported: 1"},
    {"gemma3_text", ",\"attn_logit_softcapping\":50.0", "\"attn_logit_softcapping\" is set"},
    {"qwen3", ",\"rope_scaling\":{\"rope_type\":\"ntk\",\"factor\":2}",
     "\"rope_scaling.rope_type\" is 'ntk'; supported: default, linear"},
    FLAGS("gemma3_text", "attention_bias"),
    FLAGS("gemma3_text", "mlp_bias"),
    FLAGS("gemma3_text", "add_cross_attention"),
    {"gemma3_text", ",\"hidden_size_per_layer_input\":4", "\"hidden_size_per_layer_input\" is set"},
    {"gemma3_text", ",\"laurel_rank\":4", "\"laurel_rank\" is set"},
    {"gemma3_text", ",\"global_head_dim\":4", "\"global_head_dim\" is set"},
    {"gemma3_text", ",\"num_kv_shared_layers\":2", "\"num_kv_shared_layers\" is 2; supported: 0"},
    FLAGS("gte", "logn_attention_scale"),
    FLAGS("gte", "logn_attention_clip1"),
    FLAGS("gte", "is_decoder"),
    FLAGS("gte", "add_cross_attention"),
    {"gte", ",\"position_embedding_type\":\"absolute\"",
     "\"position_embedding_type\" is 'absolute'; supported: rope"},
    {"gte", ",\"position_embedding_type\":\"alibi\"",
     "\"position_embedding_type\" is 'alibi'; supported: rope"},
    {"gte", ",\"layer_norm_type\":\"rms_norm\"", "\"layer_norm_type\" is 'rms_norm'; supported: layer_norm"},
    {"gte", ",\"pack_qkv\":false", "\"pack_qkv\" is 'false'; supported: true"},
    {"gte", ",\"num_key_value_heads\":1", "\"num_key_value_heads\" is set"},
    {"gte", ",\"head_dim\":4", "\"head_dim\" is set"},
    {"gte", ",\"partial_rotary_factor\":0.25", "\"partial_rotary_factor\" is 0.25"},
};

static void refuses_fields_of_single_families(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        for (size_t c = 0; c < CASES; c++)
            if (strcmp(cases[c].type, refusals[i].type) == 0) {
                refuse(&cases[c], refusals[i].field, refusals[i].message);
                break;
            }
}

static void refuses_single_fields(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        aki_status status;
        const char *message;
    } rows[] = {
        {"\"model_type\":\"electra\"," SIZES, AKI_MODEL_UNSUPPORTED,
         "\"embedding_size\" is 128; supported: that of \"hidden_size\", 4"},
        {"\"model_type\":\"mpnet\",\"relative_attention_num_buckets\":16," SIZES, AKI_MODEL_UNSUPPORTED,
         "\"relative_attention_num_buckets\" is 16; supported: 32"},
        {"\"model_type\":\"distilbert\",\"hidden_size\":4", AKI_MODEL_UNSUPPORTED, "\"hidden_size\" is set"},
        {"\"model_type\":\"distilbert\",\"num_hidden_layers\":4", AKI_MODEL_UNSUPPORTED,
         "\"num_hidden_layers\" is set"},
        {"\"model_type\":\"distilbert\",\"num_attention_heads\":4", AKI_MODEL_UNSUPPORTED,
         "\"num_attention_heads\" is set"},
        {"\"model_type\":\"distilbert\",\"dim\":5,\"n_heads\":2", AKI_MODEL_INVALID,
         "\"dim\" (5) is not a multiple of \"n_heads\" (2)"},
#define MIXTURE "\"model_type\":\"nomic_bert\"," SIZES ",\"num_experts\":8"
#define TOP_2 MIXTURE ",\"moe_every_n_layers\":2,\"moe_top_k\":2"
        {MIXTURE, AKI_MODEL_INVALID, "has \"num_experts\" but no \"moe_every_n_layers\""},
        {MIXTURE ",\"moe_every_n_layers\":2", AKI_MODEL_INVALID, "but no \"moe_top_k\""},
        {MIXTURE ",\"moe_every_n_layers\":1,\"moe_top_k\":2", AKI_MODEL_INVALID, "\"moe_every_n_layers\""},
        {MIXTURE ",\"moe_every_n_layers\":2,\"moe_top_k\":9", AKI_MODEL_INVALID,
         "\"moe_top_k\" (9) is above \"num_experts\" (8)"},
        {"\"model_type\":\"nomic_bert\"," SIZES ",\"num_experts\":65", AKI_MODEL_INVALID, "\"num_experts\""},
        {TOP_2 ",\"moe_normalize_expert_weights\":true", AKI_MODEL_UNSUPPORTED,
         "\"moe_normalize_expert_weights\" is 'true'; supported: false"},
        {TOP_2 ",\"moe_impl\":\"tutel\"", AKI_MODEL_UNSUPPORTED, "\"moe_impl\" is 'tutel'"},
        {TOP_2 ",\"num_shared_experts\":1", AKI_MODEL_UNSUPPORTED,
         "\"num_shared_experts\" is 1; supported: 0"},
        {TOP_2 ",\"expert_choice_router\":true", AKI_MODEL_UNSUPPORTED, "\"expert_choice_router\" is 'true'"},
        {TOP_2 ",\"ffn_div\":2", AKI_MODEL_UNSUPPORTED, "\"ffn_div\" is 2; supported: 1"},
        {TOP_2 ",\"activation_function\":\"swiglu\"", AKI_MODEL_UNSUPPORTED,
         "\"activation_function\" is 'swiglu'; supported: gelu"},
        {TOP_2 ",\"hidden_act\":\"silu\"", AKI_MODEL_UNSUPPORTED,
         "\"hidden_act\" is 'silu'; supported: gelu"},
        {TOP_2 ",\"qkv_proj_bias\":false", AKI_MODEL_UNSUPPORTED, "\"qkv_proj_bias\" is 'false'"},
        {TOP_2 ",\"mlp_fc1_bias\":false", AKI_MODEL_UNSUPPORTED, "\"mlp_fc1_bias\" is 'false'"},
        {TOP_2 ",\"mlp_fc2_bias\":false", AKI_MODEL_UNSUPPORTED, "\"mlp_fc2_bias\" is 'false'"},
        {TOP_2 ",\"prenorm\":true", AKI_MODEL_UNSUPPORTED, "\"prenorm\" is 'true'"},
#define JINA                                                                                                 \
    "\"model_type\":\"bert\",\"auto_map\":{\"AutoModel\":\"jinaai/x--modeling_bert.JinaBertModel\"}," SIZES
        {JINA, AKI_MODEL_UNSUPPORTED, "\"position_embedding_type\" is 'absolute'; supported: alibi"},
        {JINA ",\"position_embedding_type\":\"alibi\"", AKI_MODEL_UNSUPPORTED,
         "\"feed_forward_type\" is 'original'; supported: geglu, reglu"},
        {JINA ",\"position_embedding_type\":\"alibi\",\"feed_forward_type\":\"glu\"", AKI_MODEL_UNSUPPORTED,
         "\"feed_forward_type\" is 'glu'"},
        {JINA ",\"use_qk_norm\":true", AKI_MODEL_UNSUPPORTED, "\"use_qk_norm\" is 'true'"},
        {JINA ",\"is_decoder\":true", AKI_MODEL_UNSUPPORTED, "\"is_decoder\" is 'true'"},
        {JINA ",\"add_cross_attention\":true", AKI_MODEL_UNSUPPORTED, "\"add_cross_attention\" is 'true'"},
        {JINA ",\"use_flash_attn_rotary\":true", AKI_MODEL_UNSUPPORTED,
         "\"use_flash_attn_rotary\" is 'true'"},
        {JINA ",\"lora_adaptations\":[\"a\"]", AKI_MODEL_UNSUPPORTED, "\"lora_adaptations\" is set"},
        {JINA ",\"rope_scaling\":{\"type\":\"linear\"}", AKI_MODEL_UNSUPPORTED, "\"rope_scaling\" is set"},
        {JINA ",\"num_key_value_heads\":1", AKI_MODEL_UNSUPPORTED, "\"num_key_value_heads\" is set"},
        {"\"model_type\":\"qwen3\",\"num_key_value_heads\":3," SIZES, AKI_MODEL_INVALID,
         "\"num_attention_heads\" (2) is not a multiple of \"num_key_value_heads\" (3)"},
        {"\"model_type\":\"qwen3\",\"num_key_value_heads\":2,\"head_dim\":3," SIZES, AKI_MODEL_INVALID,
         "rotary positions need heads of even size, not 3"},
        {"\"model_type\":\"modernbert\",\"layer_types\":[\"full_attention\"]," SIZES, AKI_MODEL_INVALID,
         "\"layer_types\" must be an array of 2 texts"},
        {"\"model_type\":\"gte\",\"rope_parameters\":[1]," SIZES, AKI_MODEL_INVALID,
         "\"rope_parameters\" must be an object"},
        {"\"model_type\":\"roberta\",\"pad_token_id\":-1," SIZES, AKI_MODEL_INVALID,
         "\"pad_token_id\" must be a whole number"},
        {"\"model_type\":\"roberta\",\"pad_token_id\":8," SIZES, AKI_MODEL_INVALID,
         "\"max_position_embeddings\" (10) leaves no positions behind that of padding (8)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[700];
        snprintf(text, sizeof text, "{%s}", rows[i].config);
        tiny_put(folder, "config.json", text);
        tiny_expect(folder, text, rows[i].status, rows[i].message);
    }
}

static void refuses_other_families_by_name(void **state)
{
    (void)state;
    static const char *const types[] = {"modernbert-decoder",
                                        "qwen2",
                                        "qwen3_moe",
                                        "gemma3",
                                        "gemma2",
                                        "jina_bert",
                                        "mistral",
                                        "llama",
                                        "albert",
                                        "deberta",
                                        "deberta-v2",
                                        "t5",
                                        "mt5",
                                        "xlnet",
                                        "longformer",
                                        "big_bird",
                                        "funnel",
                                        "mobilebert",
                                        "squeezebert",
                                        "layoutlm",
                                        "clip",
                                        "ernie",
                                        "megatron-bert",
                                        "roformer",
                                        "eurobert",
                                        "neobert",
                                        "gpt2",
                                        "xlm",
                                        "xlm-roberta-xl",
                                        "roberta-prelayernorm",
                                        "data2vec-text",
                                        "BERT",
                                        ""};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char message[300];
        const struct family_case c = {.type = types[i], .fields = SIZES};
        snprintf(
            message, sizeof message,
            "\"model_type\" is '%s'; supported: bert, camembert, distilbert, electra, "
            "gemma3_text, gte, model2vec, modernbert, mpnet, new, nomic_bert, qwen3, roberta, xlm-roberta",
            types[i]);
        refuse(&c, "", message);
    }
}

static int make_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    tiny_put_configuration(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reads_its_folder),
        cmocka_unit_test(refuses_what_is_not_implemented),
        cmocka_unit_test(refuses_fields_of_single_families),
        cmocka_unit_test(refuses_single_fields),
        cmocka_unit_test(refuses_other_families_by_name),
    };
    return cmocka_run_group_tests(tests, make_folder, NULL);
}
