#include "server/handlers.h"

#include "api/options.h"
#include "base/json_text.h"
#include "server/routes.h"

#include <string.h>

#define MAX_DOCUMENT_BYTES ((size_t)512 << 10)

#define TEXT "{'type':'string'}"
#define IDS "{'type':'array','minItems':1,'items':{'type':'integer','minimum':0}}"

/* The schemas that descriptions refer to by name. */
static const char schemas[] =
    "'Vector':{'type':'array','items':{'type':'number'}},"
    "'Vectors':{'type':'array','items':{'$ref':'#/components/schemas/Vector'}},"
    "'Embedding':{'description':'A list of numbers, their bytes in base64, or both by the name of the type.',"
    "'anyOf':[{'$ref':'#/components/schemas/Vector'},{'type':'string','contentEncoding':'base64'},"
    "{'type':'object'}]},"
    "'Texts':{'anyOf':[" TEXT ",{'type':'array','items':" TEXT "}]},"
    "'TextsOrIds':{'anyOf':[" TEXT ",{'type':'array','minItems':1,'items':{'anyOf':[" TEXT "," IDS "]}}," IDS
    "]},"
    "'Input':{'description':'Lists of token ids are taken with --token-ids native or cl100k.','anyOf':[" TEXT
    ",{'type':'array','minItems':1,'items':{'anyOf':[" TEXT ",{'type':'object','required':['text'],"
    "'properties':{'text':" TEXT "}}," IDS "]}}," IDS "]},"
    "'Usage':{'type':'object','required':['prompt_tokens','total_tokens'],'properties':{"
    "'prompt_tokens':{'type':'integer'},'total_tokens':{'type':'integer'}}},"
    "'Error':{'description':'In the form of the dialect of the route: docs/API.md.','type':'object'}";

/* Appends JSON that has ' in the place of ". */
static void append_quoted(buf *out, const char *json)
{
    for (const char *c = json; *c != '\0'; c++)
        buf_append_char(out, *c == '\'' ? '"' : *c);
}

static void append_member(buf *out, const char **separator, const char *json)
{
    buf_append_string(out, *separator);
    append_quoted(out, json);
    *separator = ",";
}

static void append_fields(buf *out, const char **separator, const api_description *form)
{
    for (size_t t = 0; t < sizeof form->fields / sizeof form->fields[0]; t++)
        for (const api_field *f = form->fields[t]; f != NULL && f->name != NULL; f++) {
            const char *schema = option_schema(f->read);
            if (schema == NULL) /* then it is among the members */
                continue;
            buf_printf(out, "%s\"%s\":", *separator, f->name);
            append_quoted(out, schema);
            *separator = ",";
        }
}

static void append_properties(buf *out, const api_description *form)
{
    const char *separator = "";
    if (form->members != NULL)
        append_member(out, &separator, form->members);
    if (form->nested == NULL) {
        append_fields(out, &separator, form);
        return;
    }
    buf_printf(out, "%s\"%s\":{\"type\":\"object\",\"properties\":{", separator, form->nested);
    separator = "";
    if (form->nested_members != NULL)
        append_member(out, &separator, form->nested_members);
    append_fields(out, &separator, form);
    buf_append_string(out, "}}");
}

/* An example of a dialect names the model NAME. */
static void append_example(buf *out, const char *example, const char *model)
{
    static const char placeholder[] = "\"NAME\"";
    const char *at = strstr(example, placeholder);
    if (at == NULL) {
        append_quoted(out, example);
        return;
    }
    buf_append(out, example, (size_t)(at - example));
    json_text_append_string(out, model);
    buf_append_string(out, at + sizeof placeholder - 1);
}

static void append_body(buf *out, const api_operation *api, const char *model)
{
    const api_description *form = api->description;
    buf_append_string(out, ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{"
                           "\"schema\":{\"type\":\"object\",");
    if (form->required != NULL) {
        buf_append_string(out, "\"required\":[");
        append_quoted(out, form->required);
        buf_append_string(out, "],");
    }
    buf_append_string(out, "\"properties\":{");
    append_properties(out, form);
    buf_append_string(out, "}},\"example\":");
    append_example(out, form->example != NULL ? form->example : api->dialect->example, model);
    buf_append_string(out, "}}}");
}

static void append_parameters(buf *out, const route *r, const char *model)
{
    if (strstr(r->path, "{model}") == NULL)
        return;
    buf_append_string(out, ",\"parameters\":[{\"name\":\"model\",\"in\":\"path\",\"required\":true,"
                           "\"schema\":{\"type\":\"string\"},\"example\":");
    json_text_append_string(out, model);
    buf_append_string(out, "}]");
}

static void append_replies(buf *out, const route *r, bool has_pages)
{
    buf_append_string(out, ",\"responses\":{\"200\":{\"description\":\"done\",\"content\":{");
    if (r->metric == METRIC_ROUTE_METRICS) {
        buf_append_string(out, "\"text/plain\":{\"schema\":{\"type\":\"string\"}}");
    } else if (r->place == ROUTE_PAGE) {
        buf_append_string(out, "\"text/html\":{\"schema\":{\"type\":\"string\"}}");
    } else {
        buf_append_string(out, "\"application/json\":{\"schema\":");
        append_quoted(out, r->api != NULL ? r->api->description->reply : "{'type':'object'}");
        buf_append_char(out, '}');
    }
    if (r->metric == METRIC_ROUTE_KSERVE_INFER)
        buf_append_string(out, ",\"application/octet-stream\":{}");
    if (r->metric == METRIC_ROUTE_INDEX && has_pages)
        buf_append_string(out, ",\"text/html\":{}");
    buf_append_string(out, "}},\"default\":{\"description\":\"an error\",\"content\":{\"application/json\":{"
                           "\"schema\":{\"$ref\":\"#/components/schemas/Error\"}}}}}");
}

/* "operationId": the method and the path, with letters and digits alone. */
static void append_id(buf *out, const route *r)
{
    buf_append_string(out, ",\"operationId\":\"");
    buf_append_string(out, strcmp(r->method, "GET") == 0 ? "get" : "post");
    for (const char *c = r->path; *c != '\0'; c++)
        buf_append_char(out, strchr("/{}.-", *c) != NULL ? '_' : *c);
    buf_append_char(out, '"');
}

static void append_operation(buf *out, const route *r, const server *s)
{
    buf_printf(out, "\"%s\":{\"summary\":", strcmp(r->method, "GET") == 0 ? "get" : "post");
    json_text_append_string(out, r->description);
    append_id(out, r);
    append_parameters(out, r, model_set_default_name(s->models));
    if (r->api != NULL && strcmp(r->method, "POST") == 0)
        append_body(out, r->api, model_set_default_name(s->models));
    append_replies(out, r, s->settings.has_pages);
    if (s->keys != NULL && r->roles != 0)
        buf_append_string(out, ",\"security\":[{\"bearer\":[]},{\"header\":[]}]");
    buf_append_char(out, '}');
}

static bool is_first_of_path(const route *r)
{
    for (const route *earlier = route_table; earlier < r; earlier++)
        if (strcmp(earlier->path, r->path) == 0)
            return false;
    return true;
}

static void append_path(buf *out, const route *first, const exchange *x)
{
    const char *separator = "";
    buf_printf(out, "\"%s\":{", first->path);
    for (const route *r = first; r->path != NULL; r++) {
        if (strcmp(r->path, first->path) != 0 || !routes_visible(r, x->owner, x->admin))
            continue;
        buf_append_string(out, separator);
        append_operation(out, r, x->owner);
        separator = ",";
    }
    buf_append_char(out, '}');
}

static bool has_visible(const route *first, const exchange *x)
{
    for (const route *r = first; r->path != NULL; r++)
        if (strcmp(r->path, first->path) == 0 && routes_visible(r, x->owner, x->admin))
            return true;
    return false;
}

void openapi_route(exchange *x)
{
    buf body;
    const char *separator = "";
    buf_init(&body, MAX_DOCUMENT_BYTES);
    buf_printf(
        &body,
        "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"akidb-embed\",\"version\":\"%s\",\"description\":"
        "\"Text embeddings, in the dialects of several services.\"},\"paths\":{",
        aki_version());
    for (const route *r = route_table; r->path != NULL; r++) {
        if (!is_first_of_path(r) || !has_visible(r, x))
            continue;
        buf_append_string(&body, separator);
        append_path(&body, r, x);
        separator = ",";
    }
    buf_append_string(&body, "},\"components\":{\"schemas\":{");
    append_quoted(&body, schemas);
    buf_append_string(&body,
                      "},\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
                      "\"header\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-api-key\"}}}}\n");
    exchange_reply(x, 200, &body);
}
