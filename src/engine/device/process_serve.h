/* The other side of engine/device/process_device.h: the process that a device has to itself. */
#ifndef ENGINE_DEVICE_PROCESS_SERVE_H
#define ENGINE_DEVICE_PROCESS_SERVE_H

#include "akidb/embed.h"

/* Loads the model and the plugin, and serves passes until the control socket is closed, which is when the process is to end:
 * threads and device are left as they are. The descriptors of engine/device/process_wire.h must be there. False = it could not begin, or
 * what came over the socket was no message of this program's. */
bool process_serve(const char *folder, aki_precision precision);

#endif
