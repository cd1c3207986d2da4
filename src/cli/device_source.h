/* Which device the options ask for, and where its plugin lies. */
#ifndef CLI_DEVICE_SOURCE_H
#define CLI_DEVICE_SOURCE_H

#include "cli/options/options.h"
#include "engine/device_lane.h"

#include <limits.h>

typedef struct device_source {
    device_choice choice; /* its strings are the options', or `found` */
    char found[PATH_MAX];
} device_source;

/* A device that is asked for by name without a plugin is looked for as akidb-embed-NAME.so, beside the program and then in the
 * library folder that the program was installed with. Where there is none, choice.plugin stays NULL: device_choose says so.
 * `source` must stay where it is. */
void device_source_read(device_source *source, const options *o);

#endif
