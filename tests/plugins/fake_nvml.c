/* Stands in for NVIDIA's management library: GPUs that are as busy as a test says, or of which it can tell nothing. */
#include <stddef.h>

#define MOST 4

int nvmlInit_v2(void);
int nvmlDeviceGetCount_v2(unsigned *devices);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates);

/* For tests: percent of each GPU; negative = it is lost, 1000 = it has no handle. devices < 0: they cannot be counted. */
extern int fake_nvml_devices, fake_nvml_percent[MOST];
int fake_nvml_devices, fake_nvml_percent[MOST];

enum { SUCCESS = 0, LOST = 15 };

int nvmlInit_v2(void)
{
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *devices)
{
    if (fake_nvml_devices < 0)
        return LOST;
    *devices = (unsigned)fake_nvml_devices;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    if (index >= MOST || fake_nvml_percent[index] == 1000)
        return LOST;
    *device = &fake_nvml_percent[index];
    return SUCCESS;
}

/* rates: GPU, memory. */
int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates)
{
    const int percent = *(const int *)device;
    if (percent < 0)
        return LOST;
    rates[0] = (unsigned)percent;
    rates[1] = 99; /* is nobody's business */
    return SUCCESS;
}
