#include "server/handlers.h"

#include "base/accept.h"
#include "http/gzip.h"
#include "server/pages/page.h"
#include "server/routes.h"

#include <stdio.h>
#include <string.h>

#define MAX_PAGE_BYTES ((size_t)1 << 20)
#define TAG_BYTES 48

static const route index_page = {
    "GET", "/", "what is served, for people", 0, METRIC_ROUTE_INDEX, page_route, NULL, ROUTE_PAGE, NULL};

/* Equal weights are a program's, which has no use for a page. */
static bool prefers_html(const exchange *x)
{
    static const char *const html[] = {"text/html", "application/xhtml+xml", NULL}, *const json[] = {
                                                                                        "application/json",
                                                                                        NULL};
    buf list;
    buf_init(&list, x->owner->settings.max_header_bytes * 2);
    http_request_join(&x->stream->request, "Accept", &list);
    const bool prefers = accept_weight(list.data, html) > accept_weight(list.data, json);
    buf_free(&list);
    return prefers;
}

const route *page_route_choose(const exchange *x, const route *found)
{
    if (strcmp(found->path, index_page.path) != 0 || strcmp(found->method, index_page.method) != 0 ||
        !routes_visible(&index_page, x->owner, x->admin) || !prefers_html(x))
        return found;
    return &index_page;
}

static const page_file *file_of(const char *path)
{
    const page_file *file = page_files;
    while (strcmp(file->path, path) != 0)
        file++;
    return file;
}

/* Headers of every page. */
static void add_headers(const page_file *file, http_reply *reply)
{
    http_reply_add(reply, "Content-Security-Policy", file->policy);
    http_reply_add(reply, "X-Content-Type-Options", "nosniff");
    http_reply_add(reply, "Referrer-Policy", "no-referrer");
    http_reply_add(reply, "Cross-Origin-Opener-Policy", "same-origin");
    http_reply_add(reply, "Vary", "Accept, Accept-Encoding");
}

/* The page's version, of as many kinds as there are: the service's keys show in it. Weak, since it may be sent compressed. */
static void write_tag(const exchange *x, const page_file *file, char tag[TAG_BYTES])
{
    snprintf(tag, TAG_BYTES, "W/\"%s%s\"", file->tag, x->owner->keys != NULL ? "k" : "");
}

/* True where the client has the page already. */
static bool is_known(const exchange *x, const char *tag)
{
    const char *known = exchange_header(x, "If-None-Match");
    return known != NULL && (strcmp(known, "*") == 0 || strstr(known, strchr(tag, '"')) != NULL);
}

static void send_page(exchange *x, const page_file *file, const char *tag)
{
    http_reply reply;
    buf body;
    http_reply_init(&reply, 200);
    buf_init(&body, MAX_PAGE_BYTES);
    page_text_write(x, file->text, &body);
    const bool compressed =
        gzip_reply_accepted(exchange_header(x, "Accept-Encoding")) && gzip_reply_deflate(&body);
    if (!http_reply_take_body(&reply, &body))
        reply.fields.failed = true;
    x->reply_held = reply.body_bytes;
    atomic_fetch_add(&x->owner->reply_bytes, x->reply_held);
    buf_free(&body);
    http_reply_add(&reply, "Content-Type", "text/html; charset=utf-8");
    if (compressed)
        http_reply_add(&reply, "Content-Encoding", "gzip");
    if (x->revalidates)
        http_reply_add(&reply, "ETag", tag);
    add_headers(file, &reply);
    exchange_send(x, &reply);
}

static void send_not_modified(exchange *x, const page_file *file, const char *tag)
{
    http_reply reply;
    http_reply_init(&reply, 304);
    http_reply_add(&reply, "ETag", tag);
    add_headers(file, &reply);
    exchange_send(x, &reply);
}

void page_route(exchange *x)
{
    const page_file *file = file_of(x->route->path);
    char tag[TAG_BYTES];
    write_tag(x, file, tag);
    x->revalidates = x->route != &index_page; /* which varies with the service's state */
    if (x->revalidates && is_known(x, tag))
        send_not_modified(x, file, tag);
    else
        send_page(x, file, tag);
}
