/* The interface of a device: what computes last hidden states from token ids. Implemented in this program by the CPU
 * (engine/device/cpu_device.h) and by shared objects that are loaded at start (engine/device/plugin.h), for GPUs and for tests.
 *
 * A plugin exports one constant, `const device_api aki_device_plugin`. It is built against the headers of the program that
 * loads it: abi_version says so, is looked at before anything else, and changes with any struct of this header or of
 * model/model.h. struct_size lets a later version of the host add members at the end, which a plugin from before lacks.
 *
 * Who calls what: `score` and `open` once, on one thread; then any number of states, each opened, used and closed by one
 * thread at a time, different ones at once; `close` when no state is left. A call that does not come back in time is given
 * up by the host, which then never touches that state again: the call may end later, or never, and disturbs nobody. After
 * a failure (all but DEVICE_OUT_OF_MEMORY and DEVICE_INVALID) the host uses no state from before it any more: each thread
 * closes its own and opens a new one at its next pass, which is where a device that vanished tries to come back.
 *
 * Nothing here may exit, raise signals or keep pointers to the host's memory beyond the call, the model's apart. */
#ifndef ENGINE_DEVICE_DEVICE_H
#define ENGINE_DEVICE_DEVICE_H

#include <stdint.h>

#include "akidb/embed.h"
#include "base/log.h"
#include "model/model.h"
#include "engine/device/device_times.h"

#define DEVICE_ABI_VERSION 6u
#define DEVICE_PLUGIN_SYMBOL "aki_device_plugin"
#define DEVICE_MESSAGE_BYTES 256
#define DEVICE_CPU_SCORE 100

/* X(symbol, name) */
#define DEVICE_STATUSES(X)                                                                                   \
    X(DEVICE_OK, "ok")                                                                                       \
    X(DEVICE_UNAVAILABLE, "unavailable")     /* gone, resetting, in use by others: may come back */          \
    X(DEVICE_OUT_OF_MEMORY, "out_of_memory") /* of the device; a smaller pass may do */                      \
    X(DEVICE_TIMEOUT, "timeout")             /* the pass took too long */                                    \
    X(DEVICE_INVALID, "invalid")             /* it takes no such batch: not its failure */                   \
    X(DEVICE_NOT_FINITE, "not_finite")       /* NaN or infinity came out; found by the host */               \
    X(DEVICE_FAILED, "failed")               /* anything else */

typedef enum device_status {
#define DEVICE_STATUS_ENUM(symbol, name) symbol,
    DEVICE_STATUSES(DEVICE_STATUS_ENUM)
#undef DEVICE_STATUS_ENUM
        DEVICE_STATUS_COUNT
} device_status;

/* What the host offers. */
typedef struct device_host {
    log_sink log;
    /* tensor_read_f32 of model/model.h. */
    void (*read_tensor)(const model_tensor *tensor, size_t first, size_t count, float *out);
} device_host;

/* What is to be computed. Outlives the device; the tensors are views into a mapped file. */
typedef struct device_model {
    const model_config *config;
    const model_weights *weights;
    aki_precision precision; /* as asked for, AUTO included: the device's own best */
    const char *folder;      /* that the model was opened from */
    /* what is made of the last hidden states; the host's to run, but for the pooling of a device that pools. NULL = not known */
    const model_heads *heads;
} device_model;

/* True for the ways in which a device that pools can do it. The host computes all others on the CPU. */
static inline bool device_has_pooling(aki_pooling pooling)
{
    return pooling == AKI_POOLING_CLS || pooling == AKI_POOLING_MAX || pooling == AKI_POOLING_MEAN;
}

typedef struct device_batch {
    const int32_t *token_ids; /* [offsets[texts]], each checked to be within the vocabulary by the caller */
    /* [texts + 1], rising from 0; text i is token_ids[offsets[i] .. offsets[i + 1]) */
    const uint32_t *offsets;
    size_t texts;               /* >= 1; every text has 1 .. max_positions tokens */
    const aki_pooling *pooling; /* [texts], by device_has_pooling; NULL for devices that do not pool */
    /* [texts]: the first token of each text that is of type 1, as the ones behind it are; the text's length = none. NULL = all tokens
     * are of type 0, as always for devices without `token_types`. */
    const uint32_t *second;
} device_batch;

typedef struct device_api {
    uint32_t abi_version; /* DEVICE_ABI_VERSION */
    uint32_t struct_size; /* sizeof(device_api) */
    const char *name;     /* "cuda": lower case, what --device takes */
    bool pools;           /* `forward` gives one pooled vector per text instead of the tokens' states */

    /* How good it is for this model here: the CPU has DEVICE_CPU_SCORE, more is better, 0 = not usable and message
     * ([DEVICE_MESSAGE_BYTES], as in all calls) says why. */
    int (*score)(const device_model *m, char *message);
    device_status (*open)(void **device, const device_model *m, const device_host *host, char *message);
    void (*close)(void *device);
    /* A thread's buffers for passes of up to max_tokens tokens. */
    device_status (*state_open)(void **state, void *device, size_t max_tokens, char *message);
    void (*state_close)(void *state);
    /* *output: [offsets[texts]][hidden] f32 row-major last hidden states or, where it pools, [texts][hidden] vectors before
     * normalisation; in the state, valid until its next use. May block. */
    device_status (*forward)(void *device, void *state, const device_batch *batch, const float **output,
                             device_times *times, char *message);
    /* Bytes of device memory. False = not known. */
    bool (*memory)(void *device, size_t *used, size_t *total);
    /* How many tokens a pass should have at most for it to be fast, as long as the user says nothing else; 0 = as for the CPU.
     * This and what follows came later: not every plugin's struct_size reaches to here. */
    size_t pass_tokens;
    /* The device is called in a process of its own (engine/device/process_device.h), which DEVICE_UNAVAILABLE ends: for those whose failures
     * cost the process that meets them the device for good. */
    bool isolated;
    bool token_types; /* it looks at device_batch.second; else the CPU computes pairs of texts */
} device_api;

#endif
