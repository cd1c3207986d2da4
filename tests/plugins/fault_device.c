/* A simulated GPU for tests: computes by the CPU's code in fp32, and fails as a file tells it to.
 *
 * AKIDB_FAULT_FILE names the file, which is read anew at each call: one line "MODE [FIRST [COUNT]]" or "slow MS",
 * where FIRST and COUNT choose among the calls since the line was last changed (from 1; default: all). Modes:
 *
 *     ok        computes
 *     fail      DEVICE_FAILED
 *     nan       the first number of each text is NaN
 *     wrong     finite but wrong vectors, equal for all texts
 *     oom       DEVICE_OUT_OF_MEMORY
 *     hang      returns when the line is changed, and then computes
 *     slow      computes after MS milliseconds
 *     die       ends its process, by SIGABRT
 *     vanish    DEVICE_UNAVAILABLE, also for new states; states from before stay useless when it is back
 *
 * Calls of `forward` are counted in the file of that name with ".calls". AKIDB_FAULT_SCORE: the device's score
 * (1000). */
#include "engine/device/cpu_device.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE 64
/* True where it is called in a process of its own: there are two of these plugins. */
#ifndef FAULT_ISOLATED
#define FAULT_ISOLATED false
#endif

extern const device_api aki_device_plugin;

typedef struct fault_device {
    void *cpu;
    size_t hidden;
    pthread_mutex_t lock;
    char line[LINE];   /* as last seen */
    long since_change; /* calls */
    long calls;
    unsigned vanished; /* times */
} fault_device;

typedef struct fault_state {
    fault_device *owner;
    void *cpu;
    unsigned vanished; /* when it was opened */
    float *output;     /* [max_tokens][hidden] */
} fault_state;

typedef struct fault {
    char mode[LINE];
    long first, count;
} fault;

static const char *file(void)
{
    const char *path = getenv("AKIDB_FAULT_FILE");
    return path != NULL ? path : "";
}

static void read_line(char *line)
{
    line[0] = '\0';
    int descriptor = open(file(), O_RDONLY | O_CLOEXEC);
    ssize_t length = descriptor >= 0 ? read(descriptor, line, LINE - 1) : 0;
    if (descriptor >= 0)
        close(descriptor);
    line[length > 0 ? length : 0] = '\0';
}

/* What this call is to do; counts it. */
static fault next_fault(fault_device *d, bool counts)
{
    fault f = {.mode = "ok", .first = 1, .count = 1000000000};
    char line[LINE], path[4096], number[32];
    pthread_mutex_lock(&d->lock);
    read_line(line);
    if (strcmp(line, d->line) != 0) {
        if (strncmp(line, "vanish", 6) == 0)
            d->vanished++;
        memcpy(d->line, line, LINE);
        d->since_change = 0;
    }
    if (sscanf(line, "%63s %ld %ld", f.mode, &f.first, &f.count) < 1)
        snprintf(f.mode, sizeof f.mode, "ok");
    if (counts) {
        d->since_change++;
        d->calls++;
        snprintf(path, sizeof path, "%s.calls", file());
        snprintf(number, sizeof number, "%ld\n", d->calls);
        int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor >= 0 && pwrite(descriptor, number, strlen(number), 0) < 0)
            perror(path);
        if (descriptor >= 0)
            close(descriptor);
    }
    const bool meant =
        strcmp(f.mode, "slow") == 0 || (d->since_change >= f.first && d->since_change < f.first + f.count);
    pthread_mutex_unlock(&d->lock);
    if (counts && !meant)
        snprintf(f.mode, sizeof f.mode, "ok");
    return f;
}

static void sleep_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0 && errno == EINTR)
        ;
}

static int score(const device_model *m, char *message)
{
    (void)m;
    const char *text = getenv("AKIDB_FAULT_SCORE");
    snprintf(message, DEVICE_MESSAGE_BYTES, "as the test says");
    return text != NULL ? (int)strtol(text, NULL, 10) : 1000;
}

static void close_device(void *device)
{
    fault_device *d = device;
    device_cpu_api.close(d->cpu);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static device_status open_device(void **out, const device_model *m, const device_host *host, char *message)
{
    fault_device *d = calloc(1, sizeof *d);
    if (d == NULL)
        return DEVICE_OUT_OF_MEMORY;
    pthread_mutex_init(&d->lock, NULL);
    d->hidden = m->config->hidden_size;
    device_model own = *m;
    own.precision = AKI_PRECISION_FP32;
    device_status status = device_cpu_api.open(&d->cpu, &own, host, message);
    if (status != DEVICE_OK) {
        close_device(d);
        return status;
    }
    *out = d;
    return DEVICE_OK;
}

static void close_state(void *state)
{
    fault_state *s = state;
    device_cpu_api.state_close(s->cpu);
    free(s->output);
    free(s);
}

static device_status open_state(void **out, void *device, size_t max_tokens, char *message)
{
    fault_device *d = device;
    if (strcmp(next_fault(d, false).mode, "vanish") == 0) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "it is not there");
        return DEVICE_UNAVAILABLE;
    }
    fault_state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return DEVICE_OUT_OF_MEMORY;
    s->owner = d;
    s->output = calloc(max_tokens * d->hidden, sizeof *s->output);
    device_status status = device_cpu_api.state_open(&s->cpu, d->cpu, max_tokens, message);
    if (status != DEVICE_OK || s->output == NULL) {
        close_state(s);
        return status != DEVICE_OK ? status : DEVICE_OUT_OF_MEMORY;
    }
    pthread_mutex_lock(&d->lock);
    s->vanished = d->vanished;
    pthread_mutex_unlock(&d->lock);
    *out = s;
    return DEVICE_OK;
}

static void hang(fault_device *d)
{
    char before[LINE], now[LINE];
    pthread_mutex_lock(&d->lock);
    memcpy(before, d->line, LINE);
    pthread_mutex_unlock(&d->lock);
    do {
        sleep_ms(2);
        read_line(now);
    } while (strcmp(now, before) == 0);
}

static device_status forward(void *device, void *state, const device_batch *batch, const float **output,
                             device_times *times, char *message)
{
    fault_device *d = device;
    fault_state *s = state;
    const fault f = next_fault(d, true);
    snprintf(message, DEVICE_MESSAGE_BYTES, "told to: %s", f.mode);
    pthread_mutex_lock(&d->lock);
    const bool gone = s->vanished != d->vanished;
    pthread_mutex_unlock(&d->lock);
    if (gone || strcmp(f.mode, "vanish") == 0)
        return DEVICE_UNAVAILABLE;
    if (strcmp(f.mode, "fail") == 0)
        return DEVICE_FAILED;
    if (strcmp(f.mode, "oom") == 0)
        return DEVICE_OUT_OF_MEMORY;
    if (strcmp(f.mode, "die") == 0)
        abort();
    if (strcmp(f.mode, "hang") == 0)
        hang(d);
    if (strcmp(f.mode, "slow") == 0)
        sleep_ms(f.first);
    const float *computed;
    device_status status = device_cpu_api.forward(d->cpu, s->cpu, batch, &computed, times, message);
    memcpy(s->output, computed, batch->offsets[batch->texts] * d->hidden * sizeof *computed);
    for (size_t i = 0; i < batch->texts && strcmp(f.mode, "nan") == 0; i++)
        s->output[batch->offsets[i] * d->hidden] = NAN;
    for (size_t i = 0; i < batch->offsets[batch->texts] * d->hidden && strcmp(f.mode, "wrong") == 0; i++)
        s->output[i] = (float)(i % d->hidden % 7) - 3.0f;
    *output = s->output;
    times->transfer_in_ns = times->transfer_out_ns = 1000;
    return status;
}

static bool memory(void *device, size_t *used, size_t *total)
{
    const fault_device *d = device;
    return device_cpu_api.memory(d->cpu, used, total);
}

const device_api aki_device_plugin = {
    .abi_version = DEVICE_ABI_VERSION,
    .struct_size = sizeof(device_api),
    .name = "fault",
    .score = score,
    .open = open_device,
    .close = close_device,
    .state_open = open_state,
    .state_close = close_state,
    .forward = forward,
    .memory = memory,
    .isolated = FAULT_ISOLATED,
};
