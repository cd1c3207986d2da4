/* Packed weights kept on disk, so that the next start need not calibrate and quantise: one file for each model, tier,
 * precision and version of the program, <folder>/<16 hex digits>.weights.
 *
 * The name and the header hold what the weights depend on, the contents of the model's tensors included (XXH64, at the speed of
 * memory), so that a changed model is never served from an old file. A file is header, choices of the calibration, packed
 * matrices; every size is checked before use, the checksum before the weights are used. What is wrong with a file or the folder
 * is logged and the weights are computed: nothing here is an error. Files are replaced in one step, so several processes may share
 * a folder. The checksum is against accidents: who may write to the folder decides what is computed. */
#ifndef ENGINE_CPU_WEIGHTS_CACHE_H
#define ENGINE_CPU_WEIGHTS_CACHE_H

#include "engine/cpu/internal.h"

/* The file's beginning, in the machine's byte order; without padding. */
typedef struct weights_cache_header {
    char magic[8];
    uint32_t version; /* of this layout and of the kernels' packed layouts: raised when one changes */
    uint32_t precision;
    uint32_t number; /* kernel_number beside the quantised matrices */
    uint32_t column_step;
    char program[16], tier[32];
    uint64_t model; /* XXH64 of configuration and tensors */
    uint64_t choices_bytes;
    uint64_t packed_bytes;
    uint64_t checksum; /* XXH64 of choices and packed matrices; seeded with packed_bytes */
} weights_cache_header;

typedef struct weights_cache_entry {
    char *path;               /* NULL where there was no memory for it: then nothing is loaded or stored */
    weights_cache_header key; /* packed_bytes and checksum are 0 */
} weights_cache_entry;

/* The device's kernels are chosen and its vectors placed. Close the entry in any case. */
void weights_cache_find(weights_cache_entry *entry, const char *folder, const cpu_device *device,
                        const model_weights *weights);
/* True: device->packed and the calibration's results are those that were stored. False: the device is as before. */
bool weights_cache_load(const weights_cache_entry *entry, cpu_device *device, const log_sink *log);
/* Stores nothing when the model's tensors changed since weights_cache_find. */
void weights_cache_store(const weights_cache_entry *entry, const cpu_device *device,
                         const model_weights *weights, const log_sink *log);
void weights_cache_close(weights_cache_entry *entry);

#endif
