#include "grpc/message.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

/* Of an allocation, beside its bytes. */
#define BLOCK_BYTES ((size_t)32)
/* Memory that a message may take once it is unpacked: so much for each byte, and never more than a few times the largest body. */
#define PER_BYTE 64
#define SPARE_BYTES ((size_t)64 << 10)
#define LARGEST_BODIES 2
#define LARGEST_SPARE_BYTES ((size_t)1 << 20)

typedef struct budget {
    size_t left;
    bool spent;
} budget;

static void *take(void *cookie, size_t size)
{
    budget *b = cookie;
    if (size > b->left || b->left - size < BLOCK_BYTES) {
        b->spent = true;
        return NULL;
    }
    b->left -= size + BLOCK_BYTES;
    return mem_alloc(1, size);
}

static void give_back(void *cookie, void *block)
{
    (void)cookie;
    mem_free(block);
}

static size_t budget_of(size_t bytes, size_t max_body_bytes)
{
    const size_t most = max_body_bytes * LARGEST_BODIES + LARGEST_SPARE_BYTES;
    return bytes < (most - SPARE_BYTES) / PER_BYTE ? bytes * PER_BYTE + SPARE_BYTES : most;
}

static void *unpack(const ProtobufCMessageDescriptor *type, const grpc_message *message,
                    size_t max_body_bytes, http_error *error)
{
    budget b = {.left = budget_of(message->bytes, max_body_bytes)};
    ProtobufCAllocator allocator = {.alloc = take, .free = give_back, .allocator_data = &b};
    ProtobufCMessage *read = protobuf_c_message_unpack(type, &allocator, message->bytes, message->data);
    if (read == NULL && b.spent)
        http_error_set(error, HTTP_ERROR_BODY_TOO_LARGE, NULL,
                       "the fields of the message would take more than %zu bytes of memory",
                       budget_of(message->bytes, max_body_bytes));
    else if (read == NULL)
        http_error_set(error, HTTP_ERROR_INVALID_MESSAGE, NULL, "the bytes are no message of the type %s",
                       type->name);
    return read;
}

void *grpc_message_read(const ProtobufCMessageDescriptor *type, const api_request *request,
                        const api_service *service, http_error *error)
{
    static const uint8_t nothing[1];
    grpc_message message;
    void *read = NULL;
    if (grpc_unframe(request, service->max_body_bytes, &message, error)) {
        if (message.data == NULL)
            message.data = nothing;
        read = unpack(type, &message, service->max_body_bytes, error);
    }
    buf_free(&message.plain);
    return read;
}

void grpc_message_free(void *message)
{
    static ProtobufCAllocator allocator = {.alloc = take, .free = give_back};
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, &allocator);
}

aki_status grpc_message_append(buf *out, const ProtobufCMessage *message, aki_error *error)
{
    const size_t at = grpc_frame_begin(out), bytes = protobuf_c_message_get_packed_size(message);
    char *room = buf_reserve(out, bytes);
    if (room == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    buf_commit(out, protobuf_c_message_pack(message, (uint8_t *)room));
    grpc_frame_end(out, at);
    return AKI_OK;
}

json_t *grpc_json_string(ProtobufCBinaryData text, const char *param, http_error *error)
{
    const char *bytes = text.len > 0 ? (const char *)text.data : "";
    json_t *value = json_stringn(bytes, text.len);
    if (value != NULL)
        return value;
    if (!utf8_valid(bytes, text.len, NULL))
        http_error_set(error, HTTP_ERROR_INVALID_UTF8, param, "%s is not valid UTF-8", param);
    else
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for %s", param);
    return NULL;
}

bool grpc_json_set(json_t *object, const char *name, json_t *value, http_error *error)
{
    if (value == NULL)
        return false;
    if (json_object_set_new(object, name, value) == 0)
        return true;
    http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for %s", name);
    return false;
}

bool grpc_json_set_string(json_t *object, const char *name, ProtobufCBinaryData text, http_error *error)
{
    return grpc_json_set(object, name, grpc_json_string(text, name, error), error);
}
