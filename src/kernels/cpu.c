#include "kernels/cpu.h"

#include <stdint.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* State components of XCR0. */
#define XCR0_SSE (UINT64_C(1) << 1)
#define XCR0_AVX (UINT64_C(1) << 2)
#define XCR0_AVX512 (UINT64_C(7) << 5) /* mask registers, upper halves of zmm0-15, zmm16-31 */

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

cpu_features cpu_detect(void)
{
    cpu_features features = {0};
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE))
        return features;
    bool fma = (ecx & bit_FMA) && (ecx & bit_F16C) && (ecx & bit_AVX);
    uint64_t enabled = read_xcr0();
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return features;
    const uint64_t avx_state = XCR0_SSE | XCR0_AVX, avx512_state = avx_state | XCR0_AVX512;
    const unsigned avx512_bits = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
    features.avx2 = fma && (ebx & bit_AVX2) && (enabled & avx_state) == avx_state;
    features.avx512 =
        features.avx2 && (ebx & avx512_bits) == avx512_bits && (enabled & avx512_state) == avx512_state;
    return features;
}

#else

cpu_features cpu_detect(void)
{
    return (cpu_features){0};
}

#endif
