#include "cli/serve/model_loader.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cli/device_source.h"
#include "cli/model_source.h"
#include "hub/digest.h"
#include "model/modules.h"
#include "serving/memory_budget.h"
#include "serving/vector_check.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_TARGET "serve"
/* The least that a model can take: its matrices, which are most of it, in the narrowest precision. */
#define NARROWEST_SHARE 8

/* 0 = not known. */
static size_t weight_file_bytes(const char *folder)
{
    weight_paths paths;
    bool found = modules_find_weights(&paths, folder, NULL) == AKI_OK;
    size_t bytes = 0;
    for (size_t i = 0; i < paths.count && found; i++) {
        struct stat info;
        found = stat(paths.items[i], &info) == 0 && size_add(bytes, (size_t)info.st_size, &bytes);
    }
    weight_paths_free(&paths);
    return found ? bytes : 0;
}

aki_status model_loader_find(const model_loader *loader, const model_spec *spec, char **folder,
                             model_guess *guess, aki_error *error)
{
    aki_status status =
        model_locate(loader->options, spec->source, false, loader->stop, loader->log, folder, error);
    const size_t files = status == AKI_OK ? weight_file_bytes(*folder) : 0;
    /* At most as much again, packed in the widest form. */
    *guess = (model_guess){.least_bytes = files, .most_bytes = 2 * files};
    return status;
}

/* Refuses a model that cannot fit before anything of it is read. */
static aki_status check_memory(const char *folder, aki_error *error)
{
    memory_budget budget;
    const size_t bytes = weight_file_bytes(folder);
    if (bytes == 0)
        return AKI_OK; /* encoder_open says why */
    memory_budget_read(&budget);
    return memory_budget_allows(&budget, bytes / NARROWEST_SHARE, "loading the model", error);
}

aki_status model_loader_open(const model_loader *loader, const model_spec *spec, const char *folder,
                             load_trace *trace, encoder **out, aki_error *error)
{
    aki_settings settings = model_open_settings(loader->options, loader->log);
    device_source source;
    settings.precision = spec->precision;
    *out = NULL;
    aki_status status = check_memory(folder, error);
    if (status == AKI_OK) {
        log_write(&loader->log, AKI_LOG_INFO, LOG_TARGET, "loading %s from %s", spec->name, folder);
        status = encoder_open_timed(out, folder, &settings, &trace->times, error);
        device_source_read(&source, loader->options);
        if (status == AKI_OK && spec->prompt != NULL)
            status = encoder_choose_prompt(*out, spec->prompt, error);
        if (status == AKI_OK)
            status = encoder_choose_device(*out, &source.choice, error);
        trace->opened_ns = clock_monotonic_ns();
    }
    if (status != AKI_OK) {
        encoder_close(*out);
        *out = NULL;
    }
    if (status == AKI_OUT_OF_MEMORY) {
        memory_budget budget;
        memory_budget_read(&budget);
        memory_budget_explain(&budget, error);
    }
    return status;
}

aki_status model_loader_open_traced(const model_loader *loader, const model_spec *spec, const char *folder,
                                    encoder **out, aki_error *error)
{
    aki_error own;
    const int64_t now_ns = clock_monotonic_ns();
    load_trace trace = {.model = spec->name, .start_ns = now_ns, .located_ns = now_ns};
    aki_status status = model_loader_open(loader, spec, folder, &trace, out, &own);
    trace.end_ns = clock_monotonic_ns();
    trace.opened_ns = 0; /* it is warmed up elsewhere */
    load_trace_emit(&trace, loader->tracer, *out, status == AKI_OK ? NULL : own.message);
    if (status != AKI_OK && error != NULL)
        *error = own;
    return status;
}

bool published_weights_in(const char *folder)
{
    char digest[DIGEST_HEX_MAX + 1] = "";
    weight_paths paths;
    int descriptor = -1;
    if (modules_find_weights(&paths, folder, NULL) == AKI_OK && paths.count == 1)
        descriptor = open(paths.items[0], O_RDONLY | O_CLOEXEC);
    weight_paths_free(&paths);
    if (descriptor < 0)
        return false;
    bool read = digest_file(descriptor, DIGEST_SHA256, NULL, NULL, digest, NULL) == AKI_OK;
    close(descriptor);
    return read && strcmp(digest, reference_weights_sha256) == 0;
}
