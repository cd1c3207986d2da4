/* The CPU behind the interface of devices: for choosing among devices by score, and for devices that compute by it. The
 * encoder itself calls device/cpu_device.h directly, where several workers may help with one pass. */
#ifndef DEVICE_CPU_H
#define DEVICE_CPU_H

#include "device/device.h"

extern const device_api device_cpu_api;

#endif
