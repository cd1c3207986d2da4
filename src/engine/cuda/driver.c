#include "engine/cuda/driver.h"

#include <dlfcn.h>

void cuda_driver_version(char text[CUDA_DRIVER_BYTES])
{
    text[0] = '\0';
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return;
    int (*begin)(void) = (int (*)(void))dlsym(library, "nvmlInit_v2");
    int (*end)(void) = (int (*)(void))dlsym(library, "nvmlShutdown");
    int (*version)(char *, unsigned) =
        (int (*)(char *, unsigned))dlsym(library, "nvmlSystemGetDriverVersion");
    if (begin != NULL && end != NULL && version != NULL && begin() == 0) {
        if (version(text, CUDA_DRIVER_BYTES) != 0)
            text[0] = '\0';
        text[CUDA_DRIVER_BYTES - 1] = '\0';
        (void)end();
    }
    dlclose(library);
}
