/* Attention in f32 for heads of any size: what fp32 uses, and bf16 for heads that the tensor cores' kernel does not have.
 *
 * A warp has one query at a time. For the scores each lane takes one of 32 keys; for the sums over values each lane takes every
 * 32nd place of the head. About the biases: attention.cu. */
#include "engine/cuda/attention.cuh"

#include <cuda_bf16.h>

namespace
{

constexpr int WARPS = 4;
constexpr int PLACES = CUDA_MAX_HEAD_SIZE / 32; /* of the head that a lane sums, at most */

template <typename T>
__global__ void __launch_bounds__(WARPS * 32)
    attend(const T *projected, const float *bias, T *context, int hidden, int size, const cuda_tile *tiles)
{
    __shared__ float queries[WARPS][CUDA_MAX_HEAD_SIZE];
    const cuda_tile tile = tiles[blockIdx.x];
    const int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
    const int head = (int)blockIdx.y * size;
    const size_t row_stride = 3 * (size_t)hidden;
    const T *text = projected + tile.first * row_stride + head;
    const float scale = 1.0f / sqrtf((float)size);
    float *q = queries[warp];

    for (int i = warp; i < CUDA_QUERY_TILE && tile.query + i < tile.tokens; i += WARPS) {
        const int query = tile.query + i;
        __syncwarp(); /* the query before has been read */
        for (int d = lane; d < size; d += 32)
            q[d] = ((float)text[query * row_stride + d] + bias[head + d]) * scale;
        __syncwarp();

        float out[PLACES] = {}, most = -INFINITY, total = 0;
        for (int begin = 0; begin < tile.tokens; begin += 32) {
            const int key = begin + lane;
            float score = -INFINITY;
            if (key < tile.tokens) {
                const T *k = text + key * row_stride + hidden;
                score = 0;
                for (int d = 0; d < size; d++)
                    score += q[d] * (float)k[d];
            }
            float highest = score;
            for (int other = 16; other > 0; other /= 2)
                highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, other));
            highest = fmaxf(highest, most);
            const float shrink = expf(most - highest), weight = expf(score - highest);
            most = highest;
            total = total * shrink + weight; /* of this lane's keys */
            for (int place = 0; place < PLACES; place++)
                out[place] *= shrink;
            const int count = tile.tokens - begin < 32 ? tile.tokens - begin : 32;
            for (int j = 0; j < count; j++) {
                const float w = __shfl_sync(0xffffffffu, weight, j);
                const T *v = text + (begin + j) * row_stride + 2 * (size_t)hidden;
                for (int place = 0; place < PLACES; place++)
                    if (lane + place * 32 < size)
                        out[place] += w * (float)v[lane + place * 32];
            }
        }
        for (int other = 16; other > 0; other /= 2)
            total += __shfl_xor_sync(0xffffffffu, total, other);
        T *to = context + (size_t)(tile.first + query) * hidden + head;
        for (int place = 0; place < PLACES; place++) {
            const int d = lane + place * 32;
            if (d < size)
                to[d] = (T)(out[place] / total + bias[2 * hidden + head + d]);
        }
    }
}

template <typename T>
void launch(const void *projected, const float *bias, void *context, size_t heads, size_t head_size,
            const cuda_tile *tiles, size_t tiles_count, cudaStream_t stream)
{
    attend<T><<<dim3((unsigned)tiles_count, (unsigned)heads), WARPS * 32, 0, stream>>>(
        static_cast<const T *>(projected), bias, static_cast<T *>(context), (int)(heads * head_size),
        (int)head_size, tiles);
}

} // namespace

cudaError_t cuda_attend_any(cuda_number number, const void *projected, const float *bias, void *context,
                            size_t heads, size_t head_size, const cuda_tile *tiles, size_t tiles_count,
                            cudaStream_t stream)
{
    if (number == CUDA_BF16)
        launch<__nv_bfloat16>(projected, bias, context, heads, head_size, tiles, tiles_count, stream);
    else
        launch<float>(projected, bias, context, heads, head_size, tiles, tiles_count, stream);
    return cudaGetLastError();
}
