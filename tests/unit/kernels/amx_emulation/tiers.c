#include "kernels/tiers.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernels/cpu.h"

const kernel_table *const *emulated_tiers(void);

/* What the tests run over instead of kernels_available: the emulated tier alone, whose vector code is real. */
const kernel_table *const *emulated_tiers(void)
{
    static const kernel_table *const tiers[] = {&kernels_amx, NULL};
    if (!cpu_detect().avx512_bf16) {
        fprintf(stderr, "this CPU has no AVX-512 BF16, which the amx tier uses beside its tiles\n");
        exit(77); /* skipped */
    }
    return tiers;
}
