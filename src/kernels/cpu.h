/* What the CPU can do and the operating system lets it: an instruction set counts only when both agree (AVX needs its
 * registers saved at a context switch, which XCR0 tells; Linux wants to be asked before a process uses matrix tiles). */
#ifndef KERNELS_CPU_H
#define KERNELS_CPU_H

#include <stdbool.h>

/* Of a core: whether it does more work per second by an instruction than by fp32 multiply-adds. */
typedef enum cpu_speed {
    CPU_SPEED_UNKNOWN,
    CPU_SLOWER,
    CPU_FASTER,
} cpu_speed;

typedef struct cpu_features {
    bool avx2;            /* AVX2, FMA and F16C */
    bool avx512;          /* AVX-512 F, BW, VL and DQ, and all of avx2 */
    bool avx2_vnni;       /* AVX-VNNI, dot products of bytes in 32-byte vectors, and all of avx2 */
    bool avx512_vnni;     /* the same in 64-byte vectors, and all of avx512 */
    bool avx512_bf16;     /* and all of avx512_vnni */
    cpu_speed bf16_speed; /* of avx512_bf16's dot product */
    bool amx;             /* matrix tiles with bf16 and int8, and all of avx512_bf16 */
    bool neon_dotprod;    /* of 64-bit Arm, whose plain vectors every CPU has: dot products of signed int8 */
    bool neon_i8mm;       /* matrix products of int8, and all of neon_dotprod */
} cpu_features;

/* Asks the operating system for this process's permission to use matrix tiles where the CPU has them: threads, those that
 * exist and those to come, may use them once this has returned amx. */
cpu_features cpu_detect(void);

#endif
