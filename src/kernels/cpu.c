#include "kernels/cpu.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* State components of XCR0. */
#define XCR0_SSE (UINT64_C(1) << 1)
#define XCR0_AVX (UINT64_C(1) << 2)
#define XCR0_AVX512 (UINT64_C(7) << 5) /* mask registers, upper halves of zmm0-15, zmm16-31 */

#define LEAF_7_1_EAX_BF16 (1u << 5) /* not in every compiler's cpuid.h */
#define FAMILY_ZEN_4 0x19           /* and Zen 3, which has no AVX-512 */
#define FAMILY_ZEN_5 0x1a

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool vendor_is(const char *name)
{
    unsigned most, vendor[3];
    char text[sizeof vendor + 1] = "";
    if (!__get_cpuid(0, &most, &vendor[0], &vendor[2], &vendor[1]))
        return false;
    memcpy(text, vendor, sizeof vendor);
    return strcmp(text, name) == 0;
}

/* From leaf 1's eax. */
static unsigned family_of(unsigned signature)
{
    unsigned family = signature >> 8 & 0xf;
    return family == 0xf ? family + (signature >> 20 & 0xff) : family;
}

cpu_features cpu_detect(void)
{
    cpu_features features = {0};
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE))
        return features;
    const unsigned family = family_of(eax);
    bool fma = (ecx & bit_FMA) && (ecx & bit_F16C) && (ecx & bit_AVX);
    uint64_t enabled = read_xcr0();
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return features;
    const uint64_t avx_state = XCR0_SSE | XCR0_AVX, avx512_state = avx_state | XCR0_AVX512;
    const unsigned avx512_bits = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
    features.avx2 = fma && (ebx & bit_AVX2) && (enabled & avx_state) == avx_state;
    features.avx512 =
        features.avx2 && (ebx & avx512_bits) == avx512_bits && (enabled & avx512_state) == avx512_state;
    const bool bf16 =
        eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & LEAF_7_1_EAX_BF16);
    features.avx512_bf16 = features.avx512 && bf16;
    /* Measured: Zen 4 does twice the work of fp32 with it, Granite Rapids half. Zen 5 is documented to do as Zen 4. */
    features.fast_bf16 = features.avx512_bf16 && vendor_is("AuthenticAMD") &&
                         (family == FAMILY_ZEN_4 || family == FAMILY_ZEN_5);
    return features;
}

#else

cpu_features cpu_detect(void)
{
    return (cpu_features){0};
}

#endif
