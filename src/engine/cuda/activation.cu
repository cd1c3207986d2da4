/* Bias and activation between the two products of the feed-forward part: a block per row, eight values per thread and turn. */
#include "engine/cuda/kernels.h"

#include <cuda_bf16.h>

namespace
{

constexpr int THREADS = 256; /* at most, of a block */
constexpr int EIGHT = CUDA_ALIGNED;

struct eight {
    float x[EIGHT];
};

__device__ eight load(const float *from)
{
    eight values;
    reinterpret_cast<float4 *>(values.x)[0] = reinterpret_cast<const float4 *>(from)[0];
    reinterpret_cast<float4 *>(values.x)[1] = reinterpret_cast<const float4 *>(from)[1];
    return values;
}

__device__ eight load(const __nv_bfloat16 *from)
{
    const uint4 packed = *reinterpret_cast<const uint4 *>(from);
    const __nv_bfloat162 *pairs = reinterpret_cast<const __nv_bfloat162 *>(&packed);
    eight values;
    for (int i = 0; i < EIGHT / 2; i++) {
        const float2 pair = __bfloat1622float2(pairs[i]);
        values.x[2 * i] = pair.x;
        values.x[2 * i + 1] = pair.y;
    }
    return values;
}

__device__ void store(float *to, const eight &values)
{
    reinterpret_cast<float4 *>(to)[0] = reinterpret_cast<const float4 *>(values.x)[0];
    reinterpret_cast<float4 *>(to)[1] = reinterpret_cast<const float4 *>(values.x)[1];
}

__device__ void store(__nv_bfloat16 *to, const eight &values)
{
    uint4 packed;
    __nv_bfloat162 *pairs = reinterpret_cast<__nv_bfloat162 *>(&packed);
    for (int i = 0; i < EIGHT / 2; i++)
        pairs[i] = __floats2bfloat162_rn(values.x[2 * i], values.x[2 * i + 1]);
    *reinterpret_cast<uint4 *>(to) = packed;
}

template <cuda_activation ACTIVATION> __device__ float activate(float x)
{
    if (ACTIVATION == CUDA_RELU)
        return x > 0 || !isfinite(x) ? x
                                     : 0; /* NaN and -infinity must reach the vector, where they are caught */
    if (ACTIVATION == CUDA_GELU_TANH)
        return 0.5f * x * (1.0f + tanhf(0.7978845608028654f * (x + 0.044715f * x * x * x)));
    return 0.5f * x * (1.0f + erff(x * 0.7071067811865476f));
}

template <typename T, cuda_activation ACTIVATION>
__global__ void __launch_bounds__(THREADS) add_activate(T *values, const float *bias, size_t columns)
{
    T *row = values + blockIdx.x * columns;
    for (size_t c = threadIdx.x * EIGHT; c < columns; c += blockDim.x * EIGHT) {
        eight x = load(row + c);
        const eight b = load(bias + c);
        for (int i = 0; i < EIGHT; i++)
            x.x[i] = activate<ACTIVATION>(x.x[i] + b.x[i]);
        store(row + c, x);
    }
}

template <typename T>
void launch(cuda_activation activation, void *values, const float *bias, size_t rows, size_t columns,
            cudaStream_t stream)
{
    const size_t wanted = (columns / EIGHT + 31) / 32 * 32;
    const unsigned threads = wanted < THREADS ? (unsigned)wanted : THREADS;
    const auto kernel = activation == CUDA_RELU        ? add_activate<T, CUDA_RELU>
                        : activation == CUDA_GELU_TANH ? add_activate<T, CUDA_GELU_TANH>
                                                       : add_activate<T, CUDA_GELU_ERF>;
    kernel<<<(unsigned)rows, threads, 0, stream>>>(static_cast<T *>(values), bias, columns);
}

} // namespace

cudaError_t cuda_activate(cuda_number number, cuda_activation activation, void *values, const float *bias,
                          size_t rows, size_t columns, cudaStream_t stream)
{
    if (number == CUDA_BF16)
        launch<__nv_bfloat16>(activation, values, bias, rows, columns, stream);
    else
        launch<float>(activation, values, bias, rows, columns, stream);
    return cudaGetLastError();
}
