/* Fuzzes the configuration files of a model folder, beside weights that fit the tiny model. The input is a pack of
 * the files. The configuration of a model that opens must agree with itself. modules.json is also read by the
 * planning of a download. */
#include "unit.h"

#include "fuzz.h"
#include "model/tiny_model.h"
#include "scratch.h"

#include <math.h>

#include "hub/snapshot.h"
#include "model/limits.h"

static void check_model(const model *m)
{
    const model_config *c = model_configuration(m);
    FUZZ_CHECK(model_is_static(c) || (c->heads > 0 && c->head_size > 0));
    FUZZ_CHECK(c->graph.key_value_heads == 0 || c->heads % c->graph.key_value_heads == 0);
    FUZZ_CHECK(c->max_tokens >= MODEL_MIN_TOKENS && c->max_tokens <= c->max_positions);
    FUZZ_CHECK(c->layers <= MODEL_MAX_LAYERS);
    FUZZ_CHECK(c->layer_norm_epsilon >= 0 && c->layer_norm_epsilon < 1e30F);
    const model_heads *heads = model_heads_of(m);
    FUZZ_CHECK(heads->count > 0 && heads->steps[0].kind == MODEL_HEAD_POOLING && heads->dimension > 0);
    for (size_t i = 0; i < heads->steps[0].poolings_count; i++)
        FUZZ_CHECK(heads->steps[0].poolings[i] != AKI_POOLING_MODEL);
    for (size_t i = 1; i < heads->count; i++) {
        const model_head *step = &heads->steps[i];
        FUZZ_CHECK(step->inputs == heads->steps[i - 1].outputs);
        if (step->kind == MODEL_HEAD_DENSE)
            FUZZ_CHECK(isfinite(step->weight[step->inputs * step->outputs - 1]));
        if (step->kind == MODEL_HEAD_DENSE || step->kind == MODEL_HEAD_LAYER_NORM)
            FUZZ_CHECK(isfinite(step->bias[step->outputs - 1]));
    }
    const model_prompts *prompts = model_prompts_of(m);
    for (size_t i = 0; i < prompts->count; i++)
        FUZZ_CHECK(prompts->items[i].name != NULL &&
                   prompts->items[i].text[prompts->items[i].length] == '\0');
    FUZZ_CHECK(heads->dimension <= heads->steps[heads->count - 1].outputs);
    /* The tensors have the sizes that the configuration says: their last elements can be read. */
    const model_weights *w = model_weights_of(m);
    float last;
    const size_t rows = model_is_static(c) ? c->matrix_rows : c->vocabulary_size;
    tensor_read_f32(&w->word_embeddings, rows * c->hidden_size - 1, 1, &last);
    for (size_t i = 0; w->token_rows != NULL && i < c->vocabulary_size; i++)
        FUZZ_CHECK(w->token_rows[i] < rows);
    FUZZ_CHECK(w->token_weights == NULL || isfinite(w->token_weights[c->vocabulary_size - 1]));
    if (model_is_static(c))
        return;
    if (w->position_embeddings.data != NULL)
        tensor_read_f32(&w->position_embeddings, c->max_positions * c->hidden_size - 1, 1, &last);
    tensor_read_f32(&w->layers[c->layers - 1].output.weight, c->hidden_size * c->intermediate_size - 1, 1,
                    &last);
}

static void check_plan(void)
{
    char path[SCRATCH_PATH_MAX];
    snapshot_plan plan;
    aki_error error = {.message = ""};
    scratch_path(path, SNAPSHOT_MODULES_FILE);
    if (snapshot_make_plan(path, &plan, &error) != AKI_OK) {
        FUZZ_CHECK(error.message[0] != '\0');
        return;
    }
    FUZZ_CHECK(plan.count <= SNAPSHOT_FILES_MAX);
    for (size_t i = 0; i < plan.count; i++)
        FUZZ_CHECK(repo_file_name_valid(plan.files[i].name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool has_weights;
    if (!has_weights) {
        tiny_put_weights(scratch_folder(), "", 0);
        has_weights = true;
    }
    pack_part parts[] = {{.name = "modules.json"},
                         {.name = "config.json"},
                         {.name = "sentence_bert_config.json"},
                         {.name = "config_sentence_transformers.json"},
                         {.name = "tokenizer_config.json"},
                         {.name = "1_Pooling/config.json"},
                         {.name = "2_Dense/config.json"},
                         {.name = "2_Dense/model.safetensors"},
                         {.name = "3_LayerNorm/config.json"},
                         {.name = "3_LayerNorm/model.safetensors"},
                         {.name = "0_StaticEmbedding/config.json"},
                         {.name = "0_StaticEmbedding/model.safetensors"}};
    pack_read(data, size, parts, sizeof parts / sizeof parts[0]);
    pack_write_files(parts, sizeof parts / sizeof parts[0]);
    model *m = NULL;
    aki_error error = {.message = ""};
    if (model_open(&m, scratch_folder(), &error) == AKI_OK)
        check_model(m);
    else
        FUZZ_CHECK(m == NULL && error.message[0] != '\0' && error.hint[0] != '\0');
    model_close(m);
    if (parts[0].data != NULL)
        check_plan();
    return 0;
}
