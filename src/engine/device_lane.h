/* A worker's way to a device that may fail or hang: a thread of its own that calls the device, with copies of everything
 * the call touches.
 *
 * The worker waits for the call, for a limited time. When that is over it gives the lane up and forgets it: from then on
 * lane, thread and device state belong to the call, which frees them when it comes back, whenever that is, and whose
 * result nobody sees. So no worker ever hangs in a device, and a late return has nothing to write to. Where too many calls
 * are out already, no new one is made. A hand-over costs some 10 us; passes of the CPU need no lane. */
#ifndef ENGINE_DEVICE_LANE_H
#define ENGINE_DEVICE_LANE_H

#include "engine/device/registry.h"
#include "engine/head_chain.h"

/* Calls given up and still out, beyond which a device is not called any more. */
#define DEVICE_LANE_MOST_OUT 16

typedef struct device_lane_settings {
    device *device;
    const head_chain *heads;
    size_t max_tokens; /* of a pass */
} device_lane_settings;

typedef struct device_lane device_lane;

typedef struct device_lane_result {
    device_status status;
    device_times times;
    char message[DEVICE_MESSAGE_BYTES]; /* what happened, unless DEVICE_OK */
} device_lane_result;

/* The device outlives the lane. Error: AKI_OUT_OF_MEMORY (also: no more threads to be had). */
AKI_MUST_CHECK aki_status device_lane_open(device_lane **out, const device_lane_settings *settings,
                                           aki_error *error);
/* An end that takes too long is given up like a call. NULL allowed. */
void device_lane_close(device_lane *lane);

/* One pass, as encoder_run: fills vectors and statuses where the result is DEVICE_OK or DEVICE_NOT_FINITE (some of the
 * vectors are not), and leaves them as they are otherwise. Opens *lane if it is NULL. DEVICE_TIMEOUT: the call took longer than
 * limit_ns and *lane, given up, is NULL now. */
void device_lane_run(device_lane **lane, const device_lane_settings *settings, encoder_sequence *sequences,
                     size_t count, int64_t limit_ns, device_lane_result *result);

#endif
