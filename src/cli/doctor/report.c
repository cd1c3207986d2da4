#include "cli/doctor/report.h"

#include "base/json_text.h"
#include "kernels/precision.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {"ok", "note", "warn", "fail"};

void doctor_add(doctor_report *report, finding_status status, const char *name, const char *format, ...)
{
    if (report->count == DOCTOR_FINDINGS)
        return;
    finding *f = &report->findings[report->count++];
    *f = (finding){.status = status, .name = name};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->detail, sizeof f->detail, format, arguments);
    va_end(arguments);
}

void doctor_remedy(doctor_report *report, const char *format, ...)
{
    finding *f = &report->findings[report->count - 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->remedy, sizeof f->remedy, format, arguments);
    va_end(arguments);
}

void doctor_add_error(doctor_report *report, const char *name, const aki_error *error)
{
    doctor_add(report, FINDING_FAIL, name, "%s: %s", aki_status_name(error->status), error->message);
    doctor_remedy(report, "%s", error->hint);
}

bool doctor_healthy(const doctor_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        if (report->findings[i].status == FINDING_FAIL)
            return false;
    return true;
}

void doctor_print_text(buf *out, const doctor_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const finding *f = &report->findings[i];
        buf_printf(out, "%-4s  %-11s  %s\n", status_names[f->status], f->name, f->detail);
        if (f->remedy[0] != '\0')
            buf_printf(out, "      %-11s  -> %s\n", "", f->remedy);
    }
    buf_append_string(out, doctor_healthy(report) ? "\nAll is well.\n"
                                                  : "\nSomething failed: see the lines marked fail.\n");
}

static void append_field(buf *out, const char *name, const char *value)
{
    buf_printf(out, "\"%s\":", name);
    json_text_append_string(out, value);
}

/* The CPU tiers of this machine, best first, with the precisions of each: [{"name":"avx2","precisions":["fp32"],
 * "default_precision":"fp32"}, …]. */
static void append_tiers(buf *out)
{
    const kernel_table *const *tiers = kernels_available();
    buf_append_char(out, '[');
    for (size_t i = 0; tiers[i] != NULL; i++) {
        const char *name, *comma = "";
        buf_printf(out, "%s\n{\"name\":\"%s\",\"precisions\":[", i > 0 ? "," : "", tiers[i]->name);
        for (aki_precision p = AKI_PRECISION_FP32; (name = kernel_precision_name(p)) != NULL; p++) {
            if (!kernel_has_precision(tiers[i], p))
                continue;
            buf_printf(out, "%s\"%s\"", comma, name);
            comma = ",";
        }
        buf_printf(out, "],\"default_precision\":\"%s\"}",
                   kernel_precision_name(kernel_precision_default(tiers[i])));
    }
    buf_append_char(out, ']');
}

void doctor_print_json(buf *out, const doctor_report *report)
{
    buf_printf(out, "{\"ok\":%s,\"checks\":[", doctor_healthy(report) ? "true" : "false");
    for (size_t i = 0; i < report->count; i++) {
        const finding *f = &report->findings[i];
        buf_append_string(out, i > 0 ? ",\n{" : "\n{");
        append_field(out, "name", f->name);
        buf_append_char(out, ',');
        append_field(out, "status", status_names[f->status]);
        buf_append_char(out, ',');
        append_field(out, "detail", f->detail);
        if (f->remedy[0] != '\0') {
            buf_append_char(out, ',');
            append_field(out, "remedy", f->remedy);
        }
        buf_append_char(out, '}');
    }
    buf_append_string(out, "\n],\"tiers\":");
    append_tiers(out);
    buf_append_string(out, "}\n");
}
