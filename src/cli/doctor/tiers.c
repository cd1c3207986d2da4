#include "cli/doctor/checks.h"

#include "kernels/precision.h"

void doctor_append_tiers(buf *out)
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
