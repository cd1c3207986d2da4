/* Which device passes go to first: the best by its own score for this model, or the one that was asked for. The CPU is
 * always there and has no handle here: the encoder has it open anyway.
 *
 * Calls that were given up and have not come back are counted. A device with such calls is not closed: device and library
 * then stay for good, which is deliberate, for taking memory from under a running thread is the worse end. */
#ifndef ENGINE_DEVICE_REGISTRY_H
#define ENGINE_DEVICE_REGISTRY_H

#include "engine/device/plugin.h"

typedef struct device device;

#define DEVICE_CHOICE_AUTO "auto"
#define DEVICE_CHOICE_CPU "cpu"

typedef struct device_choice {
    const char *name;   /* "auto", "cpu", or a device's own name */
    const char *plugin; /* path of a shared object, or NULL */
} device_choice;

/* *out NULL: the CPU is the choice. With "auto" a plugin's device that is not usable here is no error, only a line in the
 * log; a plugin that cannot be loaded is one always. The model must outlive the device. Errors: AKI_INVALID_ARGUMENT (no
 * such device, not a plugin, another ABI), AKI_IO_ERROR (file not to be trusted), AKI_UNAVAILABLE (not usable here),
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status device_choose(device **out, const device_choice *choice, const device_model *m,
                                        const log_sink *log, aki_error *error);
/* Opens the device of a plugin, which belongs to it from then on, also in failure. least: the score that it must be above. log: NULL allowed.
 * Errors: AKI_UNAVAILABLE (it is not), AKI_OUT_OF_MEMORY, or why it does not open. */
AKI_MUST_CHECK aki_status device_open(device **out, device_plugin *plugin, int least, const device_model *m,
                                      const log_sink *log, aki_error *error);
/* The owner's end: waits for calls that were given up to come back, wait_ms at most. False: some did not, so that the
 * device, its library and its model must stay as they are; `stays`, which is whatever holds these, is kept in the device. NULL
 * allowed. */
bool device_close(device *d, int64_t wait_ms, void *stays);

const device_api *device_interface(const device *d);
void *device_self(const device *d);
/* What it said of itself when it was scored. */
const char *device_description(const device *d);

/* Number of the device's present life: states opened in an earlier one are worth nothing. A failure in which states may
 * have been lost ends the life that it was seen in. */
unsigned device_life(device *d);
void device_end_life(device *d, unsigned life);
/* For a device whose memory may be damaged: opens its states anew; a device in a process of its own gets a new
 * process. */
void device_start_anew(device *d);

/* A call was given up, which ends the process of a device that has its own; one such has ended and touches the device no more. */
void device_give_up(device *d);
void device_came_back(device *d);
/* Given up and still out. */
unsigned device_calls_out(device *d);

#endif
