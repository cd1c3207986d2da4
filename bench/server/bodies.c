#include "bodies.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFERENCE_WAIT_MS = 60000 };

static bool add_line(bodies *b, const char *line, const char *target)
{
    char *json;
    unsigned long texts = strtoul(line, &json, 10);
    if (json == line || *json != '\t' || texts == 0)
        return false;
    json++;
    request_body *grown = realloc(b->items, (b->count + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    b->items = grown;
    request_body *added = &b->items[b->count];
    *added = (request_body){.texts = target == NULL ? texts : 0};
    int bytes = asprintf(&added->request,
                         "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\n\r\n%s",
                         target == NULL ? "/api/v1/embed" : target, strlen(json), json);
    if (bytes < 0)
        return false;
    added->request_bytes = (size_t)bytes;
    b->count++;
    return true;
}

bool bodies_read(bodies *b, const char *path, const char *target)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "bench_load: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t bytes;
    bool good = true;
    while (good && (bytes = getline(&line, &capacity, file)) > 0) {
        if (line[bytes - 1] == '\n')
            line[bytes - 1] = '\0';
        good = add_line(b, line, target);
    }
    free(line);
    fclose(file);
    if (!good || b->count == 0) {
        fprintf(stderr, "bench_load: %s: line %zu is not \"TEXTS<tab>JSON\"\n", path, b->count + 1);
        return false;
    }
    return true;
}

bool bodies_get(bodies *b, const char *path)
{
    b->items = calloc(1, sizeof *b->items);
    int bytes = b->items == NULL
                    ? -1
                    : asprintf(&b->items->request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
    if (bytes < 0) {
        fprintf(stderr, "bench_load: out of memory\n");
        free(b->items);
        b->items = NULL;
        return false;
    }
    b->items->request_bytes = (size_t)bytes;
    b->count = 1;
    return true;
}

static bool ask_one(connection *c, request_body *body)
{
    if (!connection_ask(c, body->request, body->request_bytes))
        return false;
    connection_progress progress;
    while ((progress = connection_advance(c)) == CONNECTION_WAITING) {
        short events = c->sent_bytes < c->request_bytes ? POLLIN | POLLOUT : POLLIN;
        if (poll(&(struct pollfd){.fd = c->fd, .events = events}, 1, REFERENCE_WAIT_MS) == 0)
            return false;
    }
    reply_vectors vectors;
    if (progress != CONNECTION_COMPLETE || c->head.status != 200 ||
        !reply_find_vectors(c->input + c->head.head_bytes, c->head.body_bytes, &vectors) ||
        vectors.count != body->texts)
        return false;
    body->reference = malloc(vectors.text_bytes);
    if (body->reference == NULL)
        return false;
    memcpy(body->reference, vectors.text, vectors.text_bytes);
    body->reference_bytes = vectors.text_bytes;
    return true;
}

bool bodies_ask_references(bodies *b, size_t count, const connection_target *target)
{
    connection c = {.fd = -1};
    bool good = connection_open(&c, target);
    while (good && !c.connected)
        good = poll(&(struct pollfd){.fd = c.fd, .events = POLLIN | POLLOUT}, 1, REFERENCE_WAIT_MS) > 0 &&
               connection_advance(&c) == CONNECTION_WAITING;
    for (size_t i = 0; good && i < count && i < b->count; i++) {
        good = ask_one(&c, &b->items[i]);
        if (!good)
            fprintf(stderr,
                    "bench_load: the idle server did not answer body %zu with its vectors (status %d)\n",
                    i + 1, c.has_head ? c.head.status : 0);
    }
    connection_destroy(&c);
    return good;
}

void bodies_destroy(bodies *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->items[i].request);
        free(b->items[i].reference);
    }
    free(b->items);
    *b = (bodies){0};
}
