#include "engine/device/cpu_device.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static int score(const device_model *m, char *message)
{
    (void)m;
    message[0] = '\0';
    return DEVICE_CPU_SCORE;
}

static device_status status_of(aki_status status, const aki_error *error, char *message)
{
    if (status == AKI_OK)
        return DEVICE_OK;
    snprintf(message, DEVICE_MESSAGE_BYTES, "%.*s", DEVICE_MESSAGE_BYTES - 1, error->message);
    return status == AKI_OUT_OF_MEMORY ? DEVICE_OUT_OF_MEMORY : DEVICE_FAILED;
}

static device_status open_device(void **out, const device_model *m, const device_host *host, char *message)
{
    cpu_device *device = NULL;
    aki_error error;
    aki_status status =
        cpu_device_open_weights(&device, m->config, m->weights, m->precision, NULL, &host->log, &error);
    *out = device;
    return status_of(status, &error, message);
}

static void close_device(void *device)
{
    cpu_device_close(device);
}

static device_status open_state(void **out, void *device, size_t max_tokens, char *message)
{
    cpu_state *state = NULL;
    aki_error error;
    aki_status status = cpu_state_open(&state, device, max_tokens, &error);
    *out = state;
    return status_of(status, &error, message);
}

static void close_state(void *state)
{
    cpu_state_close(state);
}

static device_status forward(void *device, void *state, const device_batch *batch, const float **output,
                             device_times *times, char *message)
{
    message[0] = '\0';
    const int64_t start_ns = clock_monotonic_ns();
    *output = cpu_forward(device, state, batch);
    *times = (device_times){.forward_ns = clock_monotonic_ns() - start_ns};
    return DEVICE_OK;
}

static bool memory(void *device, size_t *used, size_t *total)
{
    *used = cpu_device_packed_bytes(device);
    *total = 0;
    return true;
}

const device_api device_cpu_api = {
    .abi_version = DEVICE_ABI_VERSION,
    .struct_size = sizeof(device_api),
    .name = "cpu",
    .score = score,
    .open = open_device,
    .close = close_device,
    .state_open = open_state,
    .state_close = close_state,
    .forward = forward,
    .memory = memory,
};
