/* Attention on the tensor cores, in bf16 with f32 sums, for heads of 32, 64 and 128.
 *
 * A block has one head of up to 64 queries of one text: four warps, of 16 queries each. Keys and values come in turns of 64 through
 * shared memory; the softmax is computed as they come (running maximum and sum in f32), so that a text may have any length.
 *
 * The keys' bias is left out: it adds the same to all scores of a query, and thus nothing to the softmax. The values' bias is
 * added at the end, because the weights of a query sum to one. */
#include "engine/cuda/attention.cuh"

#include <cuda_bf16.h>

namespace
{

constexpr int WARPS = 4;
constexpr int KEYS = 64;   /* of a turn */
constexpr int TILE_K = 16; /* of a matrix instruction */
constexpr float LOG2_E = 1.4426950408889634f;

static_assert(WARPS * 16 == CUDA_QUERY_TILE, "a warp has sixteen queries");

__device__ uint32_t pack(float low, float high)
{
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const uint32_t *>(&pair);
}

/* sum[16][8] += a[16][16] b[16][8], spread over the warp as PTX lays down for mma.m16n8k16. */
__device__ void multiply(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%0,%1,%2,%3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Four 8 x 8 matrices, transposed; each lane gives the address of one row. */
__device__ void load_transposed(uint32_t (&out)[4], const __nv_bfloat16 *row)
{
    const uint32_t address = (uint32_t)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
}

template <int SIZE>
__global__ void __launch_bounds__(WARPS * 32)
    attend(const __nv_bfloat16 *projected, const float *bias, __nv_bfloat16 *context, int hidden,
           const cuda_tile *tiles)
{
    constexpr int STEPS = SIZE / TILE_K; /* of a product over the head */
    constexpr int STRIDE = SIZE + 8;     /* so that the rows that are read at once lie in different banks */
    __shared__ __align__(16) __nv_bfloat16 keys[KEYS][STRIDE];
    __shared__ __align__(16) __nv_bfloat16 values[KEYS][STRIDE];

    const int4 packed = reinterpret_cast<const int4 *>(tiles)[blockIdx.x];
    const int first = packed.x, tokens = packed.y;
    const int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
    const int group = lane / 4, pair = lane % 4 * 2; /* of the matrix instruction's layout */
    const int head = (int)blockIdx.y * SIZE;
    const int query = packed.z + warp * 16 + group; /* and query + 8 */
    const size_t row_stride = 3 * (size_t)hidden;
    const __nv_bfloat16 *text = projected + first * row_stride + head;

    /* Queries with bias and scale, for a softmax to the base of two. */
    const float scale = LOG2_E * rsqrtf((float)SIZE);
    uint32_t q[STEPS][4];
    for (int step = 0; step < STEPS; step++)
        for (int part = 0; part < 4; part++) {
            const int at = query + part % 2 * 8, d = step * 16 + part / 2 * 8 + pair;
            float2 x = make_float2(0, 0);
            if (at < tokens) {
                x = __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(text + at * row_stride + d));
                x.x = (x.x + bias[head + d]) * scale;
                x.y = (x.y + bias[head + d + 1]) * scale;
            }
            q[step][part] = pack(x.x, x.y);
        }

    float out[SIZE / 8][4] = {};
    float most[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0}; /* of `query` and of query + 8 */
    for (int begin = 0; begin < tokens; begin += KEYS) {
        __syncthreads(); /* the turn before has been read */
        for (int i = (int)threadIdx.x; i < KEYS * (SIZE / 8); i += WARPS * 32) {
            const int key = i / (SIZE / 8), d = i % (SIZE / 8) * 8;
            uint4 k = make_uint4(0, 0, 0, 0), v = k; /* no text's values may meet a weight of zero as NaN */
            if (begin + key < tokens) {
                const __nv_bfloat16 *row = text + (begin + key) * row_stride + d;
                k = *reinterpret_cast<const uint4 *>(row + hidden);
                v = *reinterpret_cast<const uint4 *>(row + 2 * hidden);
            }
            *reinterpret_cast<uint4 *>(&keys[key][d]) = k;
            *reinterpret_cast<uint4 *>(&values[key][d]) = v;
        }
        __syncthreads();

        float scores[KEYS / 8][4] = {};
        for (int block = 0; block < KEYS / 8; block++)
            for (int step = 0; step < STEPS; step++) {
                const __nv_bfloat16 *k = &keys[block * 8 + group][step * 16 + pair];
                multiply(scores[block], q[step], *reinterpret_cast<const uint32_t *>(k),
                         *reinterpret_cast<const uint32_t *>(k + 8));
            }
        float highest[2] = {most[0], most[1]};
        for (int block = 0; block < KEYS / 8; block++)
            for (int i = 0; i < 4; i++) {
                if (begin + block * 8 + pair + i % 2 >= tokens)
                    scores[block][i] = -INFINITY;
                highest[i / 2] = fmaxf(highest[i / 2], scores[block][i]);
            }
        float shrink[2];
        for (int half = 0; half < 2; half++) {
            highest[half] = fmaxf(highest[half], __shfl_xor_sync(0xffffffffu, highest[half], 1));
            highest[half] = fmaxf(highest[half], __shfl_xor_sync(0xffffffffu, highest[half], 2));
            shrink[half] = exp2f(most[half] - highest[half]); /* 0 in the first turn */
            most[half] = highest[half];
            total[half] *= shrink[half];
        }
        for (int block = 0; block < SIZE / 8; block++)
            for (int i = 0; i < 4; i++)
                out[block][i] *= shrink[i / 2];
        for (int block = 0; block < KEYS / 8; block++)
            for (int i = 0; i < 4; i++) {
                scores[block][i] = exp2f(scores[block][i] - most[i / 2]);
                total[i / 2] += scores[block][i];
            }
        for (int step = 0; step < KEYS / 16; step++) {
            const float(&low)[4] = scores[2 * step], (&high)[4] = scores[2 * step + 1];
            const uint32_t weights[4] = {pack(low[0], low[1]), pack(low[2], low[3]), pack(high[0], high[1]),
                                         pack(high[2], high[3])};
            for (int block = 0; block < SIZE / 8; block += 2) {
                uint32_t v[4];
                load_transposed(v, &values[step * 16 + lane % 16][block * 8 + lane / 16 * 8]);
                multiply(out[block], weights, v[0], v[1]);
                multiply(out[block + 1], weights, v[2], v[3]);
            }
        }
    }

    for (int half = 0; half < 2; half++) {
        total[half] += __shfl_xor_sync(0xffffffffu, total[half], 1);
        total[half] += __shfl_xor_sync(0xffffffffu, total[half], 2);
        const int at = query + half * 8;
        if (at >= tokens)
            continue;
        __nv_bfloat16 *to = context + (size_t)(first + at) * hidden + head;
        for (int block = 0; block < SIZE / 8; block++) {
            const float *v = bias + 2 * hidden + head + block * 8 + pair;
            *reinterpret_cast<__nv_bfloat162 *>(to + block * 8 + pair) = __floats2bfloat162_rn(
                out[block][half * 2] / total[half] + v[0], out[block][half * 2 + 1] / total[half] + v[1]);
        }
    }
}

} // namespace

cudaError_t cuda_attend(cuda_number number, const void *projected, const float *bias, void *context,
                        size_t heads, size_t head_size, const cuda_tile *tiles, size_t tiles_count,
                        cudaStream_t stream)
{
    const auto kernel = head_size == 32    ? attend<32>
                        : head_size == 64  ? attend<64>
                        : head_size == 128 ? attend<128>
                                           : nullptr;
    if (number != CUDA_BF16 || kernel == nullptr)
        return cuda_attend_any(number, projected, bias, context, heads, head_size, tiles, tiles_count,
                               stream);
    kernel<<<dim3((unsigned)tiles_count, (unsigned)heads), WARPS * 32, 0, stream>>>(
        static_cast<const __nv_bfloat16 *>(projected), bias, static_cast<__nv_bfloat16 *>(context),
        (int)(heads * head_size), tiles);
    return cudaGetLastError();
}
