/* The plugin's interface: whether this machine's GPU can run the model, and the device. */
#include "engine/device/device.h"

#include "base/memory.h"
#include "engine/cuda/driver.h"
#include "engine/cuda/failure.h"
#include "engine/cuda/forward.h"

#include <stdio.h>

#define SCORE 1000
/* bf16 on tensor cores begins with compute capability 8.0. */
#define LEAST_CAPABILITY 8
/* A pass of this many tokens has enough rows to fill a large GPU, and its buffers are some 50 MB for hidden size 384. */
#define PASS_TOKENS 4096
#define WARM_UP_TOKENS 16
#define LOG_TARGET "device"

extern const device_api aki_device_plugin;

static void explain_no_device(cudaError_t error, char *message)
{
    int driver = 0, runtime = 0;
    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&runtime);
    if (driver == 0)
        snprintf(message, DEVICE_MESSAGE_BYTES,
                 "no NVIDIA driver was found (libcuda.so.1); install one, or give the container access to "
                 "the GPU");
    else if (error == cudaErrorInsufficientDriver)
        snprintf(
            message, DEVICE_MESSAGE_BYTES,
            "the NVIDIA driver is too old: it has CUDA %d.%d, this plugin needs %d.%d; update the driver",
            driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    else if (error == cudaErrorNoDevice || error == cudaSuccess)
        snprintf(message, DEVICE_MESSAGE_BYTES,
                 "the NVIDIA driver shows no GPU to this process; CUDA_VISIBLE_DEVICES or the container may "
                 "hide it");
    else
        (void)cuda_failure(error, "looking for a GPU", message);
    (void)cudaGetLastError();
}

static void describe(const struct cudaDeviceProp *gpu, char *message)
{
    int driver = 0;
    char version[CUDA_DRIVER_BYTES];
    cuda_driver_version(version);
    (void)cudaDriverGetVersion(&driver);
    snprintf(message, DEVICE_MESSAGE_BYTES,
             "%.64s, %zu MiB, compute capability %d.%d, driver %.24s for CUDA %d.%d", gpu->name,
             gpu->totalGlobalMem >> 20, gpu->major, gpu->minor, version[0] != 0 ? version : "unknown",
             driver / 1000, driver % 1000 / 10);
}

/* 0 with the reason, or SCORE with the GPU's description. */
static int score(const device_model *m, char *message)
{
    cuda_shape shape;
    int count = 0;
    struct cudaDeviceProp gpu;
    if (!cuda_shape_of(&shape, m, message))
        return 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0) {
        explain_no_device(error, message);
        return 0;
    }
    error = cudaGetDeviceProperties(&gpu, 0);
    size_t free_bytes = 0, total_bytes = 0;
    if (error == cudaSuccess && gpu.major >= LEAST_CAPABILITY)
        error = cudaMemGetInfo(&free_bytes, &total_bytes);
    if (cuda_failure(error, "asking the GPU what it is", message) != DEVICE_OK)
        return 0;
    if (gpu.major < LEAST_CAPABILITY) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "%.64s has compute capability %d.%d, at least %d.0 is needed",
                 gpu.name, gpu.major, gpu.minor, LEAST_CAPABILITY);
        return 0;
    }
    const size_t weight_bytes = cuda_weights_bytes(&shape);
    if (weight_bytes > free_bytes) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "the weights take %zu MiB, %.64s has %zu of %zu MiB free",
                 weight_bytes >> 20, gpu.name, free_bytes >> 20, total_bytes >> 20);
        return 0;
    }
    describe(&gpu, message);
    return SCORE;
}

static void log_opened(const cuda_device *d, aki_precision asked, const log_sink *log)
{
    struct cudaDeviceProp gpu;
    char text[DEVICE_MESSAGE_BYTES];
    if (cudaGetDeviceProperties(&gpu, 0) != cudaSuccess)
        return;
    describe(&gpu, text);
    const bool cpu_only = asked == AKI_PRECISION_INT8 || asked == AKI_PRECISION_INT4;
    log_write(log, AKI_LOG_INFO, LOG_TARGET, "cuda: %s; %zu MiB of weights, precision %s%s", text,
              d->weights.bytes >> 20, d->shape.number == CUDA_FP32 ? "fp32" : "bf16",
              cpu_only ? ", because int8 and int4 are for the CPU only" : "");
}

static void close_device(void *device)
{
    cuda_device *d = device;
    cuda_device_end(d);
    mem_free(d);
}

/* One small pass: CUDA loads kernels when they are first called, which is then over, and so is the hope of a GPU that only looks
 * usable. */
static device_status warm_up(cuda_device *d, char *message)
{
    static const int32_t ids[WARM_UP_TOKENS]; /* the first word of the vocabulary, again and again */
    static const aki_pooling pooling[] = {AKI_POOLING_MEAN};
    const size_t positions = d->shape.positions;
    const uint32_t offsets[] = {0, positions < WARM_UP_TOKENS ? (uint32_t)positions : WARM_UP_TOKENS};
    const device_batch batch = {.token_ids = ids, .offsets = offsets, .texts = 1, .pooling = pooling};
    const float *vectors;
    device_times times;
    void *state;
    device_status status = cuda_state_open(&state, d, WARM_UP_TOKENS, message);
    if (status != DEVICE_OK)
        return status;
    status = cuda_forward(d, state, &batch, &vectors, &times, message);
    cuda_state_close(state);
    return status;
}

static device_status open_device(void **out, const device_model *m, const device_host *host, char *message)
{
    *out = NULL;
    cuda_device *d = mem_zalloc(1, sizeof *d);
    if (d == NULL) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "no memory for a device");
        return DEVICE_OUT_OF_MEMORY;
    }
    if (!cuda_shape_of(&d->shape, m, message)) {
        mem_free(d);
        return DEVICE_FAILED;
    }
    device_status status = cuda_device_begin(d, m->weights, host, message);
    if (status == DEVICE_OK)
        status = warm_up(d, message);
    if (status != DEVICE_OK) {
        close_device(d);
        return status;
    }
    log_opened(d, m->precision, &host->log);
    *out = d;
    return DEVICE_OK;
}

static bool memory(void *device, size_t *used, size_t *total)
{
    const cuda_device *d = device;
    size_t free_bytes;
    if (atomic_load(&d->broken) || cudaMemGetInfo(&free_bytes, total) != cudaSuccess)
        return false;
    *used = *total - free_bytes;
    return true;
}

const device_api aki_device_plugin = {
    .abi_version = DEVICE_ABI_VERSION,
    .struct_size = sizeof(device_api),
    .name = "cuda",
    .pools = true,
    .score = score,
    .open = open_device,
    .close = close_device,
    .state_open = cuda_state_open,
    .state_close = cuda_state_close,
    .forward = cuda_forward,
    .memory = memory,
    .pass_tokens = PASS_TOKENS,
    .isolated = true,
};
