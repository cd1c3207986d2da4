#include "kernels/x86/avx2.h"

#include "kernels/x86/avx2_vec.h"
#include "kernels/x86/transpose.h"

#include "kernels/simd/attention.h"

size_t avx2_attention_scratch_bytes(size_t tokens, size_t head_size)
{
    return simd_attention_scratch_bytes(tokens, head_size);
}

void avx2_attention(const kernel_attention *attention)
{
    simd_attention(attention);
}
