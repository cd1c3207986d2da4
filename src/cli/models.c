/* akidb-embed models: what is in the Hugging Face cache, what a service serves, and deleting from the cache. */
#include "cli/options/commands.h"

#include "base/error.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "cli/progress.h"
#include "cli/served_models.h"
#include "base/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX_BYTES ((size_t)64 << 20)

static bool is_default(const hub_cached_model *model)
{
    return strcmp(model->id, option_table[OPTION_MODEL].default_text) == 0;
}

static void append_json(buf *out, const char *cache, const hub_cached_model *models, size_t count)
{
    buf_append_string(out, "{\"cache\":");
    json_text_append_string(out, cache);
    buf_append_string(out, ",\"models\":[");
    for (size_t i = 0; i < count; i++) {
        const hub_cached_model *m = &models[i];
        buf_append_string(out, i > 0 ? ",\n{\"id\":" : "\n{\"id\":");
        json_text_append_string(out, m->id);
        buf_append_string(out, ",\"revision\":");
        json_text_append_string(out, m->revision);
        buf_append_string(out, ",\"folder\":");
        json_text_append_string(out, m->folder);
        buf_printf(out, ",\"bytes\":%" PRIu64 ",\"complete\":%s,\"default\":%s}", m->bytes,
                   m->complete ? "true" : "false", is_default(m) ? "true" : "false");
    }
    buf_append_string(out, count > 0 ? "\n]" : "]");
}

static void append_served_json(buf *out, const json_t *served)
{
    char *text = served != NULL ? json_dumps(served, JSON_COMPACT) : NULL;
    if (text != NULL)
        buf_printf(out, ",\n\"served\":%s", text);
    out->failed |= served != NULL && text == NULL;
    free(text);
    buf_append_string(out, "}\n");
}

static void append_text(buf *out, const char *cache, const hub_cached_model *models, size_t count)
{
    size_t width = strlen("MODEL");
    for (size_t i = 0; i < count; i++)
        width = strlen(models[i].id) > width ? strlen(models[i].id) : width;
    if (count > 0)
        buf_printf(out, "%-*s  %-12s  %9s  %s\n", (int)width, "MODEL", "REVISION", "SIZE", "STATE");
    for (size_t i = 0; i < count; i++) {
        char size[40];
        progress_write_bytes(models[i].bytes, size, sizeof size);
        buf_printf(out, "%-*s  %-12.12s  %9s  %s%s\n", (int)width, models[i].id, models[i].revision, size,
                   models[i].complete ? "complete" : "incomplete: run `akidb-embed pull` again",
                   is_default(&models[i]) ? ", default" : "");
    }
    if (count == 0)
        buf_printf(
            out,
            "No models in %s.\nDownload the default one with `akidb-embed pull %s`, or name a folder with "
            "--model.\n",
            cache, option_table[OPTION_MODEL].default_text);
}

static aki_status print(const buf *out, aki_error *error)
{
    if (out->failed)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the list of models");
    if (fwrite(out->data, 1, out->length, stdout) != out->length || fflush(stdout) != 0)
        return error_set(error, AKI_IO_ERROR, "cannot write to stdout");
    return AKI_OK;
}

static aki_status list(const options *o, const hub_settings *settings, aki_error *error)
{
    hub_cached_model *models = NULL;
    json_t *served = NULL;
    size_t count = 0;
    const char *server = option_text(o, OPTION_SERVER);
    aki_status status = hub_list(settings, &models, &count, error);
    if (status == AKI_OK && server != NULL)
        status = served_models_ask(server, settings, &served, error);
    if (status == AKI_OK) {
        buf out;
        buf_init(&out, OUTPUT_MAX_BYTES);
        if (option_on(o, OPTION_JSON)) {
            append_json(&out, settings->cache_folder, models, count);
            append_served_json(&out, served);
        } else {
            append_text(&out, settings->cache_folder, models, count);
            if (served != NULL)
                served_models_append(&out, server, served);
        }
        status = print(&out, error);
        buf_free(&out);
    }
    json_decref(served);
    hub_list_free(models, count);
    return status;
}

static bool is_stopped(void *cookie)
{
    return stop_signal(cookie) != 0;
}

static aki_status remove_model(const options *o, hub_settings *settings, aki_error *error)
{
    uint64_t bytes;
    char size[40];
    stop *s = NULL;
    aki_status status = stop_open(&s, 0, error);
    if (status != AKI_OK)
        return status;
    settings->cancelled = is_stopped;
    settings->cookie = s;
    settings->log = message_log_sink(); /* says for what it waits */
    status = hub_remove(o->argument, settings, &bytes, error);
    if (status == AKI_OK) {
        progress_write_bytes(bytes, size, sizeof size);
        if (printf("%s deleted from %s: %s\n", o->argument, settings->cache_folder, size) < 0 ||
            fflush(stdout) != 0)
            status = error_set(error, AKI_IO_ERROR, "cannot write to stdout");
    }
    stop_close(s);
    return status;
}

int command_models(const options *o)
{
    aki_error error;
    hub_settings settings;
    aki_status status = model_hub_settings(&settings, o, &error);
    if (status == AKI_OK) {
        status = o->argument != NULL ? remove_model(o, &settings, &error) : list(o, &settings, &error);
        hub_settings_free(&settings);
    }
    if (status != AKI_OK)
        message_error(&error);
    return status == AKI_OK ? EXIT_DONE : EXIT_FAILED;
}
