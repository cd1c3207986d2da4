/* Embedding and residual sums with the LayerNorm that follows them: a block per row, whose values stay in registers between the
 * mean, the variance about it, and the result. */
#include "engine/cuda/kernels.h"

#include <cuda_bf16.h>

namespace
{

constexpr int THREADS = 256; /* at most, of a block */
constexpr int WIDE = 8;      /* vectors of four that a thread holds for the widest rows: 8192 = 256 * 8 * 4 */

/* The sum over the block, in an order that its size alone decides. */
template <typename T> __device__ T block_sum(T x)
{
    __shared__ T of_warp[THREADS / 32];
    for (int other = 16; other > 0; other /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, other);
    __syncthreads(); /* the sums of the call before have been read */
    if (threadIdx.x % 32 == 0)
        of_warp[threadIdx.x / 32] = x;
    __syncthreads();
    T sum = 0;
    for (int warp = 0; warp < (int)blockDim.x / 32; warp++)
        sum += of_warp[warp];
    return sum;
}

__device__ double sum_of(float4 x)
{
    return ((double)x.x + x.y) + ((double)x.z + x.w);
}

__device__ double squares_about(double mean, float4 x)
{
    const double a = x.x - mean, b = x.y - mean, c = x.z - mean, d = x.w - mean;
    return (a * a + b * b) + (c * c + d * d);
}

/* Normalises a row whose sums overflow f32: the sums are taken in f64, where no finite row overflows. */
template <int VECTORS> __device__ void normalise_wide(float4 (&x)[VECTORS], const cuda_norm &norm)
{
    const int count = (int)norm.hidden / 4;
    double sum = 0, squares = 0;
    for (int v = 0; v < VECTORS; v++)
        sum += sum_of(x[v]);
    const double mean = block_sum(sum) / (double)norm.hidden;
    for (int v = 0; v < VECTORS; v++)
        if ((int)threadIdx.x + v * (int)blockDim.x < count)
            squares += squares_about(mean, x[v]);
    const double scale = 1.0 / sqrt(block_sum(squares) / (double)norm.hidden + norm.epsilon);
    for (int v = 0; v < VECTORS; v++)
        x[v] = make_float4((float)((x[v].x - mean) * scale), (float)((x[v].y - mean) * scale),
                           (float)((x[v].z - mean) * scale), (float)((x[v].w - mean) * scale));
}

/* x: the row's vectors of four, those that this thread holds; the others' places hold zeros. */
template <int VECTORS> __device__ void norm_row(float4 (&x)[VECTORS], const cuda_norm &norm, size_t row)
{
    const int count = (int)norm.hidden / 4;
    float sum = 0, squares = 0;
    for (int v = 0; v < VECTORS; v++)
        sum += (x[v].x + x[v].y) + (x[v].z + x[v].w);
    const float mean = block_sum(sum) / (float)norm.hidden;
    for (int v = 0; v < VECTORS; v++) {
        if ((int)threadIdx.x + v * (int)blockDim.x >= count)
            continue;
        const float4 d = make_float4(x[v].x - mean, x[v].y - mean, x[v].z - mean, x[v].w - mean);
        squares += (d.x * d.x + d.y * d.y) + (d.z * d.z + d.w * d.w);
    }
    const float total = block_sum(squares);
    const float scale = 1.0f / sqrtf(total / (float)norm.hidden + norm.epsilon);
    if (isfinite(total)) { /* all threads of the block have the same sum */
        for (int v = 0; v < VECTORS; v++)
            x[v] = make_float4((x[v].x - mean) * scale, (x[v].y - mean) * scale, (x[v].z - mean) * scale,
                               (x[v].w - mean) * scale);
    } else {
        normalise_wide<VECTORS>(x, norm);
    }
    for (int v = 0; v < VECTORS; v++) {
        const int i = (int)threadIdx.x + v * (int)blockDim.x;
        if (i >= count)
            continue;
        const float4 gamma = reinterpret_cast<const float4 *>(norm.gamma)[i];
        const float4 beta = reinterpret_cast<const float4 *>(norm.beta)[i];
        const float4 y = make_float4(x[v].x * gamma.x + beta.x, x[v].y * gamma.y + beta.y,
                                     x[v].z * gamma.z + beta.z, x[v].w * gamma.w + beta.w);
        reinterpret_cast<float4 *>(norm.sum + row * norm.hidden)[i] = y;
        if (norm.stored != nullptr) {
            __nv_bfloat162 *stored = static_cast<__nv_bfloat162 *>(norm.stored) + row * norm.hidden / 2;
            stored[2 * i] = __floats2bfloat162_rn(y.x, y.y);
            stored[2 * i + 1] = __floats2bfloat162_rn(y.z, y.w);
        }
    }
}

__device__ float4 add(float4 a, float4 b)
{
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

template <int VECTORS>
__global__ void __launch_bounds__(THREADS)
    embed(cuda_norm norm, const float *words, const float *positions, const float *type, const int32_t *ids,
          const int32_t *position)
{
    const size_t row = blockIdx.x;
    const float4 *word = reinterpret_cast<const float4 *>(words + (size_t)ids[row] * norm.hidden);
    const float4 *place = reinterpret_cast<const float4 *>(positions + (size_t)position[row] * norm.hidden);
    float4 x[VECTORS] = {};
    for (int v = 0; v < VECTORS; v++) {
        const int i = (int)threadIdx.x + v * (int)blockDim.x;
        if (i < (int)norm.hidden / 4)
            x[v] = add(add(word[i], reinterpret_cast<const float4 *>(type)[i]), place[i]);
    }
    norm_row<VECTORS>(x, norm, row);
}

template <int VECTORS>
__global__ void __launch_bounds__(THREADS) add_norm(cuda_norm norm, const float *product, const float *bias)
{
    const size_t row = blockIdx.x;
    const float4 *added = reinterpret_cast<const float4 *>(product + row * norm.hidden);
    const float4 *before = reinterpret_cast<const float4 *>(norm.sum + row * norm.hidden);
    float4 x[VECTORS] = {};
    for (int v = 0; v < VECTORS; v++) {
        const int i = (int)threadIdx.x + v * (int)blockDim.x;
        if (i < (int)norm.hidden / 4)
            x[v] = add(add(added[i], reinterpret_cast<const float4 *>(bias)[i]), before[i]);
    }
    norm_row<VECTORS>(x, norm, row);
}

unsigned threads_for(const cuda_norm *norm)
{
    const unsigned wanted = ((unsigned)norm->hidden / 4 + 31) / 32 * 32;
    return wanted < THREADS ? wanted : THREADS;
}

bool is_wide(const cuda_norm *norm)
{
    return norm->hidden / 4 > threads_for(norm);
}

} // namespace

cudaError_t cuda_embed(const cuda_norm *norm, const float *words, const float *positions, const float *type,
                       const int32_t *ids, const int32_t *position, size_t rows, cudaStream_t stream)
{
    const auto kernel = is_wide(norm) ? embed<WIDE> : embed<1>;
    kernel<<<(unsigned)rows, threads_for(norm), 0, stream>>>(*norm, words, positions, type, ids, position);
    return cudaGetLastError();
}

cudaError_t cuda_add_norm(const cuda_norm *norm, const float *product, const float *bias, size_t rows,
                          cudaStream_t stream)
{
    const auto kernel = is_wide(norm) ? add_norm<WIDE> : add_norm<1>;
    kernel<<<(unsigned)rows, threads_for(norm), 0, stream>>>(*norm, product, bias);
    return cudaGetLastError();
}
