#include "cli/serve/serve_options.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/option.h"

#include <string.h>

#define NO_HOST "none"

bool serve_options_have_address(const options *o)
{
    return strcmp(option_text(o, OPTION_HOST), NO_HOST) != 0;
}

static bool takes_cl100k(const options *o)
{
    return strcmp(option_text(o, OPTION_TOKEN_IDS), "cl100k") == 0;
}

aki_status serve_options_check(const options *o, aki_error *error)
{
    const char *certificate = option_text(o, OPTION_TLS_CERTIFICATE), *key = option_text(o, OPTION_TLS_KEY);
    aki_status status = AKI_OK;
    if ((certificate == NULL) != (key == NULL)) {
        status = error_set(error, AKI_INVALID_ARGUMENT, "--tls-%s is missing",
                           certificate == NULL ? "certificate" : "key");
        error_hint(error, "TLS needs both --tls-certificate and --tls-key.");
    } else if (certificate == NULL &&
               (option_text(o, OPTION_TLS_CLIENT_CA) != NULL || option_text(o, OPTION_TLS_OCSP) != NULL)) {
        status = error_set(error, AKI_INVALID_ARGUMENT, "--tls-%s is given, but no TLS is used",
                           option_text(o, OPTION_TLS_CLIENT_CA) != NULL ? "client-ca" : "ocsp");
        error_hint(error, "Give --tls-certificate and --tls-key as well.");
    } else if (takes_cl100k(o) && option_text(o, OPTION_CL100K_FILE) == NULL) {
        status = error_set(error, AKI_INVALID_ARGUMENT, "--token-ids cl100k needs --cl100k-file");
        error_hint(error, "scripts/get-cl100k fetches the vocabulary and prints its path.");
    } else if (!serve_options_have_address(o) && option_text(o, OPTION_UNIX_SOCKET) == NULL) {
        status = error_set(error, AKI_INVALID_ARGUMENT, "--host none leaves nothing to listen on");
        error_hint(error, "Give --unix-socket PATH, or an address.");
    } else if (option_number(o, OPTION_BREAKER_COOLDOWN_MAX) != 0 &&
               option_number(o, OPTION_BREAKER_COOLDOWN_MAX) < option_number(o, OPTION_BREAKER_COOLDOWN)) {
        status =
            error_set(error, AKI_INVALID_ARGUMENT, "--breaker-cooldown-max is less than --breaker-cooldown");
        error_hint(error, "The cooldown grows from the one to the other; 0s leaves it as it is.");
    }
    return status;
}

static scheduler_resilience resilience_of(const options *o)
{
    scheduler_resilience r;
    scheduler_resilience_init(&r);
    r.breaker.failures = (unsigned)option_number(o, OPTION_BREAKER_FAILURES);
    r.breaker.window_ns = option_number(o, OPTION_BREAKER_WINDOW) * NS_PER_MS;
    r.breaker.cooldown_ns = option_number(o, OPTION_BREAKER_COOLDOWN) * NS_PER_MS;
    r.breaker.cooldown_max_ns = option_number(o, OPTION_BREAKER_COOLDOWN_MAX) * NS_PER_MS;
    if (r.breaker.cooldown_max_ns == 0)
        r.breaker.cooldown_max_ns = r.breaker.cooldown_ns;
    r.breaker.cooldown_jitter_percent = (unsigned)option_number(o, OPTION_BREAKER_COOLDOWN_JITTER);
    r.breaker.successes = (unsigned)option_number(o, OPTION_BREAKER_SUCCESSES);
    r.breaker.probes = (unsigned)option_number(o, OPTION_BREAKER_PROBES);
    r.retry.attempts = (unsigned)option_number(o, OPTION_RETRY_ATTEMPTS);
    r.retry.first_delay_ns = option_number(o, OPTION_RETRY_DELAY) * NS_PER_MS;
    r.device_timeout_ms = option_number(o, OPTION_DEVICE_TIMEOUT);
    r.cpu_fallback = option_on(o, OPTION_CPU_FALLBACK);
    r.fallback_cache_bytes = option_size(o, OPTION_FALLBACK_CACHE_MB) * 1000000;
    return r;
}

void serve_options_read(const options *o, server_settings *settings)
{
    for (option_id id = 0; id < OPTION_TOTAL; id++)
        option_set(&option_table[id], settings, option_text(o, id), option_number(o, id));
    if (!serve_options_have_address(o))
        settings->host = NULL;
    file_mode_parse(option_text(o, OPTION_UNIX_SOCKET_MODE), &settings->unix_socket_mode);
    settings->takes_token_ids = strcmp(option_text(o, OPTION_TOKEN_IDS), "native") == 0;
    settings->cl100k_file = takes_cl100k(o) ? option_text(o, OPTION_CL100K_FILE) : NULL;
    settings->model_loads = (unsigned)option_number(o, OPTION_MODEL_LOADS);
    settings->workers = (unsigned)option_number(o, OPTION_THREADS);
    settings->resilience = resilience_of(o);
    settings->admin_host = option_given(o, OPTION_ADMIN_PORT) ? option_text(o, OPTION_ADMIN_HOST) : NULL;
}
