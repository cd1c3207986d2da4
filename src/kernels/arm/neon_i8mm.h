/* What the neon-i8mm tier adds to neon, see int8.h. */
#ifndef KERNELS_NEON_I8MM_H
#define KERNELS_NEON_I8MM_H

#include "kernels/int8.h"

extern const kernel_int8 neon_i8mm_int8;

#endif
