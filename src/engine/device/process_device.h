/* A device in a process of its own, for plugins whose failures cost their process the device for good (device_api.isolated):
 * what fails, crashes, or does not come back is that process. It is ended, and the next state that is opened begins a new one.
 *
 * The process is this program again (/proc/self/exe), with the command PROCESS_COMMAND: engine/device/process_wire.h. It opens the model
 * from its folder, and is not used if that is not the same model any more. It sees this process' end by the closed control
 * socket and ends itself, whatever the device does. A pass costs two changes of process more; only ids and vectors are copied. */
#ifndef ENGINE_DEVICE_PROCESS_DEVICE_H
#define ENGINE_DEVICE_PROCESS_DEVICE_H

#include "engine/device/plugin.h"

typedef struct process_device process_device;

/* No process yet. plugin and model must outlive it. NULL = out of memory. */
process_device *process_device_make(const device_plugin *plugin, const device_model *m);
/* Begins the process, and has the plugin's score and message ([DEVICE_MESSAGE_BYTES]). 0: it is of no use here, or there is no process
 * to be had. */
int process_device_score(process_device *d, char *message);
/* After a score. */
device_status process_device_open(process_device *d, const log_sink *log, char *message);

/* As device_api's, `device` being a process_device. Of a half-built one too. */
void process_device_close(void *device);
device_status process_device_state_open(void **state, void *device, size_t max_tokens, char *message);
void process_device_state_close(void *state);
device_status process_device_forward(void *device, void *state, const device_batch *batch,
                                     const float **output, device_times *times, char *message);
/* For a call that did not come back: ends the process, so that it does. Does not wait. */
void process_device_abandon(process_device *d);
bool process_device_memory(void *device, size_t *used, size_t *total);

#endif
