#include "kernels/ref/ref.h"
#include "kernels/tiers.h"

/* Independent chains of multiply and add; what is volatile keeps the compiler from folding them. */
static double burst(size_t rounds)
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

#define ROW_BLOCK 96

const kernel_precision ref_fp32 = {
    .number = KERNEL_F32,
    .row_block = ROW_BLOCK,
    .column_step = REF_PANEL,
    .packed_bytes = ref_packed_bytes,
    .pack = ref_pack_f32,
    .expand = ref_expand_f32,
    .multiply = ref_multiply_f32,
    .attention_scratch_bytes = ref_attention_scratch_bytes,
    .attention = ref_attention_f32,
    .rotary = ref_rotary_f32,
    .gate = ref_gate_f32,
    .burst = burst,
};

const kernel_precision ref_bf16 = {
    .number = KERNEL_BF16,
    .row_block = ROW_BLOCK,
    .column_step = REF_PANEL,
    .packed_bytes = ref_packed_bytes,
    .pack = ref_pack_bf16,
    .expand = ref_expand_bf16,
    .narrow = ref_narrow_bf16,
    .multiply = ref_multiply_bf16,
    .attention_scratch_bytes = ref_attention_scratch_bytes,
    .attention = ref_attention_bf16,
    .rotary = ref_rotary_bf16,
    .gate = ref_gate_bf16,
    .burst = burst,
};

const kernel_table kernels_reference = {
    .name = "reference",
    .fp32 = &ref_fp32,
    .bf16 = &ref_bf16,
    .int8 = &ref_int8,
    .norm = ref_norm,
};
