#include "engine/settings.h"

#include "base/cpus.h"
#include "base/error.h"
#include "base/sized.h"

/* A struct_size beyond this was never set: no version of the struct is as long. */
#define SETTINGS_MAX_BYTES 4096

void aki_settings_init_sized(aki_settings *settings, size_t struct_size)
{
    const aki_settings defaults = {.struct_size = struct_size, .precision = AKI_PRECISION_AUTO};
    sized_put(settings, struct_size, &defaults, sizeof defaults);
}

bool settings_give_pass_tokens(const aki_settings *given)
{
    return given != NULL &&
           given->struct_size >= offsetof(aki_settings, max_pass_tokens) + sizeof given->max_pass_tokens &&
           given->max_pass_tokens != 0;
}

aki_status settings_complete(aki_settings *complete, const aki_settings *given, aki_error *error)
{
    aki_settings_init(complete);
    if (given != NULL) {
        if (given->struct_size < sizeof given->struct_size || given->struct_size > SETTINGS_MAX_BYTES)
            return error_set(error, AKI_INVALID_ARGUMENT,
                             "settings.struct_size is %zu: fill the settings with aki_settings_init first",
                             given->struct_size);
        if (!sized_take(complete, sizeof *complete, given, given->struct_size))
            return error_set(
                error, AKI_INVALID_ARGUMENT,
                "the settings have a field that this library (%s) does not know: leave it zero, or use a "
                "library as new as the header",
                aki_version());
        complete->struct_size = sizeof *complete;
    }
    if ((unsigned)complete->precision > AKI_PRECISION_INT4)
        return error_set(error, AKI_INVALID_ARGUMENT, "settings.precision %d is not known",
                         (int)complete->precision);
    if ((unsigned)complete->pin > AKI_PIN_OFF)
        return error_set(error, AKI_INVALID_ARGUMENT, "settings.pin %d is not known", (int)complete->pin);
    if (complete->threads > SETTINGS_MAX_THREADS)
        return error_set(error, AKI_INVALID_ARGUMENT, "settings.threads is %u, at most %d are allowed",
                         complete->threads, SETTINGS_MAX_THREADS);
    if (complete->max_pass_tokens > SETTINGS_MAX_PASS_TOKENS)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "settings.max_pass_tokens is %zu, at most %d are allowed", complete->max_pass_tokens,
                         SETTINGS_MAX_PASS_TOKENS);
    if (complete->threads == 0)
        complete->threads = cpus_available();
    if (complete->max_pass_tokens == 0)
        complete->max_pass_tokens = SETTINGS_DEFAULT_PASS_TOKENS;
    if (complete->prefix_cache_bytes == 0)
        complete->prefix_cache_bytes = SETTINGS_DEFAULT_PREFIX_CACHE_BYTES;
    return AKI_OK;
}
