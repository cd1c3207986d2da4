/* The dialect of Hugging Face's Text Embeddings Inference (TEI): POST /embed, /similarity, /tokenize and /decode, GET
 * /info; and POST /, where its clients send to by the bare URL: an object with sentences is /similarity, else the route for
 * the model's kind.
 *
 * One of its clients repeats a 503 at once and for ever. What passes is therefore 429, which none repeats: overload as in
 * TEI, and a model that is loading or a server that stops as well. */
#include "api/tei.h"

#include "api/field.h"
#include "api/float_text.h"
#include "api/input.h"
#include "api/options.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/memory.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TEI_EMBED, TEI_SIMILARITY };
#define TAIL_BYTES 64
/* {"id":…,"text":"…","special":false,"start":…,"stop":…}, without the text. */
#define TOKEN_BYTES 104
/* A vocabulary's longest token, with all its bytes escaped. */
#define TOKEN_TEXT_BYTES 1200

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);

static const api_hint hints[] = {API_HINTS_WITHOUT_PARAM, {HTTP_ERROR_TOTAL, NULL}};

const api_dialect tei_dialect = {.text_field = "inputs",
                                 .example = "{\"inputs\":[\"hello\"]}",
                                 .any_media_type = true,
                                 .bare_key = true,
                                 .hints = hints,
                                 .write_error = write_error};

static const api_field fields[] = {{"truncate", option_truncate},     {"truncation_direction", option_side},
                                   {"prompt_name", option_prompt},    {"normalize", option_normalize},
                                   {"dimensions", option_dimensions}, {NULL, NULL}};

/* ---- Vectors ------------------------------------------------------------------------------------------ */

bool tei_embed_fields(api_call *call, const api_service *service, http_error *error)
{
    return options_read(call, call->root, fields, service, error) &&
           input_read(call, "inputs", json_object_get(call->root, "inputs"), INPUT_STRING | INPUT_IDS,
                      service, error) &&
           input_cut(call, service, error);
}

static bool read_embed(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    return input_load(call, request, "inputs", service, error) && tei_embed_fields(call, service, error);
}

/* The list of the source and the sentences, kept in the tree. */
static json_t *join_sentences(json_t *inputs)
{
    json_t *all = json_array();
    if (json_array_append(all, json_object_get(inputs, "source_sentence")) != 0 ||
        json_array_extend(all, json_object_get(inputs, "sentences")) != 0) {
        json_decref(all);
        return NULL;
    }
    return json_object_set_new(inputs, "all", all) == 0 ? all : NULL; /* takes the list over in any case */
}

static bool read_sentences(api_call *call, const api_service *service, http_error *error)
{
    static const api_field own[] = {{"truncate", option_truncate},
                                    {"truncation_direction", option_side},
                                    {"prompt_name", option_prompt},
                                    {NULL, NULL}};
    json_t *inputs = json_object_get(call->root, "inputs");
    const json_t *source = json_object_get(inputs, "source_sentence"),
                 *sentences = json_object_get(inputs, "sentences");
    call->variant = TEI_SIMILARITY;
    if (!json_is_string(source))
        return field_refuse_type(error, "source_sentence", "a string", source);
    if (!json_is_array(sentences))
        return field_refuse_type(error, "sentences", "a list of strings", sentences);
    if (json_array_size(sentences) == 0) {
        http_error_set(error, HTTP_ERROR_EMPTY_INPUT, "sentences", "`inputs.sentences` cannot be empty");
        return false;
    }
    const json_t *all = join_sentences(inputs);
    if (all == NULL) {
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the sentences");
        return false;
    }
    return options_read(call, json_object_get(call->root, "parameters"), own, service, error) &&
           input_read(call, "sentences", all, 0, service, error) && input_cut(call, service, error);
}

static bool read_similarity(api_call *call, const api_request *request, const api_service *service,
                            http_error *error)
{
    if (!input_load(call, request, "inputs", service, error))
        return false;
    const json_t *inputs = json_object_get(call->root, "inputs");
    if (inputs == NULL) {
        http_error_set(error, HTTP_ERROR_MISSING_FIELD, "inputs", "the field inputs is missing");
        return false;
    }
    if (!json_is_object(inputs))
        return field_refuse_type(error, "inputs", "an object with source_sentence and sentences", inputs);
    return read_sentences(call, service, error);
}

static bool read_root(api_call *call, const api_request *request, const api_service *service,
                      http_error *error)
{
    bool done;
    if (!input_load(call, request, "inputs", service, error))
        return false;
    if (tei_root_classifies(call, service, &done, error))
        return done;
    if (json_is_object(json_object_get(call->root, "inputs")))
        return read_sentences(call, service, error);
    if (encoder_task(service->enc) != AKI_TASK_SPARSE)
        return tei_embed_fields(call, service, error);
    call->as = &tei_embed_sparse;
    return tei_embed_sparse_fields(call, service, error);
}

static size_t bound_vectors(const api_call *call, const api_result *result, const api_service *service)
{
    (void)service;
    const size_t all = vector_json_bound(call, result, 8);
    return all < SIZE_MAX - TAIL_BYTES ? all + TAIL_BYTES : SIZE_MAX;
}

static double cosine(const float *a, const float *b, size_t dimension)
{
    double product = 0, aa = 0, bb = 0;
    for (size_t d = 0; d < dimension; d++) {
        product += (double)a[d] * b[d];
        aa += (double)a[d] * a[d];
        bb += (double)b[d] * b[d];
    }
    return aa > 0 && bb > 0 ? product / sqrt(aa * bb) : 0;
}

static aki_status write_similarities(const api_result *result, buf *out, aki_error *error)
{
    for (size_t i = 1; i < result->count; i++) {
        char text[FLOAT_TEXT_MAX];
        const float *vector = result->vectors + i * result->dimension;
        const size_t length =
            float_text_write((float)cosine(result->vectors, vector, result->dimension), text);
        if (length == 0)
            return error_set(error, AKI_NOT_FINITE, "the similarity of sentence %zu is no number", i - 1);
        buf_append_char(out, i > 1 ? ',' : '[');
        buf_append(out, text, length);
    }
    buf_append_string(out, "]\n");
    return AKI_OK;
}

static aki_status write_vectors(const api_call *call, const api_result *result, const api_service *service,
                                buf *out, aki_error *error)
{
    (void)service;
    if (call->variant == TEI_SIMILARITY)
        return write_similarities(result, out, error);
    vector_json_writer w;
    aki_status status = vector_json_writer_open(&w, call, result, error);
    if (status == AKI_OK)
        status = vector_json_append_all(&w, API_OUTPUT_FLOAT, out, error);
    vector_json_writer_close(&w);
    buf_append_char(out, '\n');
    return status;
}

/* ---- Tokens ------------------------------------------------------------------------------------------- */

static const api_field tokenize_fields[] = {{"prompt_name", option_prompt}, {NULL, NULL}};

/* A call without texts for the scheduler: its strings are read again when the reply is written. */
bool tei_tokenize_fields(api_call *call, const api_service *service, http_error *error)
{
    bool special = true;
    if (!options_read(call, call->root, tokenize_fields, service, error))
        return false;
    json_t *inputs = json_object_get(call->root, "inputs");
    const json_t *flag = json_object_get(call->root, "add_special_tokens");
    if (flag != NULL && !json_is_null(flag) &&
        !field_read_switch(flag, "add_special_tokens", &special, error))
        return false;
    aki_text prompt;
    if (!input_read(call, "inputs", inputs, INPUT_STRING | INPUT_EMPTY, service, error) ||
        !options_prompt(call, service, &prompt, error))
        return false;
    call->count = 0;
    call->keeps_input = true;
    call->variant = special;
    return true;
}

static bool read_tokenize(api_call *call, const api_request *request, const api_service *service,
                          http_error *error)
{
    if (!input_load(call, request, "inputs", service, error))
        return false;
    if (field_given(call->root, "inputs") != NULL || field_given(call->root, "content") == NULL)
        return tei_tokenize_fields(call, service, error);
    call->as = &llamacpp_tokenize;
    return llamacpp_tokenize_fields(call, service, error);
}

/* `inputs` as a list of texts, whatever its shape. */
static size_t count_inputs(const json_t *inputs)
{
    return json_is_array(inputs) ? json_array_size(inputs) : 1;
}

static size_t bound_tokens(const api_call *call, const api_result *result, const api_service *service)
{
    (void)result, (void)service;
    return TAIL_BYTES + 8 * count_inputs(json_object_get(call->root, "inputs")) +
           TEI_MAX_TOKENS * (TOKEN_BYTES + TOKEN_TEXT_BYTES);
}

static aki_status tell_tokens(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text, bool special,
                              size_t *left, void (*tell)(void *cookie, const tei_token *token), void *cookie,
                              aki_error *error)
{
    token_span span;
    aki_status status = tokenizer_encode(tok, scratch, text, 0, &span, error);
    if (status != AKI_OK)
        return status;
    if (span.count > *left)
        return error_set(error, AKI_REQUEST_TOO_LONG, "the inputs have more than %zu tokens", TEI_MAX_TOKENS);
    *left -= span.count;
    token_place *places = mem_alloc(span.count, sizeof *places);
    if (places == NULL || !token_offsets(tok, text, &span, places)) {
        mem_free(places);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the offsets of the tokens");
    }
    const size_t before = tokenizer_special_before(tok), all = tokenizer_special_count(tok);
    const size_t from = special ? 0 : before, to = special ? span.count : span.count - (all - before);
    for (size_t i = from; i < to; i++) {
        const char *spelt = tokenizer_token_text(tok, span.ids[i]);
        tell(cookie, &(tei_token){.id = span.ids[i],
                                  .text = spelt != NULL ? spelt : "",
                                  .special = tokenizer_is_special(tok, span.ids[i]),
                                  .place = places[i]});
    }
    mem_free(places);
    return AKI_OK;
}

aki_status tei_each_token(const api_call *call, size_t index, const api_service *service, size_t *left,
                          void (*tell)(void *cookie, const tei_token *token), void *cookie, aki_error *error)
{
    const tokenizer *tok = encoder_tokenizer(service->enc);
    aki_text prompt;
    buf room;
    buf_init(&room, 0);
    aki_status status = encoder_read_options(service->enc, &call->options, &prompt, error);
    if (status != AKI_OK)
        return status;
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    const aki_text text = encoder_join(&room, prompt, call->texts[index]);
    status = scratch != NULL && text.data != NULL
                 ? tell_tokens(tok, scratch, text, call->variant != 0, left, tell, cookie, error)
                 : error_set(error, AKI_OUT_OF_MEMORY, "no memory to tokenize");
    buf_free(&room);
    tokenizer_scratch_close(scratch);
    return status;
}

static void write_token(void *cookie, const tei_token *token)
{
    buf *out = cookie;
    if (out->data[out->length - 1] != '[')
        buf_append_char(out, ',');
    buf_printf(out, "{\"id\":%d,\"text\":", (int)token->id);
    json_text_append_string(out, token->text);
    buf_printf(out, ",\"special\":%s,", token->special ? "true" : "false");
    if (token->place.start == TOKEN_PLACE_NONE)
        buf_append_string(out, "\"start\":null,\"stop\":null}");
    else
        buf_printf(out, "\"start\":%u,\"stop\":%u}", token->place.start, token->place.end);
}

static aki_status write_tokens(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    (void)result;
    const json_t *inputs = json_object_get(call->root, "inputs");
    size_t left = TEI_MAX_TOKENS;
    aki_status status = AKI_OK;
    buf_append_char(out, '[');
    for (size_t i = 0; i < count_inputs(inputs) && status == AKI_OK; i++) {
        buf_append_string(out, i > 0 ? ",[" : "[");
        status = out->failed ? error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply")
                             : tei_each_token(call, i, service, &left, write_token, out, error);
        buf_append_char(out, ']');
    }
    if (!buf_append_string(out, "]\n") && status == AKI_OK)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    return status;
}

static bool check_ids(const json_t *list, size_t *left, http_error *error)
{
    size_t index;
    const json_t *id;
    json_array_foreach(list, index, id)
    {
        if (!json_is_integer(id))
            return field_refuse_type(error, "ids", "a list of token ids, or a list of such lists", id);
        if (json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX || (*left)-- == 0) {
            http_error_set(error, HTTP_ERROR_INVALID_VALUE, "ids",
                           "ids holds a number that is no token id, or more "
                           "than %zu of them",
                           TEI_MAX_TOKENS);
            return false;
        }
    }
    return true;
}

bool tei_decode_fields(api_call *call, const api_service *service, http_error *error)
{
    bool skip = true;
    size_t left = TEI_MAX_TOKENS, index;
    const json_t *item;
    if (!tokenizer_decodes(encoder_tokenizer(service->enc))) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "ids",
                       "the model's tokenizer.json has a decoder of a kind that is not implemented here");
        return false;
    }
    const json_t *ids = json_object_get(call->root, "ids"),
                 *flag = json_object_get(call->root, "skip_special_tokens");
    if (ids == NULL) {
        http_error_set(error, HTTP_ERROR_MISSING_FIELD, "ids", "the field ids is missing");
        return false;
    }
    if (!json_is_array(ids))
        return field_refuse_type(error, "ids", "a list of token ids, or a list of such lists", ids);
    if (json_array_size(ids) == 0) {
        http_error_set(error, HTTP_ERROR_EMPTY_INPUT, "ids", "`ids` cannot be empty");
        return false;
    }
    if (flag != NULL && !json_is_null(flag) && !field_read_switch(flag, "skip_special_tokens", &skip, error))
        return false;
    call->keeps_input = true;
    call->variant = skip;
    if (!json_is_array(json_array_get(ids, 0)))
        return check_ids(ids, &left, error);
    json_array_foreach(ids, index, item)
    {
        if (!json_is_array(item))
            return field_refuse_type(error, "ids", "a list of lists of token ids", item);
        if (!check_ids(item, &left, error))
            return false;
    }
    return true;
}

static bool read_decode(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    return input_load(call, request, "ids", service, error) && tei_decode_fields(call, service, error);
}

static size_t bound_decoded(const api_call *call, const api_result *result, const api_service *service)
{
    (void)result, (void)service;
    return TAIL_BYTES + 8 * json_array_size(json_object_get(call->root, "ids")) +
           TEI_MAX_TOKENS * TOKEN_TEXT_BYTES;
}

bool tei_decode_list(const api_service *service, const json_t *list, bool skips_special, buf *text)
{
    size_t index;
    const json_t *id;
    int32_t *ids = mem_alloc(json_array_size(list), sizeof *ids);
    if (ids == NULL)
        return false;
    json_array_foreach(list, index, id)
    {
        ids[index] = (int32_t)json_integer_value(id);
    }
    const bool done =
        tokenizer_decode(encoder_tokenizer(service->enc), ids, json_array_size(list), skips_special, text);
    mem_free(ids);
    return done;
}

static aki_status write_decoded(const api_call *call, const api_result *result, const api_service *service,
                                buf *out, aki_error *error)
{
    (void)result;
    const json_t *ids = json_object_get(call->root, "ids");
    const bool nested = json_is_array(json_array_get(ids, 0));
    bool done = true;
    buf text;
    buf_init(&text, TEI_MAX_TOKENS * TOKEN_TEXT_BYTES);
    buf_append_char(out, '[');
    for (size_t i = 0; i < (nested ? json_array_size(ids) : 1) && done; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        buf_clear(&text);
        done = tei_decode_list(service, nested ? json_array_get(ids, i) : ids, call->variant != 0, &text) &&
               json_text_append(out, text.data != NULL ? text.data : "", text.length);
    }
    buf_free(&text);
    if (!buf_append_string(out, "]\n") || !done)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    return AKI_OK;
}

/* ---- The model ---------------------------------------------------------------------------------------- */

static bool read_info(api_call *call, const api_request *request, const api_service *service,
                      http_error *error)
{
    (void)call, (void)request;
    if (service->enc == NULL)
        http_error_set(error, HTTP_ERROR_LOADING, NULL, "the model is still being loaded");
    return service->enc != NULL;
}

const char *tei_type_name(aki_precision precision)
{
    switch (precision) {
    case AKI_PRECISION_BF16:
        return "bfloat16";
    case AKI_PRECISION_INT8:
        return "int8";
    case AKI_PRECISION_INT4:
        return "int4";
    case AKI_PRECISION_AUTO:
    case AKI_PRECISION_FP32:
        break;
    }
    return "float32";
}

static const char *pooling_of(aki_pooling pooling)
{
    return pooling == AKI_POOLING_CLS    ? "cls"
           : pooling == AKI_POOLING_MAX  ? "max"
           : pooling == AKI_POOLING_LAST ? "last_token"
                                         : "mean";
}

/* "model_type": the pooling of an embedding model, SPLADE being one in TEI, or the labels of a classifier. */
static void write_type(const api_service *service, aki_pooling pooling, buf *out)
{
    if (encoder_task(service->enc) == AKI_TASK_SPARSE) {
        buf_append_string(out, "{\"embedding\":{\"pooling\":\"splade\"}}");
        return;
    }
    if (encoder_task(service->enc) == AKI_TASK_EMBED) {
        buf_printf(out, "{\"embedding\":{\"pooling\":\"%s\"}}", pooling_of(pooling));
        return;
    }
    const char *label;
    buf_printf(out, "{\"%s\":{\"id2label\":{",
               encoder_dimension(service->enc) == 1 ? "reranker" : "classifier");
    for (size_t i = 0; (label = encoder_label(service->enc, i)) != NULL; i++) {
        buf_printf(out, "%s\"%zu\":", i > 0 ? "," : "", i);
        json_text_append_string(out, label);
    }
    buf_append_string(out, "},\"label2id\":{");
    for (size_t i = 0; (label = encoder_label(service->enc, i)) != NULL; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        json_text_append_string(out, label);
        buf_printf(out, ":%zu", i);
    }
    buf_append_string(out, "}}}");
}

/* Labels stand there twice. */
static size_t bound_info(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call, (void)result;
    size_t all = API_SMALL_REPLY_BYTES;
    const char *label;
    for (size_t i = 0; (label = encoder_label(service->enc, i)) != NULL; i++)
        all += 2 * (6 * strlen(label) + 32);
    return all;
}

static aki_status write_info(const api_call *call, const api_result *result, const api_service *service,
                             buf *out, aki_error *error)
{
    (void)call, (void)result, (void)error;
    aki_model_info info;
    encoder_describe(service->enc, &info);
    const size_t most = encoder_max_tokens(service->enc);
    buf_append_string(out, "{\"model_id\":");
    json_text_append_string(out, service->model_name);
    buf_printf(out,
               ",\"model_sha\":null,\"model_dtype\":\"%s\",\"model_type\":", tei_type_name(info.precision));
    write_type(service, info.default_pooling, out);
    buf_printf(out,
               ","
               "\"max_concurrent_requests\":%zu,\"max_input_length\":%zu,\"max_batch_tokens\":%zu,"
               "\"max_batch_requests\":null,\"max_client_batch_size\":%zu,\"auto_truncate\":true,"
               "\"tokenization_workers\":%u,\"version\":\"%s\",\"sha\":null,\"docker_label\":null}\n",
               service->max_requests, most, info.max_pass_tokens > most ? info.max_pass_tokens : most,
               service->max_texts, service->http_threads, aki_version());
    return AKI_OK;
}

/* ---- Errors ------------------------------------------------------------------------------------------- */

typedef struct tei_kind {
    unsigned status;
    const char *name;
} tei_kind;

static tei_kind kind_of(http_error_code code)
{
    const unsigned status = http_error_status(code);
    if (code == HTTP_ERROR_EMPTY_INPUT || code == HTTP_ERROR_EMPTY_TEXT)
        return (tei_kind){400, "Empty"};
    if (code == HTTP_ERROR_WRONG_TASK)
        return (tei_kind){424, "Backend"};
    if (code == HTTP_ERROR_NO_TOKENS)
        return (tei_kind){422, "Tokenizer"};
    if (status == 400 && code != HTTP_ERROR_BAD_REQUEST && code != HTTP_ERROR_INVALID_ENCODING)
        return (tei_kind){422, "Validation"};
    if (status == 429 || status == 503)
        return (tei_kind){429, "Overloaded"};
    if (status >= 500)
        return (tei_kind){424, "Backend"};
    return (tei_kind){status, "Validation"};
}

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    (void)request_id;
    char text[API_ERROR_TEXT_BYTES];
    const tei_kind kind = kind_of(error->code);
    api_error_text(error, &tei_dialect, service, text);
    buf_append_string(out, "{\"error\":");
    json_text_append_visible(out, text, strlen(text));
    buf_printf(out, ",\"error_type\":\"%s\"}\n", kind.name);
    return kind.status;
}

#define INPUTS "'inputs':{'$ref':'#/components/schemas/TextsOrIds'}"
#define SENTENCES                                                                                            \
    "'inputs':{'type':'object','required':['source_sentence','sentences'],'properties':{"                    \
    "'source_sentence':{'type':'string'},'sentences':{'type':'array','minItems':1,"                          \
    "'items':{'type':'string'}}}},'parameters':{'type':['object','null']}"
#define VECTORS "{'$ref':'#/components/schemas/Vectors'}"
#define SCORES "{'$ref':'#/components/schemas/Vector'}"

static const api_description embed_form = {
    .members = INPUTS, .fields = {fields}, .required = "'inputs'", .reply = VECTORS};
static const api_description root_form = {.members = "'inputs':{},'parameters':{}",
                                          .fields = {fields},
                                          .required = "'inputs'",
                                          .reply = "{'anyOf':[" VECTORS "," SCORES ",{'type':'array'}]}"};
static const api_description similarity_form = {
    .members = SENTENCES,
    .required = "'inputs'",
    .example = "{'inputs':{'source_sentence':'hello','sentences':['good day','apple']}}",
    .reply = SCORES};
static const api_description tokenize_form = {
    .members =
        "'inputs':{'$ref':'#/components/schemas/Texts'},'add_special_tokens':{'type':['boolean','null']}",
    .fields = {tokenize_fields},
    .required = "'inputs'",
    .reply = "{'type':'array','items':{'type':'array','items':{'type':'object',"
             "'required':['id','text','special','start','stop']}}}"};
static const api_description decode_form = {
    .members = "'ids':{'type':'array','minItems':1},'skip_special_tokens':{'type':['boolean','null']}",
    .required = "'ids'",
    .example = "{'ids':[101,7592,102]}",
    .reply = "{'type':'array','items':{'type':'string'}}"};
static const api_description info_form = {
    .reply = "{'type':'object','required':['model_id','model_type','max_input_length','version']}"};

const api_operation tei_embed = {&tei_dialect, read_embed, bound_vectors, write_vectors, &embed_form};
const api_operation tei_root = {&tei_dialect, read_root, bound_vectors, write_vectors, &root_form};
const api_operation tei_similarity = {&tei_dialect, read_similarity, bound_vectors, write_vectors,
                                      &similarity_form};
const api_operation tei_tokenize = {&tei_dialect, read_tokenize, bound_tokens, write_tokens, &tokenize_form};
const api_operation tei_decode = {&tei_dialect, read_decode, bound_decoded, write_decoded, &decode_form};
const api_operation tei_info = {&tei_dialect, read_info, bound_info, write_info, &info_form};
