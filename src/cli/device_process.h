/* The program as the process that a device has to itself (engine/device/process_serve.h). Started by `serve` and `doctor`, and in no help
 * text. */
#ifndef CLI_DEVICE_PROCESS_H
#define CLI_DEVICE_PROCESS_H

#include <stdbool.h>

bool device_process_is_meant(const char *command);
/* PRECISION FOLDER, as engine/device/process_device.c gives them. Ends the process when the server does; returns only an exit code for
 * arguments that are not from there. */
int device_process_run(int count, const char *const *arguments);

#endif
