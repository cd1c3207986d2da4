/* Messages between the server (process_device.h) and the process that a device has to itself (process_serve, below).
 * Both are the same program, so that structs travel as they are.
 *
 * Two descriptors come with the process: the control socket, and the plugin, already checked. Over the control socket it says
 * what it found (process_hello), is told to open the device, and answers; then each message asks for a state and brings two
 * descriptors: the state's own socket and its memory. Over a state's socket go one process_pass at a time and its answer; the
 * token ids, and the result, lie in the memory. A socket that is closed ends what it was for. */
#ifndef ENGINE_DEVICE_PROCESS_WIRE_H
#define ENGINE_DEVICE_PROCESS_WIRE_H

#include "base/memory.h"
#include "akidb/embed.h"
#include "engine/device/device.h"

#define PROCESS_COMMAND "device-process" /* the program's, for itself */
#define PROCESS_CONTROL 3                /* descriptors */
#define PROCESS_PLUGIN 4

typedef struct process_hello {
    int score;
    uint64_t fingerprint; /* of the model that it has loaded */
    char message[DEVICE_MESSAGE_BYTES];
} process_hello;

typedef struct process_request {
    size_t max_tokens; /* of a state; 0 = open the device */
} process_request;

/* The answer to everything else. */
typedef struct process_answer {
    device_status status;
    device_times times;                 /* of a pass */
    char message[DEVICE_MESSAGE_BYTES]; /* why it failed; of an opened device: what it logged last */
} process_answer;

typedef struct process_pass {
    size_t texts;
    bool typed; /* `second` is filled */
} process_pass;

/* One message, whole or not at all. */
bool process_receive(int from, void *to, size_t bytes);
bool process_tell(int to, const void *what, size_t bytes);

/* A state's memory. */
typedef struct process_memory {
    void *base;
    size_t bytes;
    float *output;        /* [max_tokens][hidden], of which a device that pools uses [texts][hidden] */
    int32_t *ids;         /* [max_tokens] */
    uint32_t *offsets;    /* [max_tokens + 1] */
    aki_pooling *pooling; /* [max_tokens] */
    uint32_t *second;     /* [max_tokens]: device_batch.second */
} process_memory;

/* Where the parts lie; base NULL: only the bytes. False = too many. */
static inline bool process_memory_place(process_memory *m, void *base, size_t max_tokens, size_t hidden)
{
    size_t output, others;
    if (!size_mul(max_tokens, hidden, &output) || !size_mul(output, sizeof(float), &output) ||
        !size_mul(max_tokens + 1, sizeof(int32_t) + 2 * sizeof(uint32_t) + sizeof(aki_pooling), &others) ||
        !size_add(output, others, &m->bytes))
        return false;
    m->base = base;
    if (base == NULL)
        return true;
    m->output = base;
    m->ids = (int32_t *)((char *)base + output);
    m->offsets = (uint32_t *)(m->ids + max_tokens + 1);
    m->pooling = (aki_pooling *)(m->offsets + max_tokens + 1);
    m->second = (uint32_t *)(m->pooling + max_tokens + 1);
    return true;
}

/* The other side of engine/device/process_device.h: the process that a device has to itself. */

/* Loads the model and the plugin, and serves passes until the control socket is closed, which is when the process is to end:
 * threads and device are left as they are. The descriptors of engine/device/process_wire.h must be there. False = it could not begin, or
 * what came over the socket was no message of this program's. */
bool process_serve(const char *folder, aki_precision precision);

#endif
