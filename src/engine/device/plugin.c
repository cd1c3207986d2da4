#include "engine/device/plugin.h"

#include "base/error.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static aki_status check_file(int descriptor, const char *path, aki_error *error)
{
    struct stat about;
    if (fstat(descriptor, &about) != 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot look at the device plugin '%s'", path);
    aki_status status = AKI_OK;
    if (!S_ISREG(about.st_mode))
        status = error_set(error, AKI_IO_ERROR, "the device plugin '%s' is not a regular file", path);
    else if (about.st_uid != 0 && about.st_uid != geteuid())
        status =
            error_set(error, AKI_IO_ERROR,
                      "the device plugin '%s' belongs to user %u, who could have this process run anything",
                      path, (unsigned)about.st_uid);
    else if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        status = error_set(error, AKI_IO_ERROR,
                           "the device plugin '%s' may be written by others than its owner (mode %04o)", path,
                           (unsigned)about.st_mode & 07777);
    if (status != AKI_OK)
        error_hint(error, "Name a file that root or this user owns and nobody else may write.");
    return status;
}

/* Of the first version: what came later may be lacking. */
#define LEAST_BYTES offsetof(device_api, pass_tokens)

static aki_status check_api(const device_api *api, const char *path, aki_error *error)
{
    aki_status status = AKI_OK;
    if (api->abi_version != DEVICE_ABI_VERSION)
        status =
            error_set(error, AKI_INVALID_ARGUMENT,
                      "the device plugin '%s' has version %u of the device interface, this program has %u",
                      path, (unsigned)api->abi_version, DEVICE_ABI_VERSION);
    else if (api->struct_size < LEAST_BYTES)
        status = error_set(error, AKI_INVALID_ARGUMENT,
                           "the device plugin '%s' has an interface of %u bytes, this program needs %zu",
                           path, (unsigned)api->struct_size, LEAST_BYTES);
    else if (api->name == NULL || api->score == NULL || api->open == NULL || api->close == NULL ||
             api->state_open == NULL || api->state_close == NULL || api->forward == NULL ||
             api->memory == NULL)
        status = error_set(error, AKI_INVALID_ARGUMENT, "the device plugin '%s' lacks functions", path);
    else if (strcmp(api->name, "cpu") == 0 || strcmp(api->name, "auto") == 0)
        status = error_set(error, AKI_INVALID_ARGUMENT, "the device plugin '%s' must have a name of its own",
                           path);
    if (status != AKI_OK)
        error_hint(error, "Use the plugin that came with this version of the program.");
    return status;
}

aki_status device_plugin_load(device_plugin *plugin, const char *path, aki_error *error)
{
    *plugin = (device_plugin){.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (plugin->descriptor < 0) {
        *plugin = (device_plugin){0};
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot open the device plugin '%s'", path);
    }
    char opened[64];
    snprintf(opened, sizeof opened, "/proc/self/fd/%d", plugin->descriptor);
    aki_status status = check_file(plugin->descriptor, path, error);
    if (status == AKI_OK) {
        plugin->library = dlopen(opened, RTLD_NOW | RTLD_LOCAL);
        if (plugin->library == NULL) {
            const char *reason = dlerror();
            status = error_set(error, AKI_INVALID_ARGUMENT, "cannot load the device plugin '%s': %s", path,
                               reason != NULL ? reason : "no reason given");
        }
    }
    if (status == AKI_OK) {
        plugin->api = dlsym(plugin->library, DEVICE_PLUGIN_SYMBOL);
        if (plugin->api == NULL)
            status = error_set(error, AKI_INVALID_ARGUMENT, "'%s' is not a device plugin: it has no %s", path,
                               DEVICE_PLUGIN_SYMBOL);
        else
            status = check_api(plugin->api, path, error);
    }
    if (status != AKI_OK)
        device_plugin_unload(plugin);
    return status;
}

void device_plugin_unload(device_plugin *plugin)
{
    if (plugin->library != NULL)
        dlclose(plugin->library);
    if (plugin->library != NULL || plugin->descriptor > 0)
        close(plugin->descriptor);
    *plugin = (device_plugin){0};
}
