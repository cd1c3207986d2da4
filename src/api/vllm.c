/* vLLM's own routes: POST /score and /v1/score, POST /pooling, POST /classify. Its /v1/embeddings are OpenAI's (openai.c), its
 * /rerank is in rerank.c.
 *
 * /score gives a score for each pair of texts, in their order. The two sides have names of several ages: queries and documents or
 * items, text_1 and text_2, data_1 and data_2. Each is a text or a list; one text stands beside all of the other side's.
 *
 * /pooling gives what its field "task" names: a vector for each text ("embed") or for each token ("token_embed"), or a
 * classifier's scores ("classify"). Without it the model's kind decides; a body with two sides is scored as pairs. Scores of
 * single tokens ("token_classify") are not computed. */
#include "api/api.h"

#include "api/field.h"
#include "api/float_text.h"
#include "api/input.h"
#include "api/options.h"
#include "api/ranking.h"
#include "api/vector_json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/memory.h"

#include <string.h>

/* {"index":…,"object":"score","score":…} */
#define ITEM_BYTES 64
/* {"index":…,"object":"pooling","data":…}, {"index":…,"label":…,"probs":…,"num_classes":…}, and the place in "truncated". */
#define POOLED_BYTES 128
#define TAIL_BYTES 512

/* ---- /score -------------------------------------------------------------------------------------------- */

static const api_field fields[] = {{"model", option_model},
                                   {"truncate_prompt_tokens", option_max_tokens},
                                   {"truncation_side", option_side},
                                   {"use_activation", option_activation},
                                   {"activation", option_activation},
                                   {"priority", option_priority},
                                   {"instruction", option_instruction},
                                   {NULL, NULL}};

static const struct {
    const char *first, *second;
} names[] = {{"queries", "documents"}, {"queries", "items"}, {"text_1", "text_2"}, {"data_1", "data_2"}};
#define NAMES (sizeof names / sizeof names[0])

/* The names that the body has; NAMES where it has none. */
static size_t names_of(const json_t *root)
{
    size_t i = 0;
    while (i < NAMES && field_given(root, names[i].second) == NULL)
        i++;
    return i;
}

static bool read_pairs(api_call *call, const api_service *service, http_error *error)
{
    const size_t found = names_of(call->root), of = found < NAMES ? found : 0;
    call->scores = AKI_SCORES_PROBABILITY;
    return ranking_fits(service, ENCODER_RERANKS, error) &&
           options_read(call, call->root, fields, service, error) &&
           ranking_read_sides(call, names[of].first, names[of].second, INPUT_STRING, service, error);
}

static bool read_score(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    return input_load(call, request, "documents", service, error) && read_pairs(call, service, error);
}

static size_t bound_score(const api_call *call, const api_result *result, const api_service *service)
{
    return ranking_bound(call, result, ITEM_BYTES) + 6 * strlen(service->model_name);
}

static aki_status write_score(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    aki_status status = AKI_OK;
    const size_t tokens = api_tokens(result);
    buf_append_string(out, "{\"id\":");
    json_text_append_string(out, result->request_id);
    buf_append_string(out, ",\"object\":\"list\",\"model\":");
    json_text_append_string(out, service->model_name);
    buf_append_string(out, ",\"data\":[");
    for (size_t i = 0; i < result->count && status == AKI_OK; i++) {
        float score = result->vectors[i];
        encoder_scores(service->enc, call->scores, &score);
        buf_printf(out, "%s{\"index\":%zu,\"object\":\"score\",\"score\":", i > 0 ? "," : "", i);
        status = ranking_append_score(score, i, out, error);
        buf_append_char(out, '}');
    }
    buf_printf(out, "],\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}\n", tokens, tokens);
    return status;
}

/* ---- /pooling and /classify ---------------------------------------------------------------------------- */

enum { EMBED, TOKEN_EMBED, CLASSIFY };

/* POST /pooling where the model is a classifier. */
static const api_operation pooled_scores;

static const api_field vector_fields[] = {{"encoding_format", option_format},
                                          {"dimensions", option_dimensions},
                                          {"normalize", option_normalize},
                                          {"use_activation", option_normalize},
                                          {"embed_dtype", option_float32},
                                          {"endianness", option_little_endian},
                                          {"truncate_prompt_tokens", option_max_tokens},
                                          {"truncation_side", option_side},
                                          {"add_special_tokens", option_always},
                                          {"priority", option_priority},
                                          {NULL, NULL}};
static const api_field class_fields[] = {
    {"encoding_format", option_format},   {"use_activation", option_activation},
    {"activation", option_activation},    {"embed_dtype", option_float32},
    {"endianness", option_little_endian}, {"truncate_prompt_tokens", option_max_tokens},
    {"truncation_side", option_side},     {"add_special_tokens", option_always},
    {"priority", option_priority},        {NULL, NULL}};
static const api_field model_field[] = {{"model", option_model}, {NULL, NULL}};

static bool read_texts(api_call *call, const api_service *service, http_error *error)
{
    const unsigned shapes = INPUT_STRING | INPUT_EMPTY | (service->takes_ids ? INPUT_IDS : 0);
    const json_t *chat = json_object_get(call->root, "messages");
    if (chat != NULL && !json_is_null(chat)) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "messages",
                       "messages of a chat are not taken; send the text in input");
        return false;
    }
    if (service->foreign_ids != NULL &&
        !cl100k_replace_ids(service->foreign_ids, call->root, "input", service->max_body_bytes, error))
        return false;
    return input_read(call, "input", json_object_get(call->root, "input"), shapes, service, error) &&
           options_check(call, service, error) && input_cut(call, service, error);
}

static bool read_classes(api_call *call, const api_service *service, http_error *error)
{
    call->variant = CLASSIFY;
    call->scores = AKI_SCORES_PROBABILITY;
    return ranking_fits(service, ENCODER_CLASSIFIES, error) &&
           options_read(call, call->root, class_fields, service, error) && read_texts(call, service, error);
}

static bool read_vectors(api_call *call, int task, const api_service *service, http_error *error)
{
    call->variant = task;
    call->output = task == TOKEN_EMBED ? ENCODER_TOKENS : ENCODER_VECTOR;
    if (!ranking_fits(service, ENCODER_EMBEDS, error) ||
        !options_read(call, call->root, vector_fields, service, error))
        return false;
    if (call->output == ENCODER_TOKENS && call->dimensions > 0) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "dimensions",
                       "the vectors of tokens are not cut: dimensions is for the task \"embed\"");
        return false;
    }
    call->outputs = call->packed ? API_OUTPUT_BASE64 : API_OUTPUT_FLOAT;
    return read_texts(call, service, error);
}

/* "encode" is what older clients call the vectors of tokens. */
static bool read_task(const json_t *root, const api_service *service, int *task, http_error *error)
{
    static const field_choice tasks[] = {{"embed", EMBED},
                                         {"token_embed", TOKEN_EMBED},
                                         {"encode", TOKEN_EMBED},
                                         {"classify", CLASSIFY},
                                         {NULL, 0}};
    const json_t *value = field_given(root, "task");
    *task = encoder_task(service->enc) == AKI_TASK_CLASSIFY ? CLASSIFY : EMBED;
    return value == NULL ||
           field_read_choice(value, "task", tasks, "\"embed\", \"token_embed\" or \"classify\"", task, error);
}

static bool read_pooling(api_call *call, const api_request *request, const api_service *service,
                         http_error *error)
{
    int task;
    if (!input_load(call, request, "input", service, error) ||
        !options_read(call, call->root, model_field, service, error))
        return false;
    const bool pairs = names_of(call->root) < NAMES;
    if (!pairs && !read_task(call->root, service, &task, error))
        return false;
    if (!pairs && task != CLASSIFY)
        return read_vectors(call, task, service, error);
    call->as = &pooled_scores;
    call->variant = CLASSIFY;
    return pairs ? read_pairs(call, service, error) : read_classes(call, service, error);
}

static bool read_classify(api_call *call, const api_request *request, const api_service *service,
                          http_error *error)
{
    const bool read = input_load(call, request, "input", service, error) &&
                      options_read(call, call->root, model_field, service, error) &&
                      read_classes(call, service, error);
    call->packed = false; /* "probs" is a list whatever encoding_format says */
    return read;
}

/* Numbers of one row, of which a text has one, or one for each token. */
static size_t row_of(const api_call *call, const api_result *result)
{
    return call->output == ENCODER_TOKENS ? result->dimension / call->token_room
                                          : vector_json_dimension(call, result);
}

static size_t bound_pooling(const api_call *call, const api_result *result, const api_service *service)
{
    const size_t rows = call->output == ENCODER_TOKENS ? api_tokens(result) : result->count;
    size_t all, rest = TAIL_BYTES + 6 * strlen(service->model_name);
    for (size_t i = 0; call->variant == CLASSIFY && encoder_label(service->enc, i) != NULL; i++)
        rest += 6 * result->count * strlen(encoder_label(service->enc, i));
    if (!size_mul(rows, row_of(call, result) * (FLOAT_TEXT_MAX + 1) + 3, &all) ||
        !size_add(all, POOLED_BYTES * result->count, &all) || !size_add(all, rest, &all))
        return SIZE_MAX;
    return all;
}

static aki_status append_tokens(const api_call *call, const api_result *result, const api_service *service,
                                size_t index, buf *out, aki_error *error)
{
    const size_t tokens = api_token_vectors(result, service, index), width = row_of(call, result);
    const float *vectors = result->vectors + index * result->dimension;
    aki_status status = AKI_OK;
    if (call->packed)
        return vector_json_write_base64(vectors, tokens * width, index, out, error);
    buf_append_char(out, '[');
    for (size_t t = 0; t < tokens && status == AKI_OK; t++) {
        if (t > 0)
            buf_append_char(out, ',');
        status = vector_json_write_numbers(vectors + t * width, width, index, out, error);
    }
    buf_append_char(out, ']');
    return status;
}

/* Fills `scores` [result->dimension] with those of a text and appends them. */
static aki_status append_scores(const api_call *call, const api_result *result, const api_service *service,
                                size_t index, float *scores, buf *out, aki_error *error)
{
    memcpy(scores, result->vectors + index * result->dimension, result->dimension * sizeof *scores);
    encoder_scores(service->enc, call->scores, scores);
    return call->packed ? vector_json_write_base64(scores, result->dimension, index, out, error)
                        : vector_json_write_numbers(scores, result->dimension, index, out, error);
}

static void begin_list(const api_result *result, const api_service *service, buf *out)
{
    buf_append_string(out, "{\"id\":");
    json_text_append_string(out, result->request_id);
    buf_printf(out,
               ",\"object\":\"list\",\"created\":%lld,\"model\":", (long long)(clock_wall_ns() / NS_PER_S));
    json_text_append_string(out, service->model_name);
    buf_append_string(out, ",\"data\":[");
}

static void end_list(const api_result *result, buf *out)
{
    const size_t tokens = api_tokens(result);
    buf_printf(out, "],\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}", tokens, tokens);
    api_append_truncated(result, out);
    buf_append_string(out, "}\n");
}

static aki_status write_pooling(const api_call *call, const api_result *result, const api_service *service,
                                buf *out, aki_error *error)
{
    vector_json_writer w;
    float *scores = mem_alloc(result->dimension, sizeof *scores);
    aki_status status = vector_json_writer_open(&w, call, result, error);
    if (scores == NULL && status == AKI_OK)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    begin_list(result, service, out);
    for (size_t i = 0; i < result->count && status == AKI_OK; i++) {
        buf_printf(out, "%s{\"index\":%zu,\"object\":\"pooling\",\"data\":", i > 0 ? "," : "", i);
        if (call->variant == CLASSIFY)
            status = append_scores(call, result, service, i, scores, out, error);
        else if (call->variant == TOKEN_EMBED)
            status = append_tokens(call, result, service, i, out, error);
        else
            status = vector_json_append(&w, i, (api_output)call->outputs, out, error);
        buf_append_char(out, '}');
    }
    end_list(result, out);
    vector_json_writer_close(&w);
    mem_free(scores);
    return status;
}

static size_t greatest(const float *scores, size_t count)
{
    size_t found = 0;
    for (size_t i = 1; i < count; i++)
        if (scores[i] > scores[found])
            found = i;
    return found;
}

static aki_status write_classify(const api_call *call, const api_result *result, const api_service *service,
                                 buf *out, aki_error *error)
{
    const size_t labels = result->dimension;
    float *scores = mem_alloc(labels, sizeof *scores);
    aki_status status =
        scores != NULL ? AKI_OK : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    begin_list(result, service, out);
    for (size_t i = 0; i < result->count && status == AKI_OK; i++) {
        buf_printf(out, "%s{\"index\":%zu,\"probs\":", i > 0 ? "," : "", i);
        status = append_scores(call, result, service, i, scores, out, error);
        buf_append_string(out, ",\"label\":");
        json_text_append_string(out, encoder_label(service->enc, greatest(scores, labels)));
        buf_printf(out, ",\"num_classes\":%zu}", labels);
    }
    end_list(result, out);
    mem_free(scores);
    return status;
}

/* ---- The operations ------------------------------------------------------------------------------------ */

#define SIDE "{'type':['string','array','null'],'items':{'type':'string'}}"
#define SIDES                                                                                                \
    "'queries':" SIDE ",'documents':" SIDE ",'items':" SIDE ",'text_1':" SIDE ",'text_2':" SIDE              \
    ",'data_1':" SIDE ",'data_2':" SIDE
#define LIST(item)                                                                                           \
    "{'type':'object','required':['id','object','data','model','usage'],'properties':{'data':{"              \
    "'type':'array','items':{'type':'object','required':" item "}},"                                         \
    "'usage':{'$ref':'#/components/schemas/Usage'}}}"

static const api_description score_form = {
    .members = SIDES,
    .fields = {fields},
    .example = "{'text_1':'what is a cat','text_2':['a cat is an animal','a car']}",
    .reply = LIST("['index','object','score']")};
static const api_description pooling_form = {
    .members = "'input':{'$ref':'#/components/schemas/Input'},'messages':{'type':'null'},"
               "'task':{'enum':['embed','token_embed','encode','classify',null]},"
               "'activation':{'type':['boolean','null']},'instruction':{'type':['string','null']}," SIDES,
    .fields = {model_field, vector_fields},
    .reply = LIST("['index','object','data']")};
static const api_description classify_form = {
    .members = "'input':{'$ref':'#/components/schemas/Input'},'messages':{'type':'null'}",
    .fields = {model_field, class_fields},
    .required = "'input'",
    .reply = LIST("['index','label','probs','num_classes']")};

const api_operation vllm_score = {&openai_dialect, read_score,  bound_score,
                                  write_score,     &score_form, .use = ENCODER_RERANKS};
const api_operation vllm_pooling = {&openai_dialect, read_pooling, bound_pooling, write_pooling,
                                    &pooling_form};
static const api_operation pooled_scores = {&openai_dialect, read_pooling,  bound_pooling,
                                            write_pooling,   &pooling_form, .use = ENCODER_CLASSIFIES};
const api_operation vllm_classify = {&openai_dialect, read_classify,  bound_pooling,
                                     write_classify,  &classify_form, .use = ENCODER_CLASSIFIES};
