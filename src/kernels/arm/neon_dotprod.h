/* What the neon-dotprod tier adds to neon, see int8.h. */
#ifndef KERNELS_NEON_DOTPROD_H
#define KERNELS_NEON_DOTPROD_H

#include "kernels/int8.h"

extern const kernel_int8 neon_dotprod_int8;

#endif
