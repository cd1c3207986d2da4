/* The service's own list of the models that it serves: GET /api/v1/models. */
#include "api/api.h"

#include "base/error.h"
#include "base/json_text.h"
#include "base/memory.h"

#include <string.h>
#include <time.h>

/* Of one model, whose texts JSON may make six times as long. */
#define MODEL_BYTES ((size_t)16 << 10)

static const char *precision_name(aki_precision precision)
{
    static const char *const names[] = {"auto", "fp32", "bf16", "int8", "int4"};
    return (size_t)precision < sizeof names / sizeof names[0] ? names[precision] : "auto";
}

/* RFC 3339; null = never. */
static void write_time(const char *key, int64_t unix_s, buf *out)
{
    struct tm parts;
    char text[40];
    const time_t when = (time_t)unix_s;
    buf_printf(out, ",\"%s\":", key);
    if (unix_s == 0) {
        buf_append_string(out, "null");
        return;
    }
    gmtime_r(&when, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_text_append_string(out, text);
}

static void write_loaded(const api_listed *m, buf *out)
{
    buf_printf(
        out,
        ",\"kind\":\"%s\",\"architecture\":\"%s\",\"precision\":\"%s\",\"dimension\":%zu,\"max_tokens\":%zu,"
        "\"prompts\":[",
        m->kind, m->architecture, precision_name(m->precision), m->dimension, m->max_tokens);
    for (const char *name = m->prompts; *name != '\0'; name += strlen(name) + 1) {
        buf_append_string(out, name > m->prompts ? "," : "");
        json_text_append_string(out, name);
    }
    buf_append_char(out, ']');
}

static void write_model(const api_listed *m, buf *out)
{
    buf_append_string(out, "{\"name\":");
    json_text_append_string(out, m->name);
    buf_printf(out, ",\"phase\":\"%s\",\"default\":%s,\"stays\":%s,\"memory_bytes\":%zu", m->phase,
               m->by_default ? "true" : "false", m->stays ? "true" : "false", m->bytes);
    if (m->loaded)
        write_loaded(m, out);
    buf_printf(out, ",\"requests\":%llu", (unsigned long long)m->requests);
    write_time("last_use", m->last_use_s, out);
    write_time("expires_at", m->expires_s, out);
    if (m->failure[0] != '\0') {
        buf_append_string(out, ",\"failure\":");
        json_text_append_visible(out, m->failure, strlen(m->failure));
    }
    buf_append_char(out, '}');
}

static size_t bound_models(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call, (void)result, (void)service;
    return API_LISTED_MAX * MODEL_BYTES;
}

static aki_status write_models(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    (void)call, (void)result;
    api_listed *models = mem_alloc(API_LISTED_MAX, sizeof *models);
    if (models == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the list of models");
    const size_t count = api_list_models(service, models);
    buf_append_string(out, "{\"models\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_string(out, i > 0 ? "," : "");
        write_model(&models[i], out);
    }
    buf_append_string(out, "]}\n");
    mem_free(models);
    return AKI_OK;
}

static const api_description models_form = {
    .reply = "{'type':'object','required':['models'],'properties':{'models':{'type':'array','items':{"
             "'type':'object','required':['name','phase','default','stays','memory_bytes','requests'],"
             "'properties':{'name':{'type':'string'},'phase':{'enum':['known','loading','ready','draining',"
             "'failed']},'default':{'type':'boolean'},'stays':{'type':'boolean'},"
             "'kind':{'enum':['embedding','reranker','classifier','sparse']},"
             "'memory_bytes':{'type':'integer'},'requests':{'type':'integer'},"
             "'last_use':{'type':['string','null']},'expires_at':{'type':['string','null']},"
             "'failure':{'type':'string'}}}}}}"};

const api_operation native_models = {&native_dialect, NULL, bound_models, write_models, &models_form};
