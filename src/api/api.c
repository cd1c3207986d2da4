#include "api/api.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

void api_call_release_input(api_call *call)
{
    if (call->keeps_input)
        return;
    for (size_t i = 0; call->ids != NULL && i < call->count; i++)
        mem_free(call->ids[i].ids);
    mem_free(call->texts);
    mem_free(call->ids);
    json_decref(call->root);
    call->texts = NULL;
    call->ids = NULL;
    call->root = NULL;
}

void api_call_free(api_call *call)
{
    call->keeps_input = false;
    api_call_release_input(call);
    *call = (api_call){0};
}

bool api_read(const api_operation *operation, api_call *call, const api_request *request,
              const api_service *service, http_error *error)
{
    aki_error own;
    if (operation->read != NULL && !operation->read(call, request, service, error))
        return false;
    const encoder_use use = call->as != NULL ? call->as->use : operation->use;
    if (call->count == 0 || encoder_check_use(service->enc, use, &own) == AKI_OK)
        return true;
    http_error_from(error, &own);
    return false;
}

bool api_model_matches(const char *served, const char *asked)
{
    if (strcmp(served, asked) == 0)
        return true;
    const char *slash = strrchr(served, '/');
    return slash != NULL && strcmp(slash + 1, asked) == 0;
}

static bool refuse_model(const api_service *service, const char *asked, const char *param, http_error *error)
{
    http_error_set(error, HTTP_ERROR_MODEL_NOT_FOUND, param,
                   "there is no model \"%.128s\" here; served is \"%s\"", asked, service->model_name);
    return false;
}

bool api_choose_model(const api_service *service, const char *asked, const char *param, http_error *error)
{
    if (service->models != NULL)
        return service->models->choose(service->models->cookie, asked, param, error);
    return api_model_matches(service->model_name, asked) || refuse_model(service, asked, param, error);
}

bool api_choose_model_of(const api_service *service, const json_t *value, const char *param,
                         http_error *error)
{
    const char *asked = json_string_value(value);
    return strlen(asked) == json_string_length(value) ? api_choose_model(service, asked, param, error)
                                                      : refuse_model(service, asked, param, error);
}

void api_cut_tag(char *name, const char *tag)
{
    const size_t length = strlen(name), behind = strlen(tag);
    if (length > behind && strcmp(name + length - behind, tag) == 0)
        name[length - behind] = '\0';
}

void api_peek_model(const char *body, size_t length, char *name, size_t room)
{
    json_t *root = json_loadb(body, length, JSON_ALLOW_NUL, NULL);
    const char *asked = json_string_value(json_object_get(root, "model"));
    snprintf(name, room, "%s", asked != NULL ? asked : "");
    json_decref(root);
    api_cut_tag(name, API_OLLAMA_TAG);
}

const char *api_kind(const encoder *enc)
{
    aki_error error;
    if (encoder_task(enc) == AKI_TASK_EMBED)
        return "embedding";
    if (encoder_task(enc) == AKI_TASK_SPARSE)
        return "sparse";
    return encoder_check_use(enc, ENCODER_RERANKS, &error) == AKI_OK ? "reranker" : "classifier";
}

static void list_loaded(const api_service *service, api_listed *out)
{
    aki_model_info info;
    encoder_describe(service->enc, &info);
    out->loaded = true;
    out->phase = "ready";
    out->kind = api_kind(service->enc);
    out->architecture = info.architecture;
    out->precision = info.precision;
    out->dimension = encoder_dimension(service->enc);
    out->max_tokens = encoder_max_tokens(service->enc);
    out->bytes = out->weight_bytes = info.weight_bytes;
}

size_t api_list_models(const api_service *service, api_listed *models)
{
    if (service->models != NULL)
        return service->models->list(service->models->cookie, models, API_LISTED_MAX);
    models[0] =
        (api_listed){.name = service->model_name, .phase = "loading", .by_default = true, .stays = true};
    if (service->enc != NULL)
        list_loaded(service, &models[0]);
    return 1;
}

void api_append_truncated(const api_result *result, buf *out)
{
    bool any = false;
    for (size_t i = 0; i < result->count; i++)
        if (result->info[i].truncated) {
            buf_printf(out, any ? ",%zu" : ",\"truncated\":[%zu", i);
            any = true;
        }
    if (any)
        buf_append_char(out, ']');
}

size_t api_tokens(const api_result *result)
{
    size_t tokens = 0;
    for (size_t i = 0; i < result->count; i++)
        tokens += result->info[i].tokens;
    return tokens;
}

size_t api_token_vectors(const api_result *result, const api_service *service, size_t index)
{
    return result->info[index].tokens - encoder_tokens_left_out(service->enc);
}

static const char *hint_of(const api_dialect *dialect, http_error_code code)
{
    for (const api_hint *hint = dialect->hints; hint != NULL && hint->text != NULL; hint++)
        if (hint->code == code)
            return hint->text;
    return http_error_hint(code);
}

void api_error_text(const http_error *error, const api_dialect *dialect, const api_service *service,
                    char text[API_ERROR_TEXT_BYTES])
{
    if (error->code != HTTP_ERROR_INVALID_JSON && error->code != HTTP_ERROR_MISSING_FIELD) {
        snprintf(text, API_ERROR_TEXT_BYTES, "%s. %s", error->message, hint_of(dialect, error->code));
        return;
    }
    const int before =
        snprintf(text, API_ERROR_TEXT_BYTES, "%s. Send one JSON object, like ", error->message);
    snprintf(text + before, API_ERROR_TEXT_BYTES - (size_t)before, "%s.",
             service->example != NULL ? service->example : dialect->example);
    for (char *c = text + before; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
}

void api_error_param(const http_error *error, const api_dialect *dialect, char param[80])
{
    static const char texts[] = "texts[";
    const size_t length = sizeof texts - 1;
    if (strncmp(error->param, texts, length) == 0)
        snprintf(param, 80, "%.12s[%s", dialect->text_field, error->param + length);
    else
        snprintf(param, 80, "%s", error->param);
}
