#include "kernels/ref/ref.h"
#include "kernels/tiers.h"

/* Independent chains of multiply and add; what is volatile keeps the compiler from folding them. */
static double fma_burst(size_t rounds)
{
    volatile float unknown = 0.999f, sink;
    const float factor = unknown, term = 1.0f - factor;
    float sums[16];
    for (size_t j = 0; j < 16; j++)
        sums[j] = (float)j;
    for (size_t i = 0; i < rounds; i++)
        for (size_t j = 0; j < 16; j++)
            sums[j] = sums[j] * factor + term;
    for (size_t j = 0; j < 16; j++)
        sink = sums[j];
    (void)sink;
    return 32.0 * (double)rounds;
}

const kernel_table kernels_reference = {
    .name = "reference",
    .fp32 = &ref_linear_fp32,
    .norm = ref_norm,
    .attention_scratch_bytes = ref_attention_scratch_bytes,
    .attention = ref_attention,
    .fma_burst = fma_burst,
};
