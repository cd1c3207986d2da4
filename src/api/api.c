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

size_t api_tokens(const api_result *result)
{
    size_t tokens = 0;
    for (size_t i = 0; i < result->count; i++)
        tokens += result->info[i].tokens;
    return tokens;
}

void api_error_text(const http_error *error, const api_dialect *dialect, char text[API_ERROR_TEXT_BYTES])
{
    if (error->code == HTTP_ERROR_INVALID_JSON || error->code == HTTP_ERROR_MISSING_FIELD)
        snprintf(text, API_ERROR_TEXT_BYTES, "%s. Send one JSON object, like %s.", error->message,
                 dialect->example);
    else
        snprintf(text, API_ERROR_TEXT_BYTES, "%s. %s", error->message, http_error_hint(error->code));
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
