/* The part of `doctor` that looks at the model: files, loading, and a real vector against the stored reference. */
#ifndef CLI_DOCTOR_MODEL_H
#define CLI_DOCTOR_MODEL_H

#include "base/log.h"
#include "cli/doctor/report.h"
#include "cli/options/options.h"

/* folder: where the model's files are. Adds findings; a failure is one of them. */
void doctor_check_model(doctor_report *report, const options *o, const char *folder, log_sink log);

#endif
