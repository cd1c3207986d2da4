#include "cli/serve/serve_options.h"

#include "base/clock.h"
#include "base/error.h"
#include "cli/options/file_mode.h"

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
    settings->host = serve_options_have_address(o) ? option_text(o, OPTION_HOST) : NULL;
    settings->port = (uint16_t)option_number(o, OPTION_PORT);
    settings->unix_socket = option_text(o, OPTION_UNIX_SOCKET);
    file_mode_parse(option_text(o, OPTION_UNIX_SOCKET_MODE), &settings->unix_socket_mode);
    settings->tls_certificate = option_text(o, OPTION_TLS_CERTIFICATE);
    settings->tls_key = option_text(o, OPTION_TLS_KEY);
    settings->tls_client_ca = option_text(o, OPTION_TLS_CLIENT_CA);
    settings->tls_ocsp = option_text(o, OPTION_TLS_OCSP);
    settings->api_keys_file = option_text(o, OPTION_API_KEYS);
    settings->takes_token_ids = strcmp(option_text(o, OPTION_TOKEN_IDS), "native") == 0;
    settings->cl100k_file = takes_cl100k(o) ? option_text(o, OPTION_CL100K_FILE) : NULL;
    settings->cors_origins = option_text(o, OPTION_CORS_ORIGIN);
    settings->has_pages = option_on(o, OPTION_UI);
    settings->models_memory_bytes = option_size(o, OPTION_MODELS_MEMORY_MB) * 1000000;
    settings->model_loads = (unsigned)option_number(o, OPTION_MODEL_LOADS);
    settings->model_load_timeout_ms = option_number(o, OPTION_MODEL_LOAD_TIMEOUT);
    settings->max_texts = option_size(o, OPTION_MAX_TEXTS);
    settings->max_body_bytes = option_size(o, OPTION_MAX_BODY_BYTES);
    settings->max_header_bytes = option_size(o, OPTION_MAX_HEADER_BYTES);
    settings->h2c = option_on(o, OPTION_H2C);
    settings->max_queue_requests = option_size(o, OPTION_MAX_QUEUE_REQUESTS);
    settings->max_queue_tokens = option_size(o, OPTION_MAX_QUEUE_TOKENS);
    settings->max_connections = (unsigned)option_number(o, OPTION_MAX_CONNECTIONS);
    settings->max_connections_per_address = (unsigned)option_number(o, OPTION_MAX_CONNECTIONS_PER_ADDRESS);
    settings->min_body_rate = option_size(o, OPTION_MIN_BODY_RATE);
    settings->http_threads = (unsigned)option_number(o, OPTION_HTTP_THREADS);
    settings->workers = (unsigned)option_number(o, OPTION_THREADS);
    settings->request_timeout_ms = option_number(o, OPTION_REQUEST_TIMEOUT);
    settings->max_request_time_ms = option_number(o, OPTION_MAX_REQUEST_TIME);
    settings->inference_timeout_ms = option_number(o, OPTION_INFERENCE_TIMEOUT);
    settings->batch_window_ms = option_number(o, OPTION_BATCH_WINDOW);
    settings->max_queue_wait_ms = option_number(o, OPTION_MAX_QUEUE_WAIT);
    settings->cache_bytes = option_size(o, OPTION_CACHE_MB) * 1000000;
    settings->resilience = resilience_of(o);
    settings->adaptive_limit = option_on(o, OPTION_ADAPTIVE_LIMIT);
    settings->header_timeout_ms = option_number(o, OPTION_HEADER_TIMEOUT);
    settings->write_timeout_ms = option_number(o, OPTION_WRITE_TIMEOUT);
    settings->idle_timeout_ms = option_number(o, OPTION_IDLE_TIMEOUT);
    settings->drain_delay_ms = option_number(o, OPTION_DRAIN_DELAY);
    settings->drain_timeout_ms = option_number(o, OPTION_DRAIN_TIMEOUT);
    settings->stuck_timeout_ms = option_number(o, OPTION_STUCK_TIMEOUT);
    settings->probe_interval_ms = option_number(o, OPTION_PROBE_INTERVAL);
    settings->admin_host = option_given(o, OPTION_ADMIN_PORT) ? option_text(o, OPTION_ADMIN_HOST) : NULL;
    settings->admin_port = (uint16_t)option_number(o, OPTION_ADMIN_PORT);
    settings->memory_limit_bytes = option_size(o, OPTION_MEMORY_LIMIT);
    settings->access_log_rate = (uint64_t)option_number(o, OPTION_ACCESS_LOG_RATE);
    settings->slow_request_ms = option_number(o, OPTION_SLOW_REQUEST);
    settings->log_texts = option_on(o, OPTION_LOG_TEXTS);
}
