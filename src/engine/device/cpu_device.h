/* The CPU as a device: BERT's forward pass over the kernel table.
 *
 * A pass takes token ids of several texts laid end to end, without padding: all tokens are rows of one matrix, and the
 * texts' bounds matter in attention only. A row's result does not depend on the other rows (same order of additions
 * whatever the number of rows), so vectors are bit-identical whatever stands beside a text.
 *
 * Three structs: model_config + model_weights (const), cpu_device (weights packed once at open, const, shared) and
 * cpu_state (buffers, one per worker thread, sized at open: a pass allocates nothing, and pages that no pass has touched cost
 * nothing). */
#ifndef ENGINE_DEVICE_CPU_DEVICE_H
#define ENGINE_DEVICE_CPU_DEVICE_H

#include <stdatomic.h>

#include "akidb/embed.h"
#include "base/log.h"
#include "engine/device/device.h"
#include "kernels/kernels.h"
#include "model/model.h"

typedef struct cpu_device cpu_device;
typedef struct cpu_state cpu_state;

/* tier NULL = best for this CPU. weights_cache: folder of weights_cache.h, NULL = none. The model must outlive the device. A device
 * of a model that is open already from the same file, with the same kernels and precision, is shared by count: *out is the same. Errors: AKI_CPU_UNSUPPORTED,
 * AKI_MODEL_UNSUPPORTED, AKI_OUT_OF_MEMORY, AKI_MODEL_CHANGED. */
AKI_MUST_CHECK aki_status cpu_device_open(cpu_device **out, const model *m, aki_precision precision,
                                          const char *tier, const char *weights_cache, const log_sink *log,
                                          aki_error *error);
/* As cpu_device_open. *selected_ns becomes the time (CLOCK_MONOTONIC) at which kernels were selected and packing began, also when packing
 * fails; it stays as it is when none could be selected. */
AKI_MUST_CHECK aki_status cpu_device_open_timed(cpu_device **out, const model *m, aki_precision precision,
                                                const char *tier, const char *weights_cache,
                                                const log_sink *log, int64_t *selected_ns, aki_error *error);
/* Opens it from a configuration and weights that need no folder; the word embeddings must outlive the device, as must what a static
 * model has for its tokens; the other tensors are copied. */
AKI_MUST_CHECK aki_status cpu_device_open_weights(cpu_device **out, const model_config *config,
                                                  const model_weights *weights, aki_precision precision,
                                                  const char *tier, const log_sink *log, aki_error *error);
/* As cpu_device_open_weights, with a folder of weights_cache.h. */
AKI_MUST_CHECK aki_status cpu_device_open_cached(cpu_device **out, const model_config *config,
                                                 const model_weights *weights, aki_precision precision,
                                                 const char *tier, const char *weights_cache,
                                                 const log_sink *log, aki_error *error);
void cpu_device_close(cpu_device *device);

const char *cpu_device_tier(const cpu_device *device);
const struct kernel_table *cpu_device_kernels(const cpu_device *device);
/* The kernels' name of a model's activation. */
kernel_activation cpu_kernel_activation(model_activation activation);
aki_precision cpu_device_precision(const cpu_device *device);
const char *cpu_device_precision_name(const cpu_device *device); /* as the option has it */
/* In int8: matrices that a calibration at open found to lose too much in it, which stay in the precision beside it. */
size_t cpu_device_kept_from_int8(const cpu_device *device);
/* Memory of the packed weights and of the vectors kept beside them. */
size_t cpu_device_packed_bytes(const cpu_device *device);

/* max_tokens: the most tokens of a pass (>= the longest text). */
AKI_MUST_CHECK aki_status cpu_state_open(cpu_state **out, const cpu_device *device, size_t max_tokens,
                                         aki_error *error);
void cpu_state_close(cpu_state *state);
/* Memory that the state takes once a pass of max_tokens has gone through it. */
size_t cpu_state_bytes(const cpu_state *state);
/* After a pass of more than this many tokens cpu_state_settle gives the memory back, so that one long text does not leave its
 * buffers with each worker. To touch them again costs less than a thousandth of such a pass. */
#define CPU_STATE_KEPT_TOKENS ((size_t)2048)
/* The state is used no more, the last pass's result included, until its next pass; that one had `tokens` tokens. */
void cpu_state_settle(cpu_state *state, size_t tokens);

/* Bytes of a token's row of keys and values in one layer, where texts may take over what their first tokens have in common with other
 * texts; 0 where they may not, because what comes behind a token has an influence on it. */
size_t cpu_device_prefix_row_bytes(const cpu_device *device);
/* rows: [layers][tokens] such rows. */
bool cpu_device_prefix_is_finite(const cpu_device *device, const unsigned char *rows, size_t tokens);

/* A text's first tokens, which an earlier pass has computed: the pass has rows for those behind them only, and their bits are the same
 * as if it had all. rows: [layers][stride] rows of cpu_device_prefix_row_bytes, keys (turned by their positions), then values. */
typedef struct cpu_reuse {
    const unsigned char *rows;
    size_t stride; /* rows of a layer */
    size_t tokens; /* 0 = the text takes nothing over */
} cpu_reuse;

typedef struct cpu_sharing {
    const cpu_reuse *reuse; /* [texts] of the batch; NULL = nothing is taken over */
    /* NULL, or where keys and values of a batch of one text go, behind those that it takes over: as cpu_reuse.rows. */
    unsigned char *keep;
    size_t keep_stride;
} cpu_sharing;

/* For the state's next pass alone; before cpu_forward or cpu_team_begin. */
void cpu_state_share(cpu_state *state, const cpu_sharing *sharing);

/* Last hidden states, [offsets[texts]][hidden] f32 row-major, 64-byte aligned, in the state: valid until its next
 * use. Cannot fail on valid arguments. */
const float *cpu_forward(const cpu_device *device, cpu_state *state, const device_batch *batch);

/* cpu_forward for a team of workers. First cpu_team_begin, which returns at once and computes nothing; from then on
 * other workers may call cpu_team_help. Then, always, cpu_team_run with the same batch, which computes it as
 * cpu_forward does; the result is bit-identical whoever helped. workers: how many are expected, this one included (>=
 * 1); the work is divided to fit them. The arrays of the batch must not change until cpu_team_run returns. Then they
 * may be overwritten at once, even while a helping worker has not yet returned from cpu_team_help. */
void cpu_team_begin(cpu_state *state, const device_batch *batch, unsigned workers);
const float *cpu_team_run(const cpu_device *device, cpu_state *state, const device_batch *batch);
/* On another worker's thread, with its own state: takes part in the pass that `leader` has begun, if it takes help, until it
 * is over or *called_away (NULL = never) is not 0. The leader's state must stay open meanwhile. */
void cpu_team_help(const cpu_device *device, const cpu_state *own, const cpu_state *leader,
                   const atomic_uint *called_away);

/* The CPU behind the interface of devices: for choosing among devices by score, and for devices that compute by it. The
 * encoder itself calls engine/device/cpu_device.h directly, where several workers may help with one pass. */

extern const device_api device_cpu_api;

#endif
