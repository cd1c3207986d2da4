#include "api/options.h"

#include "api/field.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const field_choice outputs[] = {{"float", API_OUTPUT_FLOAT},
                                       {"base64", API_OUTPUT_BASE64},
                                       {"int8", API_OUTPUT_INT8},
                                       {"uint8", API_OUTPUT_UINT8},
                                       {"binary", API_OUTPUT_BINARY},
                                       {"ubinary", API_OUTPUT_UBINARY},
                                       {NULL, 0}};
#define OUTPUT_NAMES "\"float\", \"base64\", \"int8\", \"uint8\", \"binary\" or \"ubinary\""

bool options_read(api_call *call, const json_t *object, const api_field *fields, const api_service *service,
                  http_error *error)
{
    for (const api_field *f = fields; f->name != NULL; f++) {
        const json_t *value = json_object_get(object, f->name);
        if (value != NULL && !json_is_null(value) && !f->read(call, f->name, value, service, error))
            return false;
    }
    return true;
}

bool option_model(api_call *call, const char *name, const json_t *value, const api_service *service,
                  http_error *error)
{
    (void)call;
    if (!json_is_string(value))
        return field_refuse_type(error, name, "a string", value);
    return json_string_value(value)[0] == '\0' || api_choose_model_of(service, value, name, error);
}

bool option_format(api_call *call, const char *name, const json_t *value, const api_service *service,
                   http_error *error)
{
    (void)service;
    static const field_choice formats[] = {{"float", false}, {"base64", true}, {NULL, 0}};
    int chosen = 0;
    if (!field_read_word(value, name, formats, "\"float\" or \"base64\"", &chosen, error))
        return false;
    call->packed = chosen != 0;
    return true;
}

bool option_type(api_call *call, const char *name, const json_t *value, const api_service *service,
                 http_error *error)
{
    (void)service;
    int chosen = 0;
    if (!field_read_word(value, name, outputs, OUTPUT_NAMES, &chosen, error))
        return false;
    call->outputs = (unsigned)chosen;
    return true;
}

bool option_types(api_call *call, const char *name, const json_t *value, const api_service *service,
                  http_error *error)
{
    (void)service;
    if (!json_is_array(value))
        return field_refuse_type(error, name, "a list of types, like [\"float\"]", value);
    size_t index;
    const json_t *item;
    json_array_foreach(value, index, item)
    {
        char param[32];
        int chosen = 0;
        snprintf(param, sizeof param, "%.20s[%u]", name, (unsigned)(index % 1000));
        if (!field_read_word(item, param, outputs, OUTPUT_NAMES, &chosen, error))
            return false;
        call->outputs |= (unsigned)chosen;
    }
    return true;
}

bool option_type_or_types(api_call *call, const char *name, const json_t *value, const api_service *service,
                          http_error *error)
{
    return json_is_array(value) ? option_types(call, name, value, service, error)
                                : option_type(call, name, value, service, error);
}

static bool read_dimensions(api_call *call, const char *name, const json_t *value, json_int_t *asked,
                            http_error *error)
{
    if (!field_read_number(value, name, 1, asked, error))
        return false;
    call->dimensions = (size_t)*asked;
    return true;
}

bool option_dimensions(api_call *call, const char *name, const json_t *value, const api_service *service,
                       http_error *error)
{
    json_int_t asked;
    const size_t most = encoder_dimension(service->enc);
    if (!read_dimensions(call, name, value, &asked, error))
        return false;
    if (call->dimensions <= most)
        return true;
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, name, "%s is %lld%s; the model's vectors have %zu", name,
                   (long long)asked, field_beyond(asked), most);
    return false;
}

bool option_dimensions_at_most(api_call *call, const char *name, const json_t *value,
                               const api_service *service, http_error *error)
{
    (void)service;
    json_int_t asked;
    return read_dimensions(call, name, value, &asked, error);
}

bool option_truncate(api_call *call, const char *name, const json_t *value, const api_service *service,
                     http_error *error)
{
    (void)service;
    enum { NONE, START, END };
    static const field_choice ends[] = {{"none", NONE}, {"start", START}, {"end", END}, {NULL, 0}};
    int chosen = END;
    if (json_is_boolean(value)) {
        call->options.refuse_long = json_is_false(value);
        return true;
    }
    if (!json_is_string(value))
        return field_refuse_type(error, name, "true, false, \"NONE\", \"START\" or \"END\"", value);
    if (!field_read_word(value, name, ends, "\"NONE\", \"START\" or \"END\"", &chosen, error))
        return false;
    call->options.refuse_long = chosen == NONE;
    call->keep_tail = chosen == START;
    return true;
}

bool option_side(api_call *call, const char *name, const json_t *value, const api_service *service,
                 http_error *error)
{
    (void)service;
    static const field_choice sides[] = {{"right", false}, {"left", true}, {NULL, 0}};
    int chosen = 0;
    if (!field_read_word(value, name, sides, "\"right\" or \"left\"", &chosen, error))
        return false;
    call->keep_tail = chosen != 0;
    return true;
}

bool option_max_tokens(api_call *call, const char *name, const json_t *value, const api_service *service,
                       http_error *error)
{
    json_int_t asked;
    const json_int_t least = (json_int_t)tokenizer_special_count(encoder_tokenizer(service->enc)) + 1;
    if (!field_read_number(value, name, -1, &asked, error))
        return false;
    if (asked != -1 && asked < least) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, name, "%s must be at least %lld, or -1, not %lld%s",
                       name, (long long)least, (long long)asked, field_beyond(asked));
        return false;
    }
    call->max_tokens = asked > 0 ? (size_t)asked : 0;
    return true;
}

bool option_normalize(api_call *call, const char *name, const json_t *value, const api_service *service,
                      http_error *error)
{
    (void)service;
    bool on = true;
    if (!field_read_switch(value, name, &on, error))
        return false;
    call->options.normalize = on ? AKI_ON : AKI_OFF;
    return true;
}

bool option_priority(api_call *call, const char *name, const json_t *value, const api_service *service,
                     http_error *error)
{
    (void)service;
    static const field_choice priorities[] = {{"auto", SCHEDULER_PRIORITY_AUTO},
                                              {"interactive", SCHEDULER_PRIORITY_INTERACTIVE},
                                              {"bulk", SCHEDULER_PRIORITY_BULK},
                                              {NULL, 0}};
    int chosen = SCHEDULER_PRIORITY_AUTO;
    json_int_t number;
    if (json_is_string(value)) {
        if (!field_read_word(value, name, priorities, "\"auto\", \"interactive\" or \"bulk\"", &chosen,
                             error))
            return false;
        call->priority = (scheduler_priority)chosen;
        return true;
    }
    if (!field_read_number(value, name, -INT32_MAX, &number, error))
        return false;
    call->priority = number > 0   ? SCHEDULER_PRIORITY_BULK
                     : number < 0 ? SCHEDULER_PRIORITY_INTERACTIVE
                                  : SCHEDULER_PRIORITY_AUTO;
    return true;
}

/* A name that the model lists, or "" = as left out. The string stays the tree's. */
static bool take_prompt(api_call *call, const char *name, const json_t *value, const api_service *service,
                        http_error *error)
{
    const char *asked = json_string_value(value);
    if (asked[0] == '\0' && json_string_length(value) == 0)
        return true;
    if (strlen(asked) != json_string_length(value) || !encoder_has_prompt(service->enc, asked)) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, name, "the model has no prompt \"%.64s\"", asked);
        return false;
    }
    call->options.prompt_name = asked;
    return true;
}

/* The first of the names, ended by NULL, that is a prompt with a text; without any there is no prompt, not even the
 * default one, as in encode_query and encode_document of the reference. */
static void take_first_prompt(api_call *call, const char *const *names, const api_service *service)
{
    const char *name;
    aki_text text;
    call->options.prompt = (aki_text){"", 0};
    for (; *names != NULL; names++)
        for (size_t i = 0; encoder_prompt(service->enc, i, &name, &text); i++)
            if (text.length > 0 && strcmp(name, *names) == 0) {
                call->options.prompt = text;
                return;
            }
}

bool option_purpose(api_call *call, const char *name, const json_t *value, const api_service *service,
                    http_error *error)
{
    enum { QUERY, DOCUMENT };
    static const field_choice purposes[] = {{"query", QUERY},
                                            {"search_query", QUERY},
                                            {"retrieval.query", QUERY},
                                            {"document", DOCUMENT},
                                            {"passage", DOCUMENT},
                                            {"search_document", DOCUMENT},
                                            {"retrieval.passage", DOCUMENT},
                                            {NULL, 0}};
    static const char *const prompts[][6] = {
        [QUERY] = {"query", "search_query", "retrieval.query", NULL},
        [DOCUMENT] = {"document", "passage", "corpus", "search_document", "retrieval.passage", NULL}};
    if (!json_is_string(value))
        return field_refuse_type(error, name, "a string", value);
    const char *asked = json_string_value(value);
    for (const field_choice *purpose = purposes; purpose->name != NULL; purpose++)
        if (strcmp(purpose->name, asked) == 0) {
            take_first_prompt(call, prompts[purpose->value], service);
            return true;
        }
    /* "classification": a prompt where the model has one of that name, else of no effect */
    return !encoder_has_prompt(service->enc, asked) || take_prompt(call, name, value, service, error);
}

bool option_without_effect(api_call *call, const char *name, const json_t *value, const api_service *service,
                           http_error *error)
{
    (void)call, (void)service;
    return json_is_string(value) || field_refuse_type(error, name, "a string", value);
}

bool option_top(api_call *call, const char *name, const json_t *value, const api_service *service,
                http_error *error)
{
    (void)service;
    json_int_t asked;
    if (!field_read_number(value, name, 0, &asked, error))
        return false;
    call->top = (size_t)asked;
    return true;
}

bool option_instruction(api_call *call, const char *name, const json_t *value, const api_service *service,
                        http_error *error)
{
    if (!json_is_string(value))
        return field_refuse_type(error, name, "a string", value);
    if (encoder_takes_instruction(service->enc))
        call->instruction = (aki_text){json_string_value(value), json_string_length(value)};
    return true;
}

bool option_returns(api_call *call, const char *name, const json_t *value, const api_service *service,
                    http_error *error)
{
    (void)service;
    return field_read_switch(value, name, &call->returns_documents, error);
}

static bool read_raw(api_call *call, const char *name, const json_t *value, bool raw_is, http_error *error)
{
    bool on = false;
    if (!field_read_switch(value, name, &on, error))
        return false;
    call->scores = on == raw_is ? AKI_SCORES_RAW : AKI_SCORES_PROBABILITY;
    return true;
}

bool option_raw(api_call *call, const char *name, const json_t *value, const api_service *service,
                http_error *error)
{
    (void)service;
    return read_raw(call, name, value, true, error);
}

bool option_activation(api_call *call, const char *name, const json_t *value, const api_service *service,
                       http_error *error)
{
    (void)service;
    return read_raw(call, name, value, false, error);
}

bool option_second_tokens(api_call *call, const char *name, const json_t *value, const api_service *service,
                          http_error *error)
{
    (void)service;
    json_int_t asked;
    if (!field_read_number(value, name, 1, &asked, error))
        return false;
    call->second_tokens = (size_t)asked;
    return true;
}

bool option_prompt(api_call *call, const char *name, const json_t *value, const api_service *service,
                   http_error *error)
{
    return json_is_string(value) ? take_prompt(call, name, value, service, error)
                                 : field_refuse_type(error, name, "a string", value);
}

bool option_refused(api_call *call, const char *name, const json_t *value, const api_service *service,
                    http_error *error)
{
    (void)call, (void)service;
    bool on = false;
    if (!field_read_switch(value, name, &on, error))
        return false;
    if (on)
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, name, "%s is not implemented: it can only be false",
                       name);
    return !on;
}

bool option_always(api_call *call, const char *name, const json_t *value, const api_service *service,
                   http_error *error)
{
    (void)call, (void)service;
    bool on = true;
    if (!field_read_switch(value, name, &on, error))
        return false;
    if (!on)
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, name, "%s is always on here", name);
    return on;
}

bool option_float32(api_call *call, const char *name, const json_t *value, const api_service *service,
                    http_error *error)
{
    (void)call, (void)service;
    static const field_choice types[] = {{"float32", 0}, {"float", 0}, {NULL, 0}};
    int chosen;
    return field_read_word(value, name, types, "\"float32\"", &chosen, error);
}

bool option_little_endian(api_call *call, const char *name, const json_t *value, const api_service *service,
                          http_error *error)
{
    (void)call, (void)service;
    static const field_choice orders[] = {{"little", 0}, {"native", 0}, {NULL, 0}};
    int chosen;
    return field_read_word(value, name, orders, "\"little\" or \"native\"", &chosen, error);
}

bool options_check(const api_call *call, const api_service *service, http_error *error)
{
    const size_t most = encoder_dimension(service->enc);
    const size_t dimension = call->dimensions > 0 && call->dimensions < most ? call->dimensions : most;
    if ((call->outputs & (API_OUTPUT_BINARY | API_OUTPUT_UBINARY)) == 0 || dimension % 8 == 0)
        return true;
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, NULL,
                   "vectors of %zu numbers cannot be told as bits: the number must be divisible by 8",
                   dimension);
    return false;
}

const char *option_schema(api_option read)
{
    static const struct {
        api_option read;
        const char *schema;
    } schemas[] = {
        {option_model, "{'type':['string','null']}"},
        {option_format, "{'enum':['float','base64',null]}"},
        {option_type, "{'enum':['float','base64','int8','uint8','binary','ubinary',null]}"},
        {option_types, "{'type':['array','null'],'items':{'enum':['float','base64','int8','uint8','binary',"
                       "'ubinary']}}"},
        {option_type_or_types,
         "{'anyOf':[{'enum':['float','base64','int8','uint8','binary','ubinary',null]},"
         "{'type':'array','items':{'enum':['float','base64','int8','uint8','binary','ubinary']}}]}"},
        {option_dimensions, "{'type':['integer','null'],'minimum':1}"},
        {option_dimensions_at_most, "{'type':['integer','null'],'minimum':1}"},
        {option_truncate, "{'enum':[true,false,'NONE','START','END',null]}"},
        {option_side, "{'enum':['right','left',null]}"},
        {option_max_tokens, "{'type':['integer','null'],'minimum':-1}"},
        {option_normalize, "{'type':['boolean','null']}"},
        {option_priority, "{'anyOf':[{'type':['integer','null']},{'enum':['auto','interactive','bulk']}]}"},
        {option_purpose, "{'type':['string','null']}"},
        {option_top, "{'type':['integer','null'],'minimum':0}"},
        {option_returns, "{'type':['boolean','null']}"},
        {option_instruction, "{'type':['string','null']}"},
        {option_raw, "{'type':['boolean','null']}"},
        {option_activation, "{'type':['boolean','null']}"},
        {option_second_tokens, "{'type':['integer','null'],'minimum':1}"},
        {option_without_effect, "{'type':['string','null']}"},
        {option_prompt, "{'type':['string','null']}"},
        {option_refused, "{'enum':[false,null]}"},
        {option_always, "{'enum':[true,null]}"},
        {option_float32, "{'enum':['float32','float',null]}"},
        {option_little_endian, "{'enum':['little','native',null]}"},
    };
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++)
        if (schemas[i].read == read)
            return schemas[i].schema;
    return NULL;
}

bool options_prompt(const api_call *call, const api_service *service, aki_text *prompt, http_error *error)
{
    const aki_embed_options *o = &call->options;
    aki_error own;
    if (encoder_read_options(service->enc, o, prompt, &own) == AKI_OK)
        return true;
    const char *param = o->prompt_name != NULL            ? "prompt_name"
                        : o->prompt.data != NULL          ? "prompt"
                        : o->pooling != AKI_POOLING_MODEL ? "pooling"
                                                          : NULL;
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, param, "%s", own.message);
    return false;
}
