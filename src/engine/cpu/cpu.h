/* The CPU behind the interface of devices: for choosing among devices by score, and for devices that compute by it. The
 * encoder itself calls engine/device/cpu_device.h directly, where several workers may help with one pass. */
#ifndef ENGINE_CPU_CPU_H
#define ENGINE_CPU_CPU_H

#include "engine/device/device.h"

extern const device_api device_cpu_api;

#endif
