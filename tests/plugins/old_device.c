/* A plugin of another version of the device interface: nothing in it but the number may be looked at. */
#include <stdint.h>

extern const uint32_t aki_device_plugin[2];
const uint32_t aki_device_plugin[2] = {99, 8};
