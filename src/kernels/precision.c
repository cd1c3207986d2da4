#include "kernels/precision.h"

#include "kernels/int8.h"

static const char *const names[] = {
    [AKI_PRECISION_AUTO] = "auto", [AKI_PRECISION_FP32] = "fp32", [AKI_PRECISION_BF16] = "bf16",
    [AKI_PRECISION_INT8] = "int8", [AKI_PRECISION_INT4] = "int4",
};

const char *kernel_precision_name(aki_precision precision)
{
    return (size_t)precision < sizeof names / sizeof *names ? names[precision] : NULL;
}

bool kernel_has_precision(const kernel_table *table, aki_precision precision)
{
    return kernel_burst_of(table, precision) != NULL;
}

double (*kernel_burst_of(const kernel_table *table, aki_precision precision))(size_t rounds)
{
    switch (precision) {
    case AKI_PRECISION_FP32:
        return table->fp32->burst;
    case AKI_PRECISION_BF16:
        return table->bf16 != NULL ? table->bf16->burst : NULL;
    case AKI_PRECISION_INT8:
        return table->int8 != NULL ? table->int8->burst : NULL;
    case AKI_PRECISION_INT4:
        if (table->fp32->expand == NULL || (table->bf16 != NULL && table->bf16->expand == NULL))
            return NULL;
        return kernel_burst_of(table, kernel_precision_default(table));
    case AKI_PRECISION_AUTO:
        break;
    }
    return NULL;
}

aki_precision kernel_precision_default(const kernel_table *table)
{
    return table->bf16_is_faster ? AKI_PRECISION_BF16 : AKI_PRECISION_FP32;
}
