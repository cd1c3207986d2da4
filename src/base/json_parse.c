#include "base/json_parse.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* How many bytes the parser is given at a time. */
#define READ_STEP ((size_t)16)
#define SMALL_BLOCK_BYTES ((size_t)4096)
/* Room for small blocks: more than READ_STEP bytes of the worst text ask for. */
#define SMALL_BLOCKS_BYTES ((size_t)48 << 10)
/* Memory that jansson takes per byte of text, for the worst of the texts in models' files: objects with a short key
 * and a number, a dozen bytes each. */
#define BYTES_PER_TEXT_BYTE ((size_t)16)
#define BLOCK_ALIGNMENT ((size_t)16)

/* One parse under way. */
typedef struct parse {
    const char *text; /* what is left of it */
    size_t length;
    bool lacked_memory;
    bool large_taken;
    size_t small_used;
    char *reserve; /* small blocks, then the large one */
    size_t reserve_bytes;
} parse;

static pthread_once_t wrap_once = PTHREAD_ONCE_INIT;
static atomic_bool wrapped;
static json_malloc_t allocate; /* these two are written once, by wrap_allocator */
static json_free_t release;
static _Thread_local parse *current;

/* A string's buffer doubles: it never asks for more than this. */
static bool size_large_block(size_t length, size_t *bytes)
{
    return size_mul(length, 2, bytes) && size_add(*bytes, SMALL_BLOCK_BYTES, bytes);
}

static void *take_reserve(parse *p, size_t size)
{
    size_t rounded = (size + BLOCK_ALIGNMENT - 1) & ~(BLOCK_ALIGNMENT - 1);
    if (size <= SMALL_BLOCK_BYTES) {
        if (rounded > SMALL_BLOCKS_BYTES - p->small_used)
            return NULL;
        p->small_used += rounded;
        return p->reserve + (p->small_used - rounded);
    }
    if (p->large_taken || size > p->reserve_bytes - SMALL_BLOCKS_BYTES)
        return NULL;
    p->large_taken = true;
    return p->reserve + SMALL_BLOCKS_BYTES;
}

static void *allocate_or_take_reserve(size_t size)
{
    void *block = allocate(size);
    if (block != NULL || current == NULL)
        return block;
    current->lacked_memory = true;
    return take_reserve(current, size);
}

static void release_unless_reserve(void *block)
{
    uintptr_t begin = current != NULL ? (uintptr_t)current->reserve : 0;
    if (current == NULL || (uintptr_t)block < begin || (uintptr_t)block >= begin + current->reserve_bytes)
        release(block);
}

static void wrap_allocator(void)
{
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(allocate_or_take_reserve, release_unless_reserve);
    atomic_store(&wrapped, true);
}

void json_parse_wrap_allocator(void)
{
    pthread_once(&wrap_once, wrap_allocator);
}

/* The parser's input; it ends once memory ran out. */
static size_t read_on(void *buffer, size_t room, void *cookie)
{
    parse *p = cookie;
    size_t count = room < READ_STEP ? room : READ_STEP;
    if (count > p->length)
        count = p->length;
    if (p->lacked_memory)
        return 0;
    memcpy(buffer, p->text, count);
    p->text += count;
    p->length -= count;
    return count;
}

static json_t *parse_with_reserve(parse *p, size_t flags, json_error_t *reason)
{
    p->reserve = mem_alloc(p->reserve_bytes, 1);
    if (p->reserve == NULL) {
        p->lacked_memory = true;
        return NULL;
    }
    current = p;
    json_t *root = json_load_callback(read_on, p, flags, reason);
    if (p->lacked_memory && root != NULL) {
        json_decref(root);
        root = NULL;
    }
    current = NULL;
    mem_free(p->reserve);
    return root;
}

/* Parses without the allocator's wrapper, so nothing tells when an allocation fails. */
static json_t *parse_unguarded(parse *p, size_t flags, json_error_t *reason)
{
    size_t bytes;
    void *needed =
        size_mul(p->length, BYTES_PER_TEXT_BYTE, &bytes) && size_add(bytes, p->reserve_bytes, &bytes)
            ? mem_alloc(bytes, 1)
            : NULL;
    if (needed == NULL) {
        p->lacked_memory = true;
        return NULL;
    }
    __asm__ volatile("" : : "r"(needed) : "memory"); /* else the compiler removes both calls */
    mem_free(needed);
    return json_load_callback(read_on, p, flags, reason);
}

json_t *json_parse(const char *text, size_t length, size_t flags, json_error_t *reason, bool *lacked_memory)
{
    size_t large_bytes;
    parse p = {.text = text, .length = length};
    *lacked_memory = true;
    if (!size_large_block(length, &large_bytes) ||
        !size_add(large_bytes, SMALL_BLOCKS_BYTES, &p.reserve_bytes))
        return NULL;
    json_t *root =
        atomic_load(&wrapped) ? parse_with_reserve(&p, flags, reason) : parse_unguarded(&p, flags, reason);
    *lacked_memory = p.lacked_memory;
    return root;
}

aki_status json_file_read(const char *path, size_t max_bytes, json_t **out, aki_error *error)
{
    *out = NULL;
    buf text;
    buf_init(&text, max_bytes);
    aki_status status = file_read(path, &text, error);
    if (status == AKI_OK) {
        const char *data = text.length > 0 ? text.data : "";
        const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
        json_error_t reason;
        bool lacked_memory;
        *out = json_parse(data, text.length, flags, &reason, &lacked_memory);
        if (*out == NULL && !lacked_memory && json_error_code(&reason) == json_error_numeric_overflow)
            *out = json_parse(data, text.length, flags | JSON_DECODE_INT_AS_REAL, &reason, &lacked_memory);
        if (*out == NULL && lacked_memory)
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", path);
        else if (*out == NULL)
            status = error_set(error, AKI_MODEL_INVALID, "'%s' is not valid JSON: line %d, column %d: %s",
                               path, reason.line, reason.column, reason.text);
    }
    buf_free(&text);
    return status;
}

/* The value under `key`, or NULL where it is absent or null. */
static const json_t *field(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

/* A whole number >= 0 that a real holds exactly, or an integer; else -1. */
static json_int_t whole_number(const json_t *value)
{
    if (json_is_integer(value))
        return json_integer_value(value);
    double real = json_real_value(value);
    if (!json_is_real(value) || !(real >= 0 && real <= 0x1p53) || real != (double)(json_int_t)real)
        return -1;
    return (json_int_t)real;
}

aki_status json_field_size(const json_t *object, const char *path, const char *key, size_t minimum,
                           size_t maximum, size_t *value, aki_error *error)
{
    const json_t *found = field(object, key);
    if (found == NULL)
        return AKI_OK;
    json_int_t number = whole_number(found);
    if (number < 0 || (size_t)number < minimum || (size_t)number > maximum)
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be a whole number from %zu to %zu",
                         path, key, minimum, maximum);
    *value = (size_t)number;
    return AKI_OK;
}

aki_status json_field_bool(const json_t *object, const char *path, const char *key, bool *value,
                           aki_error *error)
{
    const json_t *found = field(object, key);
    if (found == NULL)
        return AKI_OK;
    if (!json_is_boolean(found))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be true or false", path, key);
    *value = json_is_true(found);
    return AKI_OK;
}

aki_status json_field_number(const json_t *object, const char *path, const char *key, double minimum,
                             double maximum, double *value, aki_error *error)
{
    const json_t *found = field(object, key);
    if (found == NULL)
        return AKI_OK;
    double number = json_number_value(found);
    if (!json_is_number(found) || !(number >= minimum && number <= maximum))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be a number from %g to %g", path, key,
                         minimum, maximum);
    *value = number;
    return AKI_OK;
}

aki_status json_field_string(const json_t *object, const char *path, const char *key, const char **value,
                             aki_error *error)
{
    const json_t *found = field(object, key);
    if (found == NULL)
        return AKI_OK;
    if (!json_is_string(found))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be a string", path, key);
    *value = json_string_value(found);
    return AKI_OK;
}
