#include "cli/served_models.h"

#include "base/error.h"
#include "cli/progress.h"
#include "hub/transfer.h"

#include <string.h>

#define REPLY_BYTES_MAX ((size_t)16 << 20)

static bool begin_reply(void *cookie, const response_head *head)
{
    (void)head;
    buf_clear(cookie);
    return true;
}

static bool take_reply(void *cookie, const void *bytes, size_t count)
{
    return buf_append(cookie, bytes, count);
}

static aki_status parse(const char *server, const buf *reply, json_t **models, aki_error *error)
{
    json_t *root = json_loadb(reply->length > 0 ? reply->data : "", reply->length, 0, NULL);
    json_t *found = json_object_get(root, "models");
    *models = json_is_array(found) ? json_incref(found) : NULL;
    json_decref(root);
    if (*models != NULL)
        return AKI_OK;
    return error_set(error, AKI_IO_ERROR, "%s did not answer with a list of models", server);
}

aki_status served_models_ask(const char *server, const hub_settings *settings, json_t **models,
                             aki_error *error)
{
    hub_settings own = *settings;
    own.endpoint = server;
    own.token = NULL; /* that is for the hub */
    char url[URL_MAX];
    transfer *t = NULL;
    transfer_result result;
    buf reply;
    *models = NULL;
    size_t length = strlen(server);
    while (length > 0 && server[length - 1] == '/')
        length--;
    if (snprintf(url, sizeof url, "%.*s/api/v1/models", (int)length, server) >= (int)sizeof url)
        return error_set(error, AKI_INVALID_ARGUMENT, "the address of the service is too long");
    aki_status status = transfer_open(&t, &own, error);
    if (status != AKI_OK)
        return status;
    buf_init(&reply, REPLY_BYTES_MAX);
    const transfer_sink sink = {begin_reply, take_reply, &reply};
    transfer_get(t, url, 0, &sink, &result);
    if (result.outcome != TRANSFER_ANSWERED || result.head.status != 200) {
        status = error_set(error, AKI_IO_ERROR, "the service at %s did not list its models: %s", server,
                           result.cause);
        error_hint(error, "Check --server; where the service asks for API keys, ask it with curl and a key.");
    } else {
        status = parse(server, &reply, models, error);
    }
    buf_free(&reply);
    transfer_close(t);
    return status;
}

static const char *text_of(const json_t *model, const char *key)
{
    const char *text = json_string_value(json_object_get(model, key));
    return text != NULL ? text : "";
}

void served_models_append(buf *out, const char *server, const json_t *models)
{
    size_t index, width = strlen("SERVED");
    const json_t *model;
    json_array_foreach(models, index, model)
    {
        const size_t length = strlen(text_of(model, "name"));
        width = length > width ? length : width;
    }
    buf_printf(out, "\n%s serves:\n%-*s  %-8s  %9s  %-9s  %s\n", server, (int)width, "SERVED", "PHASE",
               "MEMORY", "PRECISION", "REQUESTS");
    json_array_foreach(models, index, model)
    {
        char size[40];
        progress_write_bytes((uint64_t)json_integer_value(json_object_get(model, "memory_bytes")), size,
                             sizeof size);
        buf_printf(out, "%-*s  %-8s  %9s  %-9s  %lld%s\n", (int)width, text_of(model, "name"),
                   text_of(model, "phase"), size, text_of(model, "precision"),
                   (long long)json_integer_value(json_object_get(model, "requests")),
                   json_is_true(json_object_get(model, "default")) ? "  default" : "");
        if (text_of(model, "failure")[0] != '\0')
            buf_printf(out, "%-*s  %s\n", (int)width, "", text_of(model, "failure"));
    }
}
