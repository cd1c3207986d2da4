/* The parts of `doctor`. */
#ifndef CLI_DOCTOR_CHECKS_H
#define CLI_DOCTOR_CHECKS_H

#include "base/log.h"
#include "cli/doctor/report.h"
#include "cli/options/options.h"

/* The part of `doctor` that looks at the device beyond the CPU. */
/* folder: where the model's files are, of which it depends whether a device is usable. Adds a finding where the options name a
 * device or a plugin: the device is opened, as `serve` does. */
void doctor_check_device(doctor_report *report, const options *o, const char *folder, log_sink log);

/* The part of `doctor` that looks at the model: files, loading, and a real vector against the stored reference. */
/* folder: where the model's files are. Adds findings; a failure is one of them. */
void doctor_check_model(doctor_report *report, const options *o, const char *folder, log_sink log);

#endif
