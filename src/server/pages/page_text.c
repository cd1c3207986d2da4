#include "server/pages/page.h"

#include "base/json_text.h"
#include "kernels/precision.h"
#include "server/handlers.h"
#include "server/models.h"
#include "server/routes.h"

#include <stdio.h>
#include <string.h>

#define MAX_NAME_BYTES 4096
#define MEGABYTE 1000000

/* Text as HTML has it, between tags or in an attribute's value. */
static void append_html(buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        switch (*c) {
        case '&':
            buf_append_string(out, "&amp;");
            break;
        case '<':
            buf_append_string(out, "&lt;");
            break;
        case '>':
            buf_append_string(out, "&gt;");
            break;
        case '"':
            buf_append_string(out, "&quot;");
            break;
        default:
            buf_append_char(out, *c);
        }
}

static bool has_keys(const exchange *x)
{
    return x->owner->keys != NULL;
}

static void write_version(const exchange *x, buf *out)
{
    if (!has_keys(x))
        buf_append_string(out, aki_version());
}

/* The model's name as JSON, Python and JavaScript have it, and as it may stand between single quotes of a shell. */
static void write_model(const exchange *x, buf *out)
{
    buf quoted, safe;
    buf_init(&quoted, MAX_NAME_BYTES);
    buf_init(&safe, MAX_NAME_BYTES);
    json_text_append_string(&quoted, has_keys(x) ? "MODEL" : model_set_default_name(x->owner->models));
    for (const char *c = quoted.data != NULL ? quoted.data : "\"MODEL\""; *c != '\0'; c++)
        if (*c == '\'')
            buf_append_string(&safe, "\\u0027");
        else
            buf_append_char(&safe, *c);
    append_html(out, safe.data != NULL ? safe.data : "");
    buf_free(&quoted);
    buf_free(&safe);
}

/* As a URL's path has it. */
static void write_model_path(const exchange *x, buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    for (const char *c = has_keys(x) ? "MODEL" : model_set_default_name(x->owner->models); *c != '\0'; c++)
        if (strchr(plain, *c) != NULL)
            buf_append_char(out, *c);
        else
            buf_printf(out, "%%%02X", (unsigned char)*c);
}

static void write_host(const exchange *x, buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
    const char *host = exchange_header(x, "Host");
    if (host != NULL && host[0] != '\0' && host[strspn(host, plain)] == '\0')
        buf_append_string(out, host);
    else
        buf_printf(out, "127.0.0.1:%u", x->owner->port);
}

static void write_origin(const exchange *x, buf *out)
{
    buf_append_string(out, x->owner->tls != NULL ? "https://" : "http://");
    write_host(x, out);
}

/* Of grpcio and grpcurl: with TLS, or without, for which the service needs --h2c. */
static void write_channel(const exchange *x, buf *out)
{
    const bool secure = x->owner->tls != NULL;
    append_html(out, secure ? "grpc.secure_channel(\"" : "grpc.insecure_channel(\"");
    write_host(x, out);
    append_html(out, secure ? "\", grpc.ssl_channel_credentials())" : "\")");
}

static void write_plaintext(const exchange *x, buf *out)
{
    buf_append_string(out, x->owner->tls != NULL ? "" : "-plaintext ");
}

static const char *state_of(const server *s)
{
    if (health_is_ready(s))
        return "ready";
    switch (server_phase_now(s)) {
    case SERVER_LOADING:
        return "the model is being loaded";
    case SERVER_DRAINING:
        return "shutting down";
    case SERVER_READY:
        break;
    }
    return "not ready";
}

static void write_state(const exchange *x, buf *out)
{
    buf_append_string(out, state_of(x->owner));
}

static void write_state_class(const exchange *x, buf *out)
{
    buf_append_string(out, health_is_ready(x->owner) ? "good" : "bad");
}

static void write_uptime(const exchange *x, buf *out)
{
    const long long seconds = (clock_monotonic_ns() - x->owner->started_ns) / NS_PER_S;
    if (seconds >= 86400)
        buf_printf(out, "%lld d ", seconds / 86400);
    buf_printf(out, "%02lld:%02lld:%02lld", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

static void write_memory(const exchange *x, buf *out)
{
    buf_printf(out, "%zu MB of %zu MB", watchdog_memory_bytes(x->owner->watchdog) / MEGABYTE,
               x->owner->settings.memory_limit_bytes / MEGABYTE);
}

static void write_breaker(const exchange *x, buf *out)
{
    buf_append_string(out, breaker_state_name(models_breaker_state(x->owner)));
}

static void write_prompts(const encoder *enc, buf *out)
{
    const char *name, *separator = "";
    aki_text text;
    for (size_t i = 0; encoder_prompt(enc, i, &name, &text); i++) {
        buf_append_string(out, separator);
        append_html(out, name);
        separator = ", ";
    }
    if (separator[0] == '\0')
        buf_append_string(out, "none");
}

static void write_model_row(void *cookie, const model_view *view)
{
    buf *out = cookie;
    buf_append_string(out, "<tr><th scope=\"row\">");
    append_html(out, view->name);
    buf_printf(out, "</th><td>%s</td>", model_phase_name(view->phase));
    if (view->model == NULL) {
        buf_printf(out, "<td colspan=\"6\">%s</td></tr>",
                   view->phase == MODEL_LOADING  ? "is being loaded"
                   : view->phase == MODEL_FAILED ? "cannot be loaded"
                                                 : "is not loaded");
        return;
    }
    const encoder *enc = served_model_encoder(view->model);
    aki_model_info info;
    encoder_describe(enc, &info);
    buf_printf(out, "<td>%s</td><td>", api_kind(enc));
    append_html(out, info.architecture);
    buf_printf(out, "</td><td>%zu</td><td>%zu</td><td>%s, %s</td><td>", encoder_dimension(enc),
               encoder_max_tokens(enc), kernel_precision_name(info.precision), info.cpu_tier);
    write_prompts(enc, out);
    buf_append_string(out, "</td></tr>");
}

/* A row for each model. */
static void write_models(const exchange *x, buf *out)
{
    if (has_keys(x)) {
        buf_append_string(out, "<tr><td colspan=\"8\">This service asks for an API key before it tells its "
                               "models.</td></tr>");
        return;
    }
    model_set_look(x->owner->models, write_model_row, out);
}

static void write_texts(const exchange *x, buf *out)
{
    buf_printf(out, "%zu", x->owner->settings.max_texts);
}

static void write_body_bytes(const exchange *x, buf *out)
{
    buf_printf(out, "%zu", x->owner->settings.max_body_bytes);
}

static void write_routes(const exchange *x, buf *out)
{
    for (const route *r = route_table; r->path != NULL && !has_keys(x); r++) {
        if (!routes_visible(r, x->owner, x->admin))
            continue;
        buf_printf(out, "<tr><td>%s</td><th scope=\"row\"><code>%s</code></th><td>", r->method, r->path);
        append_html(out, r->description);
        buf_append_string(out, "</td></tr>\n");
    }
}

static void write_keys(const exchange *x, buf *out)
{
    buf_append_string(out, has_keys(x) ? "yes" : "no");
}

/* Arguments of a call that carry the key, and those of a service without keys. */
static const struct {
    const char *name, *with, *without;
} key_texts[] = {
    {"curl_key", " \\\n     -H \"authorization: Bearer $AKIDB_API_KEY\"", ""},
    {"python_os", "import os\n", ""},
    {"python_key", "os.environ[\"AKIDB_API_KEY\"]", "\"-\""},
    {"python_header", ", \"Authorization\": \"Bearer \" + os.environ[\"AKIDB_API_KEY\"]", ""},
    {"python_headers", ", headers={\"Authorization\": \"Bearer \" + os.environ[\"AKIDB_API_KEY\"]}", ""},
    {"grpc_metadata", ", metadata=[(\"authorization\", \"Bearer \" + os.environ[\"AKIDB_API_KEY\"])]", ""},
    {"grpcurl_key", "-H \"authorization: Bearer $AKIDB_API_KEY\" ", ""},
    {"javascript_key", ", authorization: \"Bearer \" + process.env.AKIDB_API_KEY", ""},
};

static const struct {
    const char *name;
    void (*write)(const exchange *x, buf *out);
} names[] = {
    {"version", write_version}, {"model", write_model},         {"model_path", write_model_path},
    {"origin", write_origin},   {"state", write_state},         {"state_class", write_state_class},
    {"uptime", write_uptime},   {"memory", write_memory},       {"breaker", write_breaker},
    {"models", write_models},   {"max_texts", write_texts},     {"max_body_bytes", write_body_bytes},
    {"routes", write_routes},   {"keys", write_keys},           {"host", write_host},
    {"channel", write_channel}, {"plaintext", write_plaintext},
};

static bool is(const char *name, size_t length, const char *wanted)
{
    return strlen(wanted) == length && memcmp(name, wanted, length) == 0;
}

static bool write_named(const exchange *x, const char *name, size_t length, buf *out)
{
    for (size_t i = 0; i < sizeof key_texts / sizeof key_texts[0]; i++)
        if (is(name, length, key_texts[i].name)) {
            append_html(out, has_keys(x) ? key_texts[i].with : key_texts[i].without);
            return true;
        }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is(name, length, names[i].name)) {
            names[i].write(x, out);
            return true;
        }
    return false;
}

void page_text_write(const exchange *x, const char *text, buf *out)
{
    for (const char *open; (open = strstr(text, "{{")) != NULL;) {
        const char *name = open + 2, *close = strstr(name, "}}");
        if (close == NULL)
            break;
        buf_append(out, text, (size_t)(open - text));
        if (!write_named(x, name, (size_t)(close - name), out))
            buf_append(out, open, (size_t)(close + 2 - open));
        text = close + 2;
    }
    buf_append_string(out, text);
}
