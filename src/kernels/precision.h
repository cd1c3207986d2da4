/* Precisions by number: their names, and the kernels that a tier has for them. What lists or measures every precision
 * walks from AKI_PRECISION_FP32 up to the first without a name. */
#ifndef KERNELS_PRECISION_H
#define KERNELS_PRECISION_H

#include "akidb/embed.h"
#include "kernels/kernels.h"

/* "auto", "fp32", …; NULL for a number that is no precision. Static storage. */
const char *kernel_precision_name(aki_precision precision);

/* False for AKI_PRECISION_AUTO. */
bool kernel_has_precision(const kernel_table *table, aki_precision precision);

/* The burst of the instruction that does the products, see kernel_precision. NULL when the tier has not the precision. INT4
 * computes with the instruction of the default precision. */
double (*kernel_burst_of(const kernel_table *table, aki_precision precision))(size_t rounds);

/* What AKI_PRECISION_AUTO means on a tier, for a model that all of its precisions can compute. */
aki_precision kernel_precision_default(const kernel_table *table);

#endif
