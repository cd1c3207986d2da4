#include "telemetry/otel_settings.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#define URL_MAX 2048
#define DEFAULT_HTTP_ENDPOINT "http://localhost:4318"
#define GRPC_SERVICE "/opentelemetry.proto.collector."

static const char *const http_paths[OTLP_SIGNALS] = {"v1/traces", "v1/metrics"};
static const char *const grpc_paths[OTLP_SIGNALS] = {GRPC_SERVICE "trace.v1.TraceService/Export",
                                                     GRPC_SERVICE "metrics.v1.MetricsService/Export"};

static bool sdk_on(const otel_values *values)
{
    return values->of[OTEL_SDK_DISABLED].number == 0;
}

bool otel_traces_on(const otel_values *values)
{
    return sdk_on(values) && values->of[OTEL_TRACES_EXPORTER].number == OTEL_EXPORTER_OTLP;
}

bool otel_metrics_on(const otel_values *values)
{
    return sdk_on(values) && values->of[OTEL_METRICS_EXPORTER].number == OTEL_EXPORTER_OTLP;
}

bool otel_joins_traces(const otel_values *values)
{
    return (values->of[OTEL_PROPAGATORS].number & OTEL_PROPAGATE_TRACECONTEXT) != 0;
}

/* The variable of this kind (as OTEL_ALL_...) that counts for the signal. */
static otel_id pick(const otel_values *values, otlp_signal signal, otel_id of_all)
{
    const otel_id first = signal == OTLP_TRACES ? OTEL_TRACES_ENDPOINT : OTEL_METRICS_ENDPOINT;
    return otel_pick(values, first + (of_all - OTEL_ALL_ENDPOINT), of_all);
}

static bool has_scheme(const char *endpoint)
{
    return strncasecmp(endpoint, "http://", 7) == 0 || strncasecmp(endpoint, "https://", 8) == 0;
}

/* True where the authority of the endpoint ends with this port. */
static bool has_port(const char *endpoint, const char *port)
{
    const char *authority = has_scheme(endpoint) ? strstr(endpoint, "//") + 2 : endpoint;
    const size_t length = strcspn(authority, "/?#"), port_length = strlen(port);
    return length > port_length && authority[length - port_length - 1] == ':' &&
           memcmp(authority + length - port_length, port, port_length) == 0;
}

static bool speaks_grpc(const otel_values *values, otlp_signal signal, const char *endpoint)
{
    const otel_id protocol = pick(values, signal, OTEL_ALL_PROTOCOL);
    if (values->of[protocol].text == NULL)
        return !has_port(endpoint, "4318");
    return values->of[protocol].number == OTEL_PROTOCOL_GRPC;
}

/* The whole address that messages go to. for_all: the endpoint was not given for this signal alone. */
static bool write_url(const otel_values *values, otlp_signal signal, const char *endpoint, bool for_all,
                      bool grpc, char *url)
{
    const char *scheme = "", *path = "";
    size_t length = strlen(endpoint);
    if (grpc) { /* of the endpoint only the authority counts */
        if (!has_scheme(endpoint))
            scheme = values->of[pick(values, signal, OTEL_ALL_INSECURE)].number != 0 ? "http://" : "https://";
        const size_t authority = has_scheme(endpoint) ? (size_t)(strstr(endpoint, "//") + 2 - endpoint) : 0;
        length = authority + strcspn(endpoint + authority, "/?#");
        path = grpc_paths[signal];
    } else if (!has_scheme(endpoint)) {
        return false;
    } else if (for_all) { /* one for a single signal is taken as it is */
        path = http_paths[signal];
    }
    const char *slash = !grpc && *path != '\0' && endpoint[length - 1] != '/' ? "/" : "";
    return (size_t)snprintf(url, URL_MAX, "%s%.*s%s%s", scheme, (int)length, endpoint, slash, path) < URL_MAX;
}

static char *copy_given(const otel_values *values, otel_id id, bool *whole)
{
    const char *text = values->of[id].text;
    char *copy = text != NULL ? mem_copy_string(text) : NULL;
    *whole = *whole && (text == NULL || copy != NULL);
    return copy;
}

aki_status otel_target(const otel_values *values, otlp_signal signal, otlp_target *out, aki_error *error)
{
    char url[URL_MAX];
    bool whole = true;
    const otel_id endpoint = pick(values, signal, OTEL_ALL_ENDPOINT);
    const otel_id headers = pick(values, signal, OTEL_ALL_HEADERS);
    const char *named = otel_text(values, endpoint);
    *out = (otlp_target){
        .grpc = speaks_grpc(values, signal, named),
        .by_default = values->of[endpoint].text == NULL,
        .timeout_ms = values->of[pick(values, signal, OTEL_ALL_TIMEOUT)].number,
        .gzip = values->of[pick(values, signal, OTEL_ALL_COMPRESSION)].number == OTEL_COMPRESSION_GZIP,
    };
    if (out->by_default && !out->grpc)
        named = DEFAULT_HTTP_ENDPOINT;
    if (!write_url(values, signal, named, endpoint == OTEL_ALL_ENDPOINT, out->grpc, url)) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s=%.100s is not the URL of a collector",
                  otel_table[endpoint].name, named);
        error_hint(error, "Give one like http://collector:4318, or for gRPC http://collector:4317.");
        return AKI_INVALID_ARGUMENT;
    }
    out->endpoint = mem_copy_string(named);
    out->url = mem_copy_string(url);
    out->certificate = copy_given(values, pick(values, signal, OTEL_ALL_CERTIFICATE), &whole);
    out->client_certificate = copy_given(values, pick(values, signal, OTEL_ALL_CLIENT_CERTIFICATE), &whole);
    out->client_key = copy_given(values, pick(values, signal, OTEL_ALL_CLIENT_KEY), &whole);
    if (values->of[headers].text != NULL)
        whole = name_values_parse(values->of[headers].text, &out->headers) && whole;
    if (out->endpoint == NULL || out->url == NULL || !whole)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the settings of telemetry");
    return AKI_OK;
}

void otlp_target_free(otlp_target *target)
{
    if (target == NULL)
        return;
    mem_free(target->endpoint);
    mem_free(target->url);
    mem_free(target->certificate);
    mem_free(target->client_certificate);
    mem_free(target->client_key);
    name_values_free(&target->headers);
    *target = (otlp_target){0};
}

bool otel_resource(const otel_values *values, resource *out)
{
    name_values given = {0};
    const char *text = values->of[OTEL_RESOURCE_ATTRIBUTES].text;
    *out = (resource){0};
    if (text != NULL && !name_values_parse(text, &given))
        return false;
    const bool made = resource_make(out, values->of[OTEL_SERVICE_NAME].text, &given);
    name_values_free(&given);
    return made;
}

/* The choices are always_on, always_off and traceidratio, and then the same parent-based. */
static sampler sampler_of(const otel_values *values)
{
    const int64_t choice = values->of[OTEL_TRACES_SAMPLER].number;
    const double ratios[] = {1, 0, values->of[OTEL_TRACES_SAMPLER_ARG].ratio};
    return sampler_make(ratios[choice % 3], choice >= 3);
}

static uint32_t limit(const otel_values *values, otel_id specific, otel_id general)
{
    return (uint32_t)values->of[otel_pick(values, specific, general)].number;
}

void otel_tracer_settings(const otel_values *values, tracer_settings *settings)
{
    settings->sampler = sampler_of(values);
    settings->queue_spans = (size_t)values->of[OTEL_BSP_MAX_QUEUE_SIZE].number;
    settings->batch_spans = (size_t)values->of[OTEL_BSP_MAX_EXPORT_BATCH_SIZE].number;
    settings->delay_ms = values->of[OTEL_BSP_SCHEDULE_DELAY].number;
    settings->export_timeout_ms = values->of[OTEL_BSP_EXPORT_TIMEOUT].number;
    settings->max_attributes = limit(values, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, OTEL_ATTRIBUTE_COUNT_LIMIT);
    settings->max_text =
        limit(values, OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT, OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT);
}

#define DEFAULT_NAME "akidb-rest"

static span_attribute *find(const resource *r, const char *key)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->attributes[i].key, key) == 0)
            return &r->attributes[i];
    return NULL;
}

/* Adds a row, its texts being copied; where there is one with this key, nothing happens. */
static bool add(resource *r, span_attribute row)
{
    if (find(r, row.key) != NULL)
        return true;
    span_attribute *attributes = mem_realloc(r->attributes, r->count + 1, sizeof *attributes);
    if (attributes == NULL)
        return false;
    r->attributes = attributes;
    row.key = mem_copy_string(row.key);
    if (row.type == SPAN_TEXT)
        row.text = mem_copy_string(row.text);
    attributes[r->count++] = row;
    return row.key != NULL && (row.type != SPAN_TEXT || row.text != NULL);
}

static bool add_text(resource *r, const char *key, const char *text)
{
    return add(r, span_text(key, text));
}

/* A random UUID of version 4: tells the instances of a service apart. */
static bool add_instance(resource *r)
{
    unsigned char b[16];
    char text[37];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return true;
    b[6] = (unsigned char)(0x40 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return add_text(r, "service.instance.id", text);
}

/* The names that the semantic conventions give to machines. */
static const char *architecture_name(const char *machine)
{
    if (strcmp(machine, "x86_64") == 0)
        return "amd64";
    return strcmp(machine, "aarch64") == 0 ? "arm64" : machine;
}

static bool add_system(resource *r)
{
    struct utsname system;
    return uname(&system) != 0 ||
           (add_text(r, "host.name", system.nodename) &&
            add_text(r, "host.arch", architecture_name(system.machine)) && add_text(r, "os.type", "linux"));
}

bool resource_make(resource *out, const char *name, const name_values *given)
{
    *out = (resource){0};
    bool whole = name == NULL || add_text(out, "service.name", name);
    for (size_t i = 0; i < given->count && whole; i++)
        whole = add_text(out, given->items[i].name, given->items[i].value);
    return whole && add_text(out, "service.name", DEFAULT_NAME) &&
           add_text(out, "service.version", AKI_VERSION) && add_instance(out) &&
           add_text(out, "telemetry.sdk.name", "akidb-embed") &&
           add_text(out, "telemetry.sdk.language", "c") &&
           add_text(out, "telemetry.sdk.version", AKI_VERSION) && add_system(out) &&
           add(out, span_integer("process.pid", getpid()));
}

void resource_free(resource *r)
{
    for (size_t i = 0; i < r->count; i++) {
        mem_free((void *)r->attributes[i].key);
        if (r->attributes[i].type == SPAN_TEXT)
            mem_free((void *)r->attributes[i].text);
    }
    mem_free(r->attributes);
    *r = (resource){0};
}

const char *resource_text(const resource *r, const char *key)
{
    const span_attribute *row = find(r, key);
    return row != NULL && row->type == SPAN_TEXT ? row->text : NULL;
}
