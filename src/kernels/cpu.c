#include "kernels/cpu.h"

#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* State components of XCR0. */
#define XCR0_SSE (UINT64_C(1) << 1)
#define XCR0_AVX (UINT64_C(1) << 2)
#define XCR0_AVX512 (UINT64_C(7) << 5) /* mask registers, upper halves of zmm0-15, zmm16-31 */
#define XCR0_TILES (UINT64_C(3) << 17) /* configuration, data */

#define LEAF_7_ECX_AVX512_VNNI (1u << 11)
#define LEAF_7_1_EAX_AVX_VNNI (1u << 4)                 /* not in every compiler's cpuid.h, as the next one */
#define LEAF_7_1_EAX_BF16 (1u << 5)                     /* not in every compiler's cpuid.h */
#define LEAF_7_EDX_AMX (1u << 22 | 1u << 24 | 1u << 25) /* bf16, tiles, int8 */
#define LEAF_TILES 0x1d
#define FAMILY_ZEN_4 0x19 /* and Zen 3, which has no AVX-512 */
#define FAMILY_ZEN_5 0x1a
#define MODEL_GRANITE_RAPIDS 0xad
#define MODEL_GRANITE_RAPIDS_D 0xae

/* Not in every libc's headers. */
#define ARCH_REQUEST_PERMISSION 0x1023
#define FEATURE_TILE_DATA 18

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

static unsigned model_of(unsigned signature)
{
    return (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);
}

/* Measured: Zen 4 and Zen 5 do twice the work of fp32, Granite Rapids half. */
static cpu_speed bf16_speed_of(unsigned signature)
{
    const unsigned family = family_of(signature), model = model_of(signature);
    if (vendor_is("AuthenticAMD") && (family == FAMILY_ZEN_4 || family == FAMILY_ZEN_5))
        return CPU_FASTER;
    if (vendor_is("GenuineIntel") && family == 6 &&
        (model == MODEL_GRANITE_RAPIDS || model == MODEL_GRANITE_RAPIDS_D))
        return CPU_SLOWER;
    return CPU_SPEED_UNKNOWN;
}

/* Checks that palette 1 is what amx_tile.h takes it for: eight tiles of 16 rows of 64 bytes. */
static bool has_tile_palette(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(LEAF_TILES, 0, &eax, &ebx, &ecx, &edx) && eax >= 1 &&
           __get_cpuid_count(LEAF_TILES, 1, &eax, &ebx, &ecx, &edx) && eax >> 16 == 1024 &&
           (ebx & 0xffff) == 64 && ebx >> 16 >= 8 && (ecx & 0xffff) >= 16;
}

/* Linux gives each process its own permission, which a refusal leaves as it was. It refuses where a signal's alternate stack
 * would be too small for the tiles, or a filter of system calls forbids to ask. */
static bool may_use_tiles(void)
{
#if defined(__linux__)
    return syscall(SYS_arch_prctl, ARCH_REQUEST_PERMISSION, FEATURE_TILE_DATA) == 0;
#else
    return false;
#endif
}

cpu_features cpu_detect(void)
{
    cpu_features features = {0};
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE))
        return features;
    const unsigned signature = eax;
    bool fma = (ecx & bit_FMA) && (ecx & bit_F16C) && (ecx & bit_AVX);
    uint64_t enabled = read_xcr0();
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return features;
    const uint64_t avx_state = XCR0_SSE | XCR0_AVX, avx512_state = avx_state | XCR0_AVX512;
    const unsigned avx512_bits = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
    features.avx2 = fma && (ebx & bit_AVX2) && (enabled & avx_state) == avx_state;
    features.avx512 =
        features.avx2 && (ebx & avx512_bits) == avx512_bits && (enabled & avx512_state) == avx512_state;
    const bool tiles = (edx & LEAF_7_EDX_AMX) == LEAF_7_EDX_AMX && (enabled & XCR0_TILES) == XCR0_TILES;
    features.avx512_vnni = features.avx512 && (ecx & LEAF_7_ECX_AVX512_VNNI);
    const bool more = eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx);
    features.avx2_vnni = features.avx2 && more && (eax & LEAF_7_1_EAX_AVX_VNNI);
    features.avx512_bf16 = features.avx512_vnni && more && (eax & LEAF_7_1_EAX_BF16);
    if (features.avx512_bf16)
        features.bf16_speed = bf16_speed_of(signature);
    features.amx = features.avx512_bf16 && tiles && has_tile_palette() && may_use_tiles();
    return features;
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

/* Not in every libc's headers. */
#define CAPABILITY_DOTPROD (1ul << 20)
#define CAPABILITY_2_I8MM (1ul << 13)

cpu_features cpu_detect(void)
{
    cpu_features features = {0};
    features.neon_dotprod = getauxval(AT_HWCAP) & CAPABILITY_DOTPROD;
    features.neon_i8mm = features.neon_dotprod && (getauxval(AT_HWCAP2) & CAPABILITY_2_I8MM);
    return features;
}

#else

cpu_features cpu_detect(void)
{
    return (cpu_features){0};
}

#endif
