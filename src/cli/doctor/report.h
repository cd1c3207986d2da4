/* The findings of `doctor`, and how they are printed. */
#ifndef CLI_DOCTOR_REPORT_H
#define CLI_DOCTOR_REPORT_H

#include "akidb/embed.h"
#include "base/buf.h"
#include "base/log.h"
#include "cli/options/options.h"

typedef enum finding_status { FINDING_OK, FINDING_NOTE, FINDING_WARN, FINDING_FAIL } finding_status;

typedef struct finding {
    finding_status status;
    const char *name; /* "CPU", static storage */
    char detail[600];
    char remedy[300]; /* "" = none */
} finding;

#define DOCTOR_FINDINGS 24

typedef struct doctor_report {
    finding findings[DOCTOR_FINDINGS];
    size_t count;
} doctor_report;

/* Adds a finding; what is more than DOCTOR_FINDINGS is dropped. */
void doctor_add(doctor_report *report, finding_status status, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Gives the last finding a remedy. */
void doctor_remedy(doctor_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_add_error(doctor_report *report, const char *name, const aki_error *error);

bool doctor_healthy(const doctor_report *report); /* nothing failed */
void doctor_print_text(buf *out, const doctor_report *report);
void doctor_print_json(buf *out, const doctor_report *report);

/* The parts of `doctor`. */

/* The part of `doctor` that looks at the device beyond the CPU. */
/* folder: where the model's files are, of which it depends whether a device is usable. Adds a finding where the options name a
 * device or a plugin: the device is opened, as `serve` does. */
void doctor_check_device(doctor_report *report, const options *o, const char *folder, log_sink log);

/* The part of `doctor` that looks at the model: files, loading, and a real vector against the stored reference. */
/* folder: where the model's files are. Adds findings; a failure is one of them. */
void doctor_check_model(doctor_report *report, const options *o, const char *folder, log_sink log);

#endif
