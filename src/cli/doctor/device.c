#include "cli/doctor/report.h"

#include "base/error.h"
#include "cli/device_source.h"
#include "cli/model_source.h"
#include "model/model.h"

#include <string.h>

/* The plugin's device, and what it says of itself. */
static aki_status open_device(doctor_report *report, device_plugin *plugin, const device_model *m,
                              const log_sink *log, aki_error *error)
{
    device *opened;
    const aki_status status = device_open(&opened, plugin, 0, m, log, error);
    if (status != AKI_OK)
        return status;
    doctor_add(report, FINDING_OK, "device", "%s: %s", device_interface(opened)->name,
               device_description(opened));
    device_close(opened, 0, NULL);
    return AKI_OK;
}

void doctor_check_device(doctor_report *report, const options *o, const char *folder, log_sink log)
{
    device_source source;
    device_plugin plugin;
    aki_error error;
    model *files = NULL;
    device_source_read(&source, o);
    const bool is_auto = strcmp(source.choice.name, DEVICE_CHOICE_AUTO) == 0;
    if (strcmp(source.choice.name, DEVICE_CHOICE_CPU) == 0 || (is_auto && source.choice.plugin == NULL))
        return;
    aki_status status = AKI_OK;
    if (source.choice.plugin == NULL)
        status = error_set(&error, AKI_INVALID_ARGUMENT,
                           "there is no plugin for device %s beside the program", source.choice.name);
    if (status == AKI_OK)
        status = device_plugin_load(&plugin, source.choice.plugin, &error);
    if (status != AKI_OK) {
        doctor_add_error(report, "device", &error);
        return;
    }
    status = model_open(&files, folder, &error);
    if (status == AKI_OK) {
        const device_model m = {.config = model_configuration(files),
                                .weights = model_weights_of(files),
                                .precision = model_open_settings(o, log).precision,
                                .folder = folder};
        status = open_device(report, &plugin, &m, &log, &error);
    } else {
        device_plugin_unload(&plugin);
    }
    if (status != AKI_OK && is_auto)
        doctor_add(report, FINDING_WARN, "device", "%s", error.message);
    else if (status != AKI_OK)
        doctor_add_error(report, "device", &error);
    model_close(files);
}
