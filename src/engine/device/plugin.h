/* Loading a device from a shared object. Whoever may write the file decides what this process does, so it is taken only
 * where nobody but its owner may, and the owner is root or the user that this process runs as. What was checked is what is
 * loaded: the file is opened once, and by that descriptor. */
#ifndef ENGINE_DEVICE_PLUGIN_H
#define ENGINE_DEVICE_PLUGIN_H

#include "engine/device/device.h"

typedef struct device_plugin {
    const device_api *api; /* in the shared object */
    void *library;
    int descriptor;
} device_plugin;

/* Errors: AKI_IO_ERROR (no such file, not to be trusted), AKI_INVALID_ARGUMENT (not a plugin, another ABI). */
AKI_MUST_CHECK aki_status device_plugin_load(device_plugin *plugin, const char *path, aki_error *error);
/* Of a zeroed one: nothing. No thread may be in it. */
void device_plugin_unload(device_plugin *plugin);

#endif
