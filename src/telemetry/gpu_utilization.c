#include "telemetry/gpu_utilization.h"

#include <dlfcn.h>
#include <pthread.h>

/* Of NVML's interface, version 2 of each function: success is 0 everywhere. */
typedef struct nvml_utilization {
    unsigned gpu, memory; /* percent */
} nvml_utilization;

typedef struct nvml {
    int (*count)(unsigned *devices);
    int (*handle)(unsigned index, void **device);
    int (*utilization)(void *device, nvml_utilization *out);
} nvml;

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static nvml library; /* all NULL: not there. Filled once, then const */

static void open_library(void)
{
    void *handle = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return;
    int (*init)(void) = (int (*)(void))dlsym(handle, "nvmlInit_v2");
    nvml found = {
        .count = (int (*)(unsigned *))dlsym(handle, "nvmlDeviceGetCount_v2"),
        .handle = (int (*)(unsigned, void **))dlsym(handle, "nvmlDeviceGetHandleByIndex_v2"),
        .utilization = (int (*)(void *, nvml_utilization *))dlsym(handle, "nvmlDeviceGetUtilizationRates"),
    };
    if (init != NULL && found.count != NULL && found.handle != NULL && found.utilization != NULL &&
        init() == 0)
        library = found;
    else
        dlclose(handle);
}

static double read_utilization(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    pthread_once(&opened, open_library);
    unsigned devices = 0, busiest = 0;
    if (library.count == NULL || library.count(&devices) != 0)
        return 0;
    for (unsigned i = 0; i < devices; i++) {
        void *device;
        nvml_utilization now;
        if (library.handle(i, &device) == 0 && library.utilization(device, &now) == 0 && now.gpu > busiest)
            busiest = now.gpu;
    }
    return busiest;
}

void gpu_utilization_register(metrics *m)
{
    metrics_read_by(m, METRIC_GPU_UTILIZATION, read_utilization, NULL);
}
