#include "api/embed_reply.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "api/float_text.h"
#include "api/http_error.h"
#include "api/vector_json.h"
#include "base/json_text.h"

#include <string.h>

#define TAIL_BYTES 256
#define INDEX_BYTES 21
/* {"index":…,"code":"…","message":"…"}, with every byte of the message escaped. */
#define ITEM_ERROR_BYTES (128 + 6 * sizeof((scheduler_item_error *)0)->message)

size_t embed_reply_bound(const embed_reply *reply)
{
    size_t vector, all, errors;
    if (!size_mul(reply->dimension, FLOAT_TEXT_MAX + 1, &vector) ||
        !size_add(vector, INDEX_BYTES + 3, &vector) || !size_mul(reply->count, vector, &all) ||
        !size_mul(reply->item_errors_count, ITEM_ERROR_BYTES, &errors) || !size_add(all, errors, &all) ||
        !size_add(all, TAIL_BYTES + 6 * strlen(reply->model_name), &all))
        return SIZE_MAX;
    return all;
}

static void write_truncated(const embed_reply *reply, buf *out)
{
    bool any = false;
    for (size_t i = 0; i < reply->count; i++)
        if (reply->info[i].truncated) {
            buf_printf(out, any ? ",%zu" : ",\"truncated\":[%zu", i);
            any = true;
        }
    if (any)
        buf_append_char(out, ']');
}

static void write_item_errors(const embed_reply *reply, buf *out)
{
    for (size_t i = 0; i < reply->item_errors_count; i++) {
        const scheduler_item_error *item = &reply->item_errors[i];
        buf_printf(
            out, i == 0 ? ",\"errors\":[{\"index\":%zu,\"code\":" : ",{\"index\":%zu,\"code\":", item->index);
        json_text_append_string(out, http_error_name(http_error_of_text(item->status)));
        buf_append_string(out, ",\"message\":");
        json_text_append_string(out, item->message);
        buf_append_char(out, '}');
    }
    if (reply->item_errors_count > 0)
        buf_append_char(out, ']');
}

static size_t told_of(const embed_reply *reply)
{
    return reply->cut > 0 ? reply->cut : reply->dimension;
}

/* room: [cut], for a vector that is cut. */
static aki_status write_vectors(const embed_reply *reply, float *room, buf *out, aki_error *error)
{
    size_t failed = 0;
    for (size_t i = 0; i < reply->count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        if (failed < reply->item_errors_count && reply->item_errors[failed].index == i) {
            buf_append_string(out, "null");
            failed++;
            continue;
        }
        const float *vector = reply->vectors + i * reply->dimension;
        if (reply->cut > 0)
            vector = vector_json_cut(vector, reply->cut, reply->normalize_cut, room);
        aki_status status = reply->base64 ? vector_json_write_base64(vector, told_of(reply), i, out, error)
                                          : vector_json_write_numbers(vector, told_of(reply), i, out, error);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

/* Texts that failed have no tokens. */
static size_t count_tokens(const embed_reply *reply)
{
    size_t tokens = 0, failed = 0;
    for (size_t i = 0; i < reply->count; i++) {
        if (failed < reply->item_errors_count && reply->item_errors[failed].index == i)
            failed++;
        else
            tokens += reply->info[i].tokens;
    }
    return tokens;
}

aki_status embed_reply_write(const embed_reply *reply, buf *out, aki_error *error)
{
    float *room = NULL;
    if (reply->cut > 0 && (room = mem_alloc(reply->cut, sizeof *room)) == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    buf_append_string(out, "{\"embeddings\":[");
    aki_status status = write_vectors(reply, room, out, error);
    mem_free(room);
    if (status != AKI_OK)
        return status;
    buf_append_string(out, "],\"model\":");
    json_text_append_string(out, reply->model_name);
    int64_t us = reply->duration_ns > 0 ? reply->duration_ns / (NS_PER_MS / 1000) : 0;
    buf_printf(out, ",\"dimension\":%zu,\"usage\":{\"total_tokens\":%zu,\"duration_ms\":%lld.%03lld}",
               told_of(reply), count_tokens(reply), (long long)(us / 1000), (long long)(us % 1000));
    write_truncated(reply, out);
    write_item_errors(reply, out);
    if (!buf_append_string(out, "}\n"))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    return AKI_OK;
}
