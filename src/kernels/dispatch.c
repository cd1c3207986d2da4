#include "kernels/kernels.h"

#include <pthread.h>
#include <string.h>

#include "akidb/embed.h"
#include "kernels/cpu.h"
#include "kernels/race.h"
#include "kernels/tiers.h"

#define MAX_TIERS 12

/* Filled once by detect(), const afterwards: the only mutable globals of the library. */
static const kernel_table *available[MAX_TIERS + 1];
static const char *names[MAX_TIERS + 1];
static pthread_once_t detected = PTHREAD_ONCE_INIT;

#if defined(__x86_64__)
/* By what is known of the core; where nothing is, the tiers race, but not for a second place behind matrix tiles. */
static bool bf16_is_faster(const cpu_features *features)
{
    if (features->bf16_speed == CPU_SPEED_UNKNOWN && features->avx512_bf16 && !features->amx)
        return race_is_won(kernels_avx512_bf16.bf16->burst, kernels_avx512.fp32->burst, race_thread_ns);
    return features->bf16_speed == CPU_FASTER;
}
#endif

static void detect(void)
{
    size_t count = 0;
#if defined(__x86_64__)
    cpu_features features = cpu_detect();
    const bool bf16_first = bf16_is_faster(&features);
    if (features.amx)
        available[count++] = &kernels_amx;
    /* Where the dot product of bf16 is slow, the better tier is the one that does without it. */
    if (features.avx512_bf16 && bf16_first)
        available[count++] = &kernels_avx512_bf16;
    if (features.avx512_vnni)
        available[count++] = &kernels_avx512_vnni;
    if (features.avx512)
        available[count++] = &kernels_avx512;
    if (features.avx512_bf16 && !bf16_first)
        available[count++] = &kernels_avx512_bf16;
    if (features.avx2_vnni)
        available[count++] = &kernels_avx2_vnni;
    if (features.avx2)
        available[count++] = &kernels_avx2;
#elif defined(__aarch64__)
    const cpu_features features = cpu_detect();
    if (features.neon_i8mm)
        available[count++] = &kernels_neon_i8mm;
    if (features.neon_dotprod)
        available[count++] = &kernels_neon_dotprod;
    available[count++] = &kernels_neon; /* every CPU of this architecture has it */
#endif
    available[count++] = &kernels_reference;
    for (size_t i = 0; i < count; i++)
        names[i] = available[i]->name;
}

const kernel_table *const *kernels_available(void)
{
    pthread_once(&detected, detect);
    return available;
}

const kernel_table *kernels_find(const char *name)
{
    const kernel_table *const *tiers = kernels_available();
    if (name == NULL)
        return tiers[0];
    for (; *tiers != NULL; tiers++)
        if (strcmp((*tiers)->name, name) == 0)
            return *tiers;
    return NULL;
}

const char *const *aki_cpu_tiers(void)
{
    pthread_once(&detected, detect);
    return names;
}
