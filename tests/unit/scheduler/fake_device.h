/* A device beyond the CPU for tests of the scheduler: in this process, with the vectors of the fake encoder plus 1000, so
 * that a test sees who computed; it fails as told, and hangs until it is let go. */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include "scheduler/fake_encoder.h"

#include <math.h>

#define FAKE_DEVICE_OFFSET 1000

typedef struct fake_device {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    device_status outcome; /* of the calls that are told to fail */
    unsigned failures;     /* calls still to fail; UINT_MAX = all */
    bool hangs;
    unsigned held; /* number of the only call that hangs; 0 = none */
    float bend;    /* added to the first value of each vector: a large one makes a finite, wrong vector */
    unsigned calls, back, states, states_opened; /* so far; of the states those that are open */
} fake_device;

static fake_device fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

typedef struct fake_state {
    float output[FAKE_PASS_TOKENS * FAKE_DIMENSION];
} fake_state;

static inline int fake_score(const device_model *m, char *message)
{
    (void)m;
    (void)message;
    return 1000;
}

static inline device_status fake_open(void **out, const device_model *m, const device_host *host,
                                      char *message)
{
    (void)m;
    (void)host;
    (void)message;
    *out = &fake;
    return DEVICE_OK;
}

static inline void fake_close(void *self)
{
    (void)self;
}

static inline device_status fake_state_open(void **out, void *self, size_t max_tokens, char *message)
{
    (void)self;
    (void)max_tokens;
    (void)message;
    *out = calloc(1, sizeof(fake_state));
    pthread_mutex_lock(&fake.lock);
    fake.states++;
    fake.states_opened++;
    pthread_mutex_unlock(&fake.lock);
    return DEVICE_OK;
}

static inline void fake_state_close(void *state)
{
    free(state);
    pthread_mutex_lock(&fake.lock);
    fake.states--;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
}

/* One vector per text: it pools. */
static inline device_status fake_forward(void *self, void *state, const device_batch *batch,
                                         const float **output, device_times *times, char *message)
{
    (void)self;
    fake_state *s = state;
    pthread_mutex_lock(&fake.lock);
    const unsigned call = ++fake.calls;
    pthread_cond_broadcast(&fake.changed);
    while (fake.hangs || fake.held == call)
        pthread_cond_wait(&fake.changed, &fake.lock);
    device_status status = fake.failures > 0 ? fake.outcome : DEVICE_OK;
    const float bend = fake.bend;
    fake.failures -= fake.failures > 0 && fake.failures < UINT32_MAX;
    fake.back++;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
    snprintf(message, DEVICE_MESSAGE_BYTES, "the fake device fails as told");
    for (size_t i = 0; i < batch->texts; i++) {
        float sum = FAKE_DEVICE_OFFSET;
        for (uint32_t t = batch->offsets[i]; t < batch->offsets[i + 1]; t++)
            sum += (float)batch->token_ids[t];
        for (size_t d = 0; d < FAKE_DIMENSION; d++)
            s->output[i * FAKE_DIMENSION + d] =
                status == DEVICE_NOT_FINITE ? NAN : sum + (float)d + (d == 0 ? bend : 0);
    }
    *output = s->output;
    *times = (device_times){.transfer_in_ns = 1, .forward_ns = 20, .transfer_out_ns = 300};
    return status == DEVICE_NOT_FINITE ? DEVICE_OK : status;
}

static inline bool fake_memory(void *self, size_t *used, size_t *total)
{
    (void)self;
    *used = *total = 0;
    return false;
}

static inline void fake_fail(device_status with, unsigned times)
{
    pthread_mutex_lock(&fake.lock);
    fake.outcome = with;
    fake.failures = times;
    pthread_mutex_unlock(&fake.lock);
}

static inline void fake_bend(float by)
{
    pthread_mutex_lock(&fake.lock);
    fake.bend = by;
    pthread_mutex_unlock(&fake.lock);
}

static inline void fake_hang(bool hangs)
{
    pthread_mutex_lock(&fake.lock);
    fake.hangs = hangs;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
}

/* The next call hangs, and no other. Returns the calls so far. */
static inline unsigned fake_hold_next(void)
{
    pthread_mutex_lock(&fake.lock);
    const unsigned calls = fake.calls;
    fake.held = calls + 1;
    pthread_mutex_unlock(&fake.lock);
    return calls;
}

static inline void fake_release(void)
{
    pthread_mutex_lock(&fake.lock);
    fake.held = 0;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.lock);
}

static inline unsigned fake_calls(void)
{
    pthread_mutex_lock(&fake.lock);
    const unsigned calls = fake.calls;
    pthread_mutex_unlock(&fake.lock);
    return calls;
}

/* Works, nothing counted yet. The caller closes it with device_close. */
static inline const device_api *fake_device_interface(void)
{
    static const device_api api = {
        .abi_version = DEVICE_ABI_VERSION,
        .struct_size = sizeof api,
        .name = "fake",
        .pools = true,
        .score = fake_score,
        .open = fake_open,
        .close = fake_close,
        .state_open = fake_state_open,
        .state_close = fake_state_close,
        .forward = fake_forward,
        .memory = fake_memory,
    };
    return &api;
}

static inline device *fake_device_open(void)
{
    fake.failures = fake.calls = fake.back = fake.states = fake.states_opened = 0;
    fake.hangs = false;
    fake.held = 0;
    fake.bend = 0;
    device_plugin plugin = {.api = fake_device_interface()};
    device *d = NULL;
    aki_error error;
    assert_int_equal(device_open(&d, &plugin, 0, &(device_model){0}, NULL, &error), AKI_OK);
    return d;
}

#endif
