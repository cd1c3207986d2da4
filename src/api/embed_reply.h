/* The body of a successful POST /api/v1/embed. */
#ifndef API_EMBED_REPLY_H
#define API_EMBED_REPLY_H

#include "akidb/embed.h"
#include "base/buf.h"
#include "scheduler/scheduler.h"

typedef struct embed_reply {
    const float *vectors;      /* [count][dimension] f32 */
    const aki_text_info *info; /* [count] */
    size_t count, dimension;
    size_t cut;                              /* numbers of a vector that are told; 0 = all */
    bool normalize_cut;                      /* and these are normalised again */
    const scheduler_item_error *item_errors; /* [item_errors_count], rising: texts whose vector is null */
    size_t item_errors_count;
    const char *model_name;
    bool base64; /* little-endian f32 in base64 instead of lists of numbers */
    int64_t duration_ns;
} embed_reply;

/* An upper bound of the body's length; SIZE_MAX when it does not fit. */
size_t embed_reply_bound(const embed_reply *reply);

/* Appends the JSON body to `out`, whose maximum must be at least the bound. Error: AKI_NOT_FINITE (names the text; what
 * was appended is of no use), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status embed_reply_write(const embed_reply *reply, buf *out, aki_error *error);

#endif
