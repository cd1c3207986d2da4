#include "kernels/precision.h"

static const char *const names[] = {
    [AKI_PRECISION_AUTO] = "auto",
    [AKI_PRECISION_FP32] = "fp32",
    [AKI_PRECISION_BF16] = "bf16",
};

const char *kernel_precision_name(aki_precision precision)
{
    return (size_t)precision < sizeof names / sizeof *names ? names[precision] : NULL;
}

const kernel_precision *kernel_precision_of(const kernel_table *table, aki_precision precision)
{
    switch (precision) {
    case AKI_PRECISION_FP32:
        return table->fp32;
    case AKI_PRECISION_BF16:
        return table->bf16;
    case AKI_PRECISION_AUTO:
        break;
    }
    return NULL;
}

aki_precision kernel_precision_default(const kernel_table *table)
{
    return table->bf16_is_faster ? AKI_PRECISION_BF16 : AKI_PRECISION_FP32;
}
