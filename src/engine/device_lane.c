#include "engine/device_lane.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "engine/pooling.h"

#include <errno.h>
#include <stdio.h>

/* For a state to be closed. */
#define CLOSE_NS NS_PER_S

typedef enum lane_phase { LANE_IDLE, LANE_ASKED, LANE_DONE, LANE_CLOSING, LANE_CLOSED } lane_phase;

struct device_lane {
    device_lane_settings settings;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    lane_phase phase;
    bool given_up;

    /* The call: written before LANE_ASKED, read until LANE_DONE. */
    int32_t *ids;         /* [max_tokens] */
    uint32_t *offsets;    /* [max_tokens + 1] */
    aki_pooling *pooling; /* [max_tokens] */
    uint32_t *second;     /* [max_tokens] */
    device_batch batch;

    /* Its outcome. */
    device_lane_result result;
    const float *output; /* in the state */

    float *scratch; /* of the head chain; the caller's */

    /* The thread's own. */
    void *state;   /* NULL = to be opened */
    unsigned life; /* of the device, in which the state was opened */
};

static void destroy(device_lane *lane)
{
    pthread_cond_destroy(&lane->changed);
    pthread_mutex_destroy(&lane->lock);
    mem_free(lane->ids);
    mem_free(lane->offsets);
    mem_free(lane->pooling);
    mem_free(lane->second);
    mem_free(lane->scratch);
    mem_free(lane);
}

static void close_state(device_lane *lane)
{
    if (lane->state != NULL)
        device_interface(lane->settings.device)->state_close(lane->state);
    lane->state = NULL;
}

/* On the lane's thread, without the lock. */
static void call(device_lane *lane)
{
    const device_api *api = device_interface(lane->settings.device);
    void *self = device_self(lane->settings.device);
    device_lane_result *result = &lane->result;
    *result = (device_lane_result){.status = DEVICE_OK};
    const unsigned life = device_life(lane->settings.device);
    if (lane->life != life)
        close_state(lane);
    lane->life = life;
    if (lane->state == NULL)
        result->status = api->state_open(&lane->state, self, lane->settings.max_tokens, result->message);
    if (result->status == DEVICE_OK)
        result->status =
            api->forward(self, lane->state, &lane->batch, &lane->output, &result->times, result->message);
    result->message[sizeof result->message - 1] = '\0';
    if ((unsigned)result->status >= DEVICE_STATUS_COUNT)
        result->status = DEVICE_FAILED;
    if (result->status != DEVICE_OK && result->status != DEVICE_OUT_OF_MEMORY &&
        result->status != DEVICE_INVALID) {
        close_state(lane);
        device_end_life(lane->settings.device, life);
    }
}

static void *run(void *argument)
{
    device_lane *lane = argument;
    pthread_mutex_lock(&lane->lock);
    while (!lane->given_up && lane->phase != LANE_CLOSING) {
        if (lane->phase != LANE_ASKED) {
            pthread_cond_wait(&lane->changed, &lane->lock);
            continue;
        }
        pthread_mutex_unlock(&lane->lock);
        call(lane);
        pthread_mutex_lock(&lane->lock);
        lane->phase = LANE_DONE;
        pthread_cond_broadcast(&lane->changed);
    }
    pthread_mutex_unlock(&lane->lock);
    close_state(lane);
    pthread_mutex_lock(&lane->lock);
    lane->phase = LANE_CLOSED;
    pthread_cond_broadcast(&lane->changed);
    const bool given_up = lane->given_up;
    pthread_mutex_unlock(&lane->lock);
    if (given_up) {
        device *of = lane->settings.device;
        destroy(lane);
        device_came_back(of);
    }
    return NULL;
}

aki_status device_lane_open(device_lane **out, const device_lane_settings *settings, aki_error *error)
{
    *out = NULL;
    device_lane *lane = mem_zalloc(1, sizeof *lane);
    if (lane == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a way to the device");
    lane->settings = *settings;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lane->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    lane->ids = mem_alloc(settings->max_tokens, sizeof *lane->ids);
    lane->offsets = mem_alloc(settings->max_tokens + 1, sizeof *lane->offsets);
    lane->pooling = mem_alloc(settings->max_tokens, sizeof *lane->pooling);
    lane->second = mem_alloc(settings->max_tokens, sizeof *lane->second);
    lane->scratch = mem_alloc_aligned(head_chain_scratch(settings->heads), sizeof *lane->scratch);
    aki_status status = AKI_OK;
    if (lane->ids == NULL || lane->offsets == NULL || lane->pooling == NULL || lane->second == NULL ||
        lane->scratch == NULL)
        status =
            error_set(error, AKI_OUT_OF_MEMORY, "no memory for passes of %zu tokens", settings->max_tokens);
    else if (!thread_start(&lane->thread, run, lane, "aki-device"))
        status = error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start a thread to call the device");
    if (status != AKI_OK) {
        destroy(lane);
        return status;
    }
    *out = lane;
    return AKI_OK;
}

/* False = the time is over. With the lock held. */
static bool wait_for(device_lane *lane, lane_phase phase, int64_t limit_ns)
{
    const int64_t until_ns = clock_monotonic_ns() + limit_ns;
    const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    while (lane->phase != phase)
        if (pthread_cond_timedwait(&lane->changed, &lane->lock, &until) == ETIMEDOUT)
            return lane->phase == phase;
    return true;
}

/* The lane is its thread's from now on. With the lock held, which is let go. */
static void give_up(device_lane *lane)
{
    device_give_up(lane->settings.device);
    pthread_detach(lane->thread);
    lane->given_up = true;
    pthread_mutex_unlock(&lane->lock);
}

void device_lane_close(device_lane *lane)
{
    if (lane == NULL)
        return;
    pthread_mutex_lock(&lane->lock);
    lane->phase = LANE_CLOSING;
    pthread_cond_broadcast(&lane->changed);
    if (!wait_for(lane, LANE_CLOSED, CLOSE_NS)) {
        give_up(lane);
        return;
    }
    pthread_mutex_unlock(&lane->lock);
    pthread_join(lane->thread, NULL);
    destroy(lane);
}

static void fail(device_lane_result *result, device_status status, const char *message)
{
    *result = (device_lane_result){.status = status};
    snprintf(result->message, sizeof result->message, "%.*s", DEVICE_MESSAGE_BYTES - 1, message);
}

/* False with the result: the device takes no such pass. */
static bool gather(device_lane *lane, const encoder_sequence *sequences, size_t count,
                   device_lane_result *result)
{
    const device_api *api = device_interface(lane->settings.device);
    const bool pools = api->pools;
    const model_head *pooling = head_chain_pooling(lane->settings.heads);
    size_t total = 0;
    bool typed = false;
    for (size_t i = 0; i < count; i++) {
        if (sequences[i].count == 0 || sequences[i].count > lane->settings.max_tokens - total) {
            fail(result, DEVICE_INVALID, "the pass has more tokens than was planned for");
            return false;
        }
        lane->offsets[i] = (uint32_t)total;
        lane->pooling[i] = pooling_of(pooling, 0, sequences[i].pooling);
        if (pools && !device_has_pooling(lane->pooling[i])) {
            fail(result, DEVICE_INVALID, "it pools by cls, max or mean only");
            return false;
        }
        if (pools && sequences[i].output != ENCODER_VECTOR) {
            fail(result, DEVICE_INVALID, "it gives one vector for each text, nothing of its tokens");
            return false;
        }
        lane->second[i] = (uint32_t)(sequences[i].second > 0 ? sequences[i].second : sequences[i].count);
        typed |= sequences[i].second > 0;
        for (size_t t = 0; t < sequences[i].count; t++)
            lane->ids[total + t] = sequences[i].ids[t];
        total += sequences[i].count;
    }
    if (typed && !api->token_types) {
        fail(result, DEVICE_INVALID, "it takes no pairs of texts");
        return false;
    }
    lane->offsets[count] = (uint32_t)total;
    lane->batch = (device_batch){.token_ids = lane->ids,
                                 .offsets = lane->offsets,
                                 .texts = count,
                                 .pooling = pools ? lane->pooling : NULL,
                                 .second = typed ? lane->second : NULL};
    return true;
}

static void finish(device_lane *lane, encoder_sequence *sequences, size_t count, device_lane_result *result)
{
    const head_chain *heads = lane->settings.heads;
    const bool pooled = device_interface(lane->settings.device)->pools;
    head_chain_run(heads, lane->scratch, sequences, count, lane->output, pooled ? NULL : lane->offsets);
    head_chain_conclude(heads, sequences, count);
    size_t bad = 0;
    for (size_t i = 0; i < count; i++)
        bad += sequences[i].status != AKI_OK;
    if (bad == 0)
        return;
    result->status = DEVICE_NOT_FINITE;
    snprintf(result->message, sizeof result->message, "%zu of %zu vectors came out with NaN or infinity", bad,
             count);
}

/* False with the result: there is no lane to use. */
static bool have_lane(device_lane **lane, const device_lane_settings *settings, device_lane_result *result)
{
    aki_error error;
    if (*lane != NULL)
        return true;
    if (device_calls_out(settings->device) >= DEVICE_LANE_MOST_OUT) {
        fail(result, DEVICE_UNAVAILABLE, "too many calls to it have never come back");
        return false;
    }
    if (device_lane_open(lane, settings, &error) != AKI_OK) {
        fail(result, DEVICE_UNAVAILABLE, error.message);
        return false;
    }
    return true;
}

void device_lane_run(device_lane **lane, const device_lane_settings *settings, encoder_sequence *sequences,
                     size_t count, int64_t limit_ns, device_lane_result *result)
{
    if (!have_lane(lane, settings, result))
        return;
    device_lane *l = *lane;
    if (!gather(l, sequences, count, result))
        return;
    pthread_mutex_lock(&l->lock);
    l->phase = LANE_ASKED;
    pthread_cond_broadcast(&l->changed);
    if (!wait_for(l, LANE_DONE, limit_ns)) {
        give_up(l);
        *lane = NULL;
        fail(result, DEVICE_TIMEOUT, "");
        snprintf(result->message, sizeof result->message, "it did not answer within %lld ms",
                 (long long)(limit_ns / NS_PER_MS));
        return;
    }
    l->phase = LANE_IDLE;
    *result = l->result;
    pthread_mutex_unlock(&l->lock);
    if (result->status == DEVICE_OK)
        finish(l, sequences, count, result);
}
