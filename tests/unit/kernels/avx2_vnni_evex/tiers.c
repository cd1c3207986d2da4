#include "kernels/tiers.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernels/cpu.h"

const kernel_table *const *evex_tiers(void);

/* What the tests run over instead of kernels_available: avx2-vnni alone, with its instruction in the encoding of AVX-512. */
const kernel_table *const *evex_tiers(void)
{
    static const kernel_table *const tiers[] = {&kernels_avx2_vnni, NULL};
    if (!cpu_detect().avx512_vnni) {
        fprintf(stderr, "this CPU has no AVX-512 VNNI\n");
        exit(77); /* skipped */
    }
    return tiers;
}
