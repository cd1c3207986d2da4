/* Which device the options ask for, and where its plugin lies. */
#ifndef CLI_DEVICE_SOURCE_H
#define CLI_DEVICE_SOURCE_H

#include "cli/options/options.h"
#include "engine/device_lane.h"

#include <limits.h>
#include <stdbool.h>

typedef struct device_source {
    device_choice choice; /* its strings are the options', or `found` */
    char found[PATH_MAX];
} device_source;

/* A device that is asked for by name without a plugin is looked for as akidb-embed-NAME.so, beside the program and then in the
 * library folder that the program was installed with. Where there is none, choice.plugin stays NULL: device_choose says so.
 * `source` must stay where it is. */
void device_source_read(device_source *source, const options *o);

/* The program as the process that a device has to itself (engine/device/process_wire.h). Started by `serve` and `doctor`, and in no help
 * text. */

bool device_process_is_meant(const char *command);
/* PRECISION FOLDER, as engine/device/process_device.c gives them. Ends the process when the server does; returns only an exit code for
 * arguments that are not from there. */
int device_process_run(int count, const char *const *arguments);

#endif
