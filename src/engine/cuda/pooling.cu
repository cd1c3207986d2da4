/* One vector per text from its tokens' states. A block has all tokens of a text for 128 of the columns; groups of its threads
 * take every GROUPS-th token, so that the order of the sums is the text's alone. */
#include "engine/cuda/kernels.h"

namespace
{

constexpr int GROUPS = 8;
constexpr int LANES = 32; /* of four columns each */

/* Written so that a NaN in any token reaches the result and is caught by the host. */
__device__ float larger(float a, float b)
{
    return a >= b || isnan(a) ? a : b;
}

__device__ float4 join(bool is_max, float4 a, float4 b)
{
    if (is_max)
        return make_float4(larger(a.x, b.x), larger(a.y, b.y), larger(a.z, b.z), larger(a.w, b.w));
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

__device__ bool is_finite(float4 x)
{
    return isfinite(x.x) && isfinite(x.y) && isfinite(x.z) && isfinite(x.w);
}

/* The mean of four columns in f64, where f32 overflowed. A NaN or infinity of a token stays. */
__device__ float4 wide_mean(const float *states, int tokens, size_t hidden)
{
    double sum[4] = {};
    for (int t = 0; t < tokens; t++)
        for (int i = 0; i < 4; i++)
            sum[i] += states[t * hidden + i];
    return make_float4((float)(sum[0] / tokens), (float)(sum[1] / tokens), (float)(sum[2] / tokens),
                       (float)(sum[3] / tokens));
}

__global__ void __launch_bounds__(GROUPS *LANES)
    pool(const float *states, const int32_t *offsets, const int32_t *how, float *pooled, size_t hidden)
{
    __shared__ float4 part[GROUPS][LANES];
    const size_t text = blockIdx.x;
    const size_t column = (blockIdx.y * LANES + threadIdx.x) * 4;
    const int pooling = how[text], first = offsets[text];
    const int tokens = pooling == CUDA_POOL_CLS ? 1 : offsets[text + 1] - first;
    const int group = (int)threadIdx.y;
    if (column < hidden && group < tokens) {
        float4 x = *reinterpret_cast<const float4 *>(states + (size_t)(first + group) * hidden + column);
        for (int t = group + GROUPS; t < tokens; t += GROUPS)
            x = join(pooling == CUDA_POOL_MAX, x,
                     *reinterpret_cast<const float4 *>(states + (size_t)(first + t) * hidden + column));
        part[group][threadIdx.x] = x;
    }
    __syncthreads();
    if (column >= hidden || group != 0)
        return;
    float4 x = part[0][threadIdx.x];
    for (int g = 1; g < GROUPS && g < tokens; g++)
        x = join(pooling == CUDA_POOL_MAX, x, part[g][threadIdx.x]);
    if (pooling == CUDA_POOL_MEAN) {
        const float count = (float)tokens;
        x = make_float4(x.x / count, x.y / count, x.z / count, x.w / count);
        if (!is_finite(x))
            x = wide_mean(states + (size_t)first * hidden + column, tokens, hidden);
    }
    *reinterpret_cast<float4 *>(pooled + text * hidden + column) = x;
}

} // namespace

cudaError_t cuda_pool(const float *states, const int32_t *offsets, const int32_t *how, float *pooled,
                      size_t texts, size_t hidden, cudaStream_t stream)
{
    const dim3 blocks((unsigned)texts, (unsigned)((hidden / 4 + LANES - 1) / LANES));
    pool<<<blocks, dim3(LANES, GROUPS), 0, stream>>>(states, offsets, how, pooled, hidden);
    return cudaGetLastError();
}
