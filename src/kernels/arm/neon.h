/* The kernels of the neon tier, see kernels.h. */
#ifndef KERNELS_NEON_H
#define KERNELS_NEON_H

#include "kernels/kernels.h"

extern const kernel_precision neon_fp32;

void neon_norm(const kernel_norm *norm);

#endif
