/* The public interface, include/akidb/hub.h. */
#include "akidb/hub.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/sized.h"
#include "hub/hub.h"

#include <string.h>

typedef struct locate_call {
    const aki_hub_options *options;
    bool ended; /* by the caller's progress function */
} locate_call;

static bool was_cancelled(void *cookie)
{
    const locate_call *call = cookie;
    return call->ended || (call->options->cancel != NULL && *call->options->cancel != 0);
}

static void tell_progress(void *cookie, const hub_progress *now)
{
    locate_call *call = cookie;
    const aki_hub_progress progress = {now->file, now->done, now->total, now->file_index, now->file_count};
    if (!call->ended && !call->options->progress(call->options->cookie, &progress))
        call->ended = true;
}

static void apply(hub_settings *settings, const aki_hub_options *options, locate_call *call)
{
    if (options->cache_folder != NULL)
        settings->cache_folder = options->cache_folder;
    if (options->revision != NULL)
        settings->revision = options->revision;
    if (options->token != NULL)
        settings->token = options->token;
    if (settings->ca_file == NULL)
        settings->ca_file = options->ca_file;
    settings->offline = settings->offline || options->offline;
    settings->progress = options->progress != NULL ? tell_progress : NULL;
    settings->cancelled = was_cancelled;
    settings->cookie = call;
}

aki_status aki_hub_locate_sized(const char *name, const aki_hub_options *options, size_t options_size,
                                char *folder, size_t size, aki_error *error)
{
    if (name == NULL || name[0] == '\0' || folder == NULL || size == 0)
        return error_set(error, AKI_INVALID_ARGUMENT, "aki_hub_locate: name and folder must be given");
    aki_hub_options own = {0};
    if (options != NULL && !sized_take(&own, sizeof own, options, options_size))
        return error_set(
            error, AKI_INVALID_ARGUMENT,
            "the options have a field that this library (%s) does not know: leave it zero, or use a "
            "library as new as the header",
            AKI_VERSION);
    hub_settings settings;
    aki_status status = hub_settings_from_environment(&settings, error);
    if (status != AKI_OK)
        return status;
    locate_call call = {&own, false};
    apply(&settings, &own, &call);
    char *found = NULL;
    status = (own.pull ? hub_pull : hub_resolve)(name, &settings, &found, error);
    hub_settings_free(&settings);
    if (status == AKI_OK) {
        const size_t length = strlen(found);
        if (length < size)
            memcpy(folder, found, length + 1);
        else
            status = error_set(error, AKI_INVALID_ARGUMENT,
                               "the model's path has %zu bytes; there is room for %zu", length, size - 1);
    }
    mem_free(found);
    return status;
}
