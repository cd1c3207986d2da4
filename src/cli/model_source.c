#include "cli/model_source.h"

#include "base/memory.h"
#include "cli/progress.h"
#include "hub/cache_layout.h"
#include "hub/hub.h"
#include "hub/repo_id.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct download {
    progress bar;
    stop *stop;
    const char *file; /* being shown */
    size_t file_index;
    uint64_t done_at_start;
} download;

aki_status model_hub_settings(hub_settings *settings, const options *o, aki_error *error)
{
    aki_status status = hub_settings_from_environment(settings, error);
    if (status != AKI_OK)
        return status;
    if (option_text(o, OPTION_CACHE_FOLDER) != NULL)
        settings->cache_folder = option_text(o, OPTION_CACHE_FOLDER);
    if (option_text(o, OPTION_REVISION) != NULL)
        settings->revision = option_text(o, OPTION_REVISION);
    if (option_text(o, OPTION_OFFLINE) != NULL)
        settings->offline = option_on(o, OPTION_OFFLINE);
    return AKI_OK;
}

static void on_progress(void *cookie, const hub_progress *now)
{
    download *d = cookie;
    if (d->file == NULL || d->file_index != now->file_index) {
        progress_clear(&d->bar);
        progress_begin(&d->bar, STDERR_FILENO);
        d->done_at_start = now->done;
    }
    d->file = now->file;
    d->file_index = now->file_index;
    char label[80];
    snprintf(label, sizeof label, "%zu/%zu %.50s", now->file_index + 1, now->file_count, now->file);
    progress_state state = {.label = label,
                            .count = now->done,
                            .started = d->done_at_start,
                            .done = now->done,
                            .total = now->total,
                            .done_at_start = d->done_at_start};
    progress_update(&d->bar, &state);
}

static bool on_cancelled(void *cookie)
{
    const download *d = cookie;
    return d->stop != NULL && stop_signal(d->stop) != 0;
}

aki_status model_locate(const options *o, const char *id, bool pull, stop *s, log_sink log, char **folder,
                        aki_error *error)
{
    *folder = NULL;
    hub_settings settings;
    aki_status status = model_hub_settings(&settings, o, error);
    if (status != AKI_OK)
        return status;
    download d = {.bar = {.descriptor = -1}, .stop = s};
    settings.progress = on_progress;
    settings.cancelled = on_cancelled;
    settings.cookie = &d;
    settings.log = log;
    status = (pull ? hub_pull : hub_resolve)(id, &settings, folder, error);
    progress_clear(&d.bar);
    hub_settings_free(&settings);
    return status;
}

aki_settings model_open_settings(const options *o, log_sink log)
{
    aki_settings settings;
    aki_settings_init(&settings);
    /* The option's choices stand in the order of the enum. */
    settings.precision = (aki_precision)option_number(o, OPTION_PRECISION);
    const char *tier = option_text(o, OPTION_CPU_TIER);
    settings.cpu_tier = strcmp(tier, "auto") == 0 ? NULL : tier;
    settings.threads = (unsigned)option_number(o, OPTION_THREADS);
    settings.pin = (aki_pin)option_number(o, OPTION_PIN);
    settings.weights_cache = option_text(o, OPTION_WEIGHTS_CACHE);
    const size_t prefix_cache_mb = (size_t)option_number(o, OPTION_PREFIX_CACHE_MB);
    settings.prefix_cache_bytes = prefix_cache_mb > 0 ? prefix_cache_mb * 1000000 : AKI_NO_PREFIX_CACHE;
    settings.log = log.write;
    settings.log_cookie = log.cookie;
    return settings;
}

/* Cuts "/" and "/." off the end; "/" itself stays. */
static void trim(char *path)
{
    size_t length = strlen(path);
    while (length > 1 && (path[length - 1] == '/' || (path[length - 1] == '.' && path[length - 2] == '/')))
        length--;
    path[length] = '\0';
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static bool names_no_folder(const char *part)
{
    return strcmp(part, ".") == 0 || strcmp(part, "..") == 0;
}

/* Of models--<namespace>--<name>/snapshots/<commit>, as the hub's cache lays it out. */
static bool id_of_snapshot(const char *path, char id[REPO_ID_MAX + 1])
{
    static const char snapshots[] = "/snapshots";
    size_t length = (size_t)(last_part(path) - path); /* up to the commit, with the slash before it */
    if (length < sizeof snapshots ||
        strncmp(path + length - sizeof snapshots, snapshots, sizeof snapshots - 1) != 0)
        return false;
    char *repo = mem_copy_text(path, length - sizeof snapshots);
    bool is_one = repo != NULL && cache_repo_to_id(last_part(repo), id);
    mem_free(repo);
    return is_one;
}

static char *name_of_folder(char *path)
{
    char real[PATH_MAX], id[REPO_ID_MAX + 1];
    trim(path);
    if (id_of_snapshot(path, id))
        return mem_copy_string(id);
    const char *part = last_part(path);
    if (names_no_folder(part) && realpath(path, real) != NULL)
        part = last_part(real);
    return mem_copy_string(part);
}

char *model_name_of(const char *model)
{
    struct stat info;
    char *path = environment_expand_home(model);
    if (path == NULL)
        return NULL;
    bool is_folder = repo_id_looks_like_path(model) || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
    char *name = is_folder ? name_of_folder(path) : mem_copy_string(model);
    mem_free(path);
    return name;
}
