#include "telemetry/resource.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

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
