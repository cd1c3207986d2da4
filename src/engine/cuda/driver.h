/* The version of the NVIDIA driver, for people. */
#ifndef ENGINE_CUDA_DRIVER_H
#define ENGINE_CUDA_DRIVER_H

#include <stddef.h>

#define CUDA_DRIVER_BYTES 80 /* as NVML's own limit */

/* "580.159.04", from NVML, which comes with the driver; "" where it cannot be had. */
void cuda_driver_version(char text[CUDA_DRIVER_BYTES]);

#endif
