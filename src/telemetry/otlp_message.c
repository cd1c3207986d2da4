#include "telemetry/otlp_message.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "telemetry/otlp.pb-c.h"

#include <stdalign.h>
#include <string.h>

#define SCOPE_NAME "akidb-embed"
#define NOT_UTF8 "(not UTF-8)"

static void set_value(Otlp__AnyValue *value, const span_attribute *from)
{
    switch (from->type) {
    case SPAN_NAME:
    case SPAN_TEXT:
        value->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        value->string_value = (char *)from->text;
        if (!utf8_valid(from->text, strlen(from->text), NULL))
            value->string_value = (char *)NOT_UTF8;
        break;
    case SPAN_INTEGER:
        value->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
        value->int_value = from->integer;
        break;
    case SPAN_REAL:
        value->value_case = OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
        value->double_value = from->real;
        break;
    case SPAN_BOOLEAN:
        value->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
        value->bool_value = from->boolean;
        break;
    }
}

Otlp__KeyValue **otlp_attributes(arena *a, const span_attribute *attributes, size_t count)
{
    Otlp__KeyValue **pointers = arena_zalloc(a, count, sizeof *pointers);
    Otlp__KeyValue *pairs = arena_zalloc(a, count, sizeof *pairs);
    Otlp__AnyValue *values = arena_zalloc(a, count, sizeof *values);
    if (a->failed)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        otlp__any_value__init(&values[i]);
        set_value(&values[i], &attributes[i]);
        otlp__key_value__init(&pairs[i]);
        pairs[i].key = (char *)attributes[i].key;
        pairs[i].value = &values[i];
        pointers[i] = &pairs[i];
    }
    return pointers;
}

Otlp__Resource *otlp_resource(arena *a, const resource *from)
{
    Otlp__Resource *made = arena_zalloc(a, 1, sizeof *made);
    if (made == NULL)
        return NULL;
    otlp__resource__init(made);
    made->attributes = otlp_attributes(a, from->attributes, from->count);
    made->n_attributes = made->attributes != NULL ? from->count : 0;
    return made;
}

Otlp__InstrumentationScope *otlp_scope(arena *a)
{
    Otlp__InstrumentationScope *scope = arena_zalloc(a, 1, sizeof *scope);
    if (scope == NULL)
        return NULL;
    otlp__instrumentation_scope__init(scope);
    scope->name = (char *)SCOPE_NAME;
    scope->version = (char *)AKI_VERSION;
    return scope;
}

bool otlp_pack(const void *message, buf *out)
{
    const size_t bytes = protobuf_c_message_get_packed_size(message);
    if (bytes > OTLP_MESSAGE_MAX_BYTES)
        return false;
    char *at = buf_reserve(out, bytes);
    if (at == NULL)
        return false;
    buf_commit(out, protobuf_c_message_pack(message, (uint8_t *)at));
    return true;
}

#define BLOCK_BYTES ((size_t)64 << 10)

typedef struct arena_block {
    struct arena_block *next;
    alignas(max_align_t) unsigned char bytes[];
} arena_block;

void *arena_zalloc(arena *a, size_t count, size_t size)
{
    size_t bytes;
    const size_t alignment = alignof(max_align_t);
    if (a->failed || !size_mul(count, size, &bytes) || !size_add(bytes, alignment - 1, &bytes)) {
        a->failed = true;
        return NULL;
    }
    bytes = bytes / alignment * alignment;
    if (a->blocks == NULL || bytes > a->capacity - a->used) {
        const size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        arena_block *block = mem_alloc(1, sizeof *block + capacity);
        if (block == NULL) {
            a->failed = true;
            return NULL;
        }
        block->next = a->blocks;
        a->blocks = block;
        a->used = 0;
        a->capacity = capacity;
    }
    void *object = a->blocks->bytes + a->used;
    a->used += bytes;
    return memset(object, 0, bytes);
}

void arena_free(arena *a)
{
    while (a->blocks != NULL) {
        arena_block *next = a->blocks->next;
        mem_free(a->blocks);
        a->blocks = next;
    }
    *a = (arena){0};
}
