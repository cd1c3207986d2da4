/* Opening a device: chooses the kernels and has the weights packed.
 *
 * Devices of models that are opened from the same file are one device with a count of its users: the mapping is one as well (see
 * base/mapping.h), so the tensors have the same addresses, and what is packed of them would be the same byte for byte. Two threads
 * may pack the same model at the same time; the one that ends later takes the device of the other. */
#include "engine/cpu/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fork_lock.h"
#include "base/memory.h"
#include "kernels/precision.h"

/* True where a tier has a precision, and instructions that make it fast: plain C has all of them for comparison, but must be
 * named to be used. */
static bool tier_is_fast(const kernel_table *tier, aki_precision precision)
{
    return precision == AKI_PRECISION_INT8   ? tier->int8_is_faster
           : precision == AKI_PRECISION_BF16 ? tier->bf16_is_faster
           : precision == AKI_PRECISION_INT4 ? kernel_has_precision(tier, precision)
                                             : true;
}

/* "avx2 (fp32, int8, int4), reference (fp32, bf16, int8, int4)" */
static void list_tiers(char *list, size_t size)
{
    size_t used = 0;
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL && used < size; tier++)
        used += (size_t)snprintf(list + used, size - used, "%s%s (fp32%s%s%s)", used > 0 ? ", " : "",
                                 (*tier)->name, (*tier)->bf16 != NULL ? ", bf16" : "",
                                 (*tier)->int8 != NULL ? ", int8" : "",
                                 kernel_has_precision(*tier, AKI_PRECISION_INT4) ? ", int4" : "");
}

/* The tier of that name. Without a name the best one whose instructions make the precision fast. */
static const kernel_table *find_tier(const char *name, aki_precision precision)
{
    if (name != NULL)
        return kernels_find(name);
    const kernel_table *const *tier = kernels_available();
    while (*tier != NULL && !tier_is_fast(*tier, precision))
        tier++;
    return *tier;
}

static aki_status select_kernels(cpu_device *device, aki_precision precision, const char *name,
                                 aki_error *error)
{
    char list[512];
    const char *asked = kernel_precision_name(precision);
    list_tiers(list, sizeof list);
    if (asked == NULL)
        return error_set(error, AKI_INVALID_ARGUMENT, "precision number %d is not known", (int)precision);
    if (model_is_static(&device->config) && precision != AKI_PRECISION_AUTO &&
        precision != AKI_PRECISION_FP32) {
        error_set(error, AKI_MODEL_UNSUPPORTED,
                  "precision %s is for the matrices of layers, of which this model has none: it is static",
                  asked);
        error_hint(error,
                   "Use precision auto or fp32: rows are added in f32, from the type that the file has.");
        return AKI_MODEL_UNSUPPORTED;
    }
    if (model_is_static(&device->config))
        precision = AKI_PRECISION_FP32;
    const kernel_table *kernels = find_tier(name, precision);
    if (kernels == NULL && name == NULL)
        return error_set(error, AKI_CPU_UNSUPPORTED,
                         "this CPU has no instructions for precision %s; available: %s", asked, list);
    if (kernels == NULL)
        return error_set(error, AKI_CPU_UNSUPPORTED, "CPU tier \"%s\" is not available here; available: %s",
                         name, list);
    if (precision != AKI_PRECISION_AUTO && !kernel_has_precision(kernels, precision))
        return error_set(error, AKI_CPU_UNSUPPORTED, "CPU tier %s has no precision %s; available: %s", name,
                         asked, list);
    /* bf16 takes the numbers of a head in pairs. */
    const bool pairs = device->config.head_size % 2 == 0;
    if (precision == AKI_PRECISION_AUTO)
        precision = kernels->bf16_is_faster && pairs ? AKI_PRECISION_BF16 : AKI_PRECISION_FP32;
    const bool int8 = precision == AKI_PRECISION_INT8;
    const bool int4 = precision == AKI_PRECISION_INT4;
    const bool bf16 = precision == AKI_PRECISION_BF16 || (int4 && kernels->bf16_is_faster && pairs) ||
                      (int8 && kernels->int8->number == KERNEL_BF16);
    if (bf16 && !pairs)
        return error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "precision %s of CPU tier %s needs heads of even size, this model's have %zu; use fp32", asked,
            kernels->name, device->config.head_size);
    device->kernels = kernels;
    device->precision = precision;
    device->linear = bf16 ? kernels->bf16 : kernels->fp32;
    device->int8 = int8 ? kernels->int8 : NULL;
    device->int4 = int4;
    return AKI_OK;
}

kernel_activation cpu_kernel_activation(model_activation activation)
{
    switch (activation) {
    case MODEL_GELU_TANH:
        return KERNEL_GELU_TANH;
    case MODEL_RELU:
        return KERNEL_RELU;
    case MODEL_SILU:
        return KERNEL_SILU;
    case MODEL_GELU_ERF:
        break;
    }
    return KERNEL_GELU_ERF;
}

/* Chooses the kernels; packs nothing. */
static aki_status select_device(cpu_device **out, const model_config *config, const model_weights *weights,
                                aki_precision precision, const char *tier, aki_error *error)
{
    *out = NULL;
    cpu_device *device = mem_zalloc(1, sizeof *device);
    if (device == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a device");
    device->config = *config;
    device->word_embeddings = weights->word_embeddings;
    device->token_rows = weights->token_rows;
    device->token_weights = weights->token_weights;
    device->activation = cpu_kernel_activation(config->activation);
    aki_status status = select_kernels(device, precision, tier, error);
    if (status != AKI_OK) {
        cpu_device_close(device);
        return status;
    }
    *out = device;
    return AKI_OK;
}

/* Packs the weights of a device whose kernels are chosen; closes it on failure. */
static aki_status pack_device(cpu_device **device, const model_weights *weights, const char *weights_cache,
                              const log_sink *log, aki_error *error)
{
    aki_status status = cpu_pack(*device, weights, weights_cache, log, error);
    if (status != AKI_OK) {
        cpu_device_close(*device);
        *device = NULL;
        return status;
    }
    log_write(log, AKI_LOG_DEBUG, "device", "packed %zu bytes of weights for the %s kernels in %s",
              (*device)->packed_bytes, (*device)->kernels->name, kernel_precision_name((*device)->precision));
    return AKI_OK;
}

/* ---- Devices that are shared ---- */

static fork_lock shared_lock = FORK_LOCK_INITIALIZER;
static cpu_device *shared; /* packed, each with at least one user */

/* A forked child has its own list: the parent's may be half changed. */
static void lock_shared(void)
{
    if (fork_lock_take(&shared_lock))
        shared = NULL;
}

/* All that packing depends on. Padding may make equal configurations differ: then they are not shared. */
static bool is_alike(const cpu_device *a, const cpu_device *b)
{
    return a->word_embeddings.data == b->word_embeddings.data && a->kernels == b->kernels &&
           a->precision == b->precision && memcmp(&a->config, &b->config, sizeof a->config) == 0;
}

/* A device of the same file, kernels and precision, which gets one more user; NULL = there is none. A static model has nothing
 * packed, and tables of tokens of its own. */
static cpu_device *find_shared_locked(const cpu_device *wanted)
{
    for (cpu_device *device = shared; device != NULL && wanted->config.layers > 0; device = device->next)
        if (is_alike(device, wanted)) {
            device->users++;
            return device;
        }
    return NULL;
}

/* Takes the device of others where there is one, in the place of *device, which is closed. */
static bool take_shared(cpu_device **device)
{
    lock_shared();
    cpu_device *found = find_shared_locked(*device);
    fork_lock_give(&shared_lock);
    if (found == NULL)
        return false;
    cpu_device_close(*device);
    *device = found;
    return true;
}

/* Puts a device that was packed into the list, or takes the one that somebody else put there in the meantime. */
static void publish_shared(cpu_device **device)
{
    lock_shared();
    cpu_device *found = find_shared_locked(*device);
    if (found == NULL && (*device)->config.layers > 0) {
        (*device)->is_shared = true;
        (*device)->users = 1;
        (*device)->next = shared;
        shared = *device;
    }
    fork_lock_give(&shared_lock);
    if (found == NULL)
        return;
    cpu_device_close(*device);
    *device = found;
}

/* True where the caller was the last user. */
static bool leave_shared(cpu_device *device)
{
    if (!device->is_shared)
        return true;
    lock_shared();
    const bool last = --device->users == 0;
    cpu_device **at = &shared;
    while (last && *at != NULL && *at != device)
        at = &(*at)->next;
    if (last && *at == device)
        *at = device->next;
    fork_lock_give(&shared_lock);
    return last;
}

/* ---- Opening ---- */

aki_status cpu_device_open_weights(cpu_device **out, const model_config *config, const model_weights *weights,
                                   aki_precision precision, const char *tier, const log_sink *log,
                                   aki_error *error)
{
    return cpu_device_open_cached(out, config, weights, precision, tier, NULL, log, error);
}

aki_status cpu_device_open_cached(cpu_device **out, const model_config *config, const model_weights *weights,
                                  aki_precision precision, const char *tier, const char *weights_cache,
                                  const log_sink *log, aki_error *error)
{
    aki_status status = select_device(out, config, weights, precision, tier, error);
    return status == AKI_OK ? pack_device(out, weights, weights_cache, log, error) : status;
}

aki_status cpu_device_open(cpu_device **out, const model *m, aki_precision precision, const char *tier,
                           const char *weights_cache, const log_sink *log, aki_error *error)
{
    int64_t selected_ns;
    return cpu_device_open_timed(out, m, precision, tier, weights_cache, log, &selected_ns, error);
}

aki_status cpu_device_open_timed(cpu_device **out, const model *m, aki_precision precision, const char *tier,
                                 const char *weights_cache, const log_sink *log, int64_t *selected_ns,
                                 aki_error *error)
{
    const model_weights *weights = model_weights_of(m);
    aki_status status = select_device(out, model_configuration(m), weights, precision, tier, error);
    if (status != AKI_OK)
        return status;
    *selected_ns = clock_monotonic_ns();
    const bool found = take_shared(out);
    if (!found)
        status = pack_device(out, weights, weights_cache, log, error);
    if (status == AKI_OK && model_damaged(m)) {
        cpu_device_close(*out);
        *out = NULL;
        return error_set(error, AKI_MODEL_CHANGED, "the weight file was cut while it was being read");
    }
    if (status == AKI_OK && !found)
        publish_shared(out);
    return status;
}

void cpu_device_close(cpu_device *device)
{
    if (device == NULL || !leave_shared(device))
        return;
    mem_free(device->layers);
    mem_free(device->matrices);
    mem_free(device->packed);
    mem_free(device->vectors);
    mem_free(device);
}

const kernel_table *cpu_device_kernels(const cpu_device *device)
{
    return device->kernels;
}

const char *cpu_device_tier(const cpu_device *device)
{
    return device->kernels->name;
}

aki_precision cpu_device_precision(const cpu_device *device)
{
    return device->precision;
}

const char *cpu_device_precision_name(const cpu_device *device)
{
    return kernel_precision_name(device->precision);
}

size_t cpu_device_kept_from_int8(const cpu_device *device)
{
    return device->kept_from_int8;
}

size_t cpu_device_packed_bytes(const cpu_device *device)
{
    return device->packed_bytes + device->vector_bytes;
}
