/* The part of `doctor` that looks at the device beyond the CPU. */
#ifndef CLI_DOCTOR_DEVICE_H
#define CLI_DOCTOR_DEVICE_H

#include "base/log.h"
#include "cli/doctor/report.h"
#include "cli/options/options.h"

/* folder: where the model's files are, of which it depends whether a device is usable. Adds a finding where the options name a
 * device or a plugin: the device is opened, as `serve` does. */
void doctor_check_device(doctor_report *report, const options *o, const char *folder, log_sink log);

#endif
