/* Drives the hub room for tests/integration/test_hub*.py: hub_pull_tool pull|resolve <id> [revision], or list. Settings come from
 * the environment. Prints the folder, or "status: message" and the hint, and exits 0 or 1. */
#include "hub/hub.h"

#include "base/memory.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static bool is_cancelled(void *cookie)
{
    (void)cookie;
    return interrupted != 0;
}

static void write_log(void *cookie, aki_log_level level, const char *target, const char *message)
{
    (void)cookie;
    fprintf(stderr, "%d %s: %s\n", (int)level, target, message);
}

static void show_progress(void *cookie, const hub_progress *now)
{
    (void)cookie;
    fprintf(stderr, "progress %zu/%zu %s %llu/%llu\n", now->file_index, now->file_count, now->file,
            (unsigned long long)now->done, (unsigned long long)now->total);
}

static int list(const hub_settings *settings)
{
    hub_cached_model *models = NULL;
    size_t count = 0;
    aki_error error;
    if (hub_list(settings, &models, &count, &error) != AKI_OK) {
        printf("%s: %s\n", aki_status_name(error.status), error.message);
        return 1;
    }
    for (size_t i = 0; i < count; i++)
        printf("%s %s %llu %s\n", models[i].id, models[i].revision, (unsigned long long)models[i].bytes,
               models[i].complete ? "complete" : "incomplete");
    hub_list_free(models, count);
    return 0;
}

static int find(const char *how, const char *id, const hub_settings *settings)
{
    char *folder = NULL;
    aki_error error;
    aki_status status = strcmp(how, "pull") == 0 ? hub_pull(id, settings, &folder, &error)
                                                 : hub_resolve(id, settings, &folder, &error);
    if (status == AKI_OK)
        printf("%s\n", folder);
    else
        printf("%s: %s\n%s\n", aki_status_name(status), error.message, error.hint);
    mem_free(folder);
    return status == AKI_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    hub_settings settings;
    aki_error error;
    if (argc < 2 || (argc < 3 && strcmp(argv[1], "list") != 0))
        return 2;
    signal(SIGINT, on_interrupt);
    if (hub_settings_from_environment(&settings, &error) != AKI_OK) {
        printf("%s: %s\n%s\n", aki_status_name(error.status), error.message, error.hint);
        return 1;
    }
    settings.log.write = write_log;
    settings.progress = show_progress;
    settings.cancelled = is_cancelled;
    if (argc > 3)
        settings.revision = argv[3];
    int result = strcmp(argv[1], "list") == 0 ? list(&settings) : find(argv[1], argv[2], &settings);
    hub_settings_free(&settings);
    return result;
}
