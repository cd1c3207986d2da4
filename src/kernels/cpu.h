/* What the CPU can do and the operating system lets it: an instruction set counts only when both agree (AVX needs its
 * registers saved at a context switch, which XCR0 tells). */
#ifndef KERNELS_CPU_H
#define KERNELS_CPU_H

#include <stdbool.h>

typedef struct cpu_features {
    bool avx2;   /* AVX2, FMA and F16C */
    bool avx512; /* AVX-512 F, BW, VL and DQ, and all of avx2 */
    bool avx512_bf16;
    bool fast_bf16; /* of avx512_bf16's dot product it is known that this core does more than by fp32 */
} cpu_features;

cpu_features cpu_detect(void);

#endif
