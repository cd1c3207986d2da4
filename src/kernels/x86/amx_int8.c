#include "kernels/x86/x86.h"

#include "kernels/simd/unroll.h"
#include "kernels/x86/avx512_vec.h"

#define AMX_DOT amx_dot_int8
#include "kernels/x86/amx_block.h"

#define QUANTISED_ROWS 4

/* Numbers i .. i + lanes - 1 of a row, lanes at most VF_LANES, times their factors where there are any; what is beyond is zero. */
static inline __attribute__((always_inline)) vf32 load_numbers(const kernel_number number, const void *row,
                                                               const float *factors, size_t i, size_t lanes)
{
    const __mmask16 mask = lanes < VF_LANES ? vf_mask(lanes) : 0xffff;
    vf32 x;
    if (number == KERNEL_F32) {
        x = _mm512_maskz_loadu_ps(mask, (const float *)row + i);
    } else {
        const __m256i halves = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)row + i);
        x = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
    }
    return factors != NULL ? vf_mul(x, _mm512_maskz_loadu_ps(mask, factors + i)) : x;
}

static inline __attribute__((always_inline)) __m512i greater(__m512i greatest, vf32 x)
{
    return _mm512_max_epu32(greatest,
                            _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)));
}

static inline __attribute__((always_inline)) void store_int8(signed char *to, vf32 x, vf32 inverse)
{
    _mm_storeu_si128((__m128i *)to, _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(vf_mul(x, inverse))));
}

/* Numbers first .. end - 1, a chunk, of the rows row .. row + rows - 1: each step of theirs hides the latency of the others'. */
static inline __attribute__((always_inline)) void quantise_chunk(const int8_quantisation *q, size_t row,
                                                                 const size_t rows,
                                                                 const kernel_number number, size_t first,
                                                                 size_t end)
{
    const size_t size = number == KERNEL_F32 ? sizeof(float) : sizeof(uint16_t);
    const size_t whole = first + (end - first) / VF_LANES * VF_LANES;
    const unsigned char *from[QUANTISED_ROWS];
    signed char *values[QUANTISED_ROWS];
    __m512i greatest[QUANTISED_ROWS];
    vf32 by[QUANTISED_ROWS];
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        from[r] = (const unsigned char *)q->from + (row + r) * q->from_stride * size;
        values[r] = (signed char *)q->to.values + (row + r) * q->to.stride;
        greatest[r] = _mm512_setzero_si512();
    }
    for (size_t i = first; i < whole; i += VF_LANES) {
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++)
            greatest[r] = greater(greatest[r], load_numbers(number, from[r], q->factors, i, VF_LANES));
    }
    SIMD_UNROLL
    for (size_t r = 0; r < rows; r++) {
        float inverse;
        if (whole < end)
            greatest[r] = greater(greatest[r], load_numbers(number, from[r], q->factors, whole, end - whole));
        q->to.scales[(row + r) * q->to.scale_stride + first / INT8_CHUNK] =
            int8_scale(_mm512_reduce_max_epu32(greatest[r]), &inverse);
        by[r] = vf_set1(inverse);
    }
    for (size_t i = first; i < whole; i += VF_LANES) {
        SIMD_UNROLL
        for (size_t r = 0; r < rows; r++)
            store_int8(values[r] + i, load_numbers(number, from[r], q->factors, i, VF_LANES), by[r]);
    }
    SIMD_UNROLL
    for (size_t r = 0; r < rows && whole < end; r++)
        store_int8(values[r] + whole, load_numbers(number, from[r], q->factors, whole, end - whole), by[r]);
}

static inline __attribute__((always_inline)) void quantise_as(const int8_quantisation *q,
                                                              const kernel_number number)
{
    for (size_t first = 0; first < q->columns; first += INT8_CHUNK) {
        const size_t end = q->columns - first < INT8_CHUNK ? q->columns : first + INT8_CHUNK;
        size_t r = 0;
        for (; r + QUANTISED_ROWS <= q->rows; r += QUANTISED_ROWS)
            quantise_chunk(q, r, QUANTISED_ROWS, number, first, end);
        for (; r < q->rows; r++)
            quantise_chunk(q, r, 1, number, first, end);
    }
}

void amx_int8_quantise(const int8_quantisation *q)
{
    if (q->number == KERNEL_F32)
        quantise_as(q, KERNEL_F32);
    else
        quantise_as(q, KERNEL_BF16);
}

static double burst(size_t rounds)
{
    _Alignas(KERNEL_ALIGNMENT) unsigned char tiles[4][AMX_TILE_BYTES];
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof tiles; i++) {
        state = state * 1664525 + 1013904223;
        tiles[i / AMX_TILE_BYTES][i % AMX_TILE_BYTES] = (unsigned char)(state >> 24);
    }
    return amx_burst(tiles, AMX_ROW_BYTES, rounds);
}

const kernel_int8 amx_int8 = {
    .number = KERNEL_BF16,
    .zero = 0,
    .row_block = 256,
    .column_step = AMX_PANEL,
    .packed_bytes = amx_int8_packed_bytes,
    .pack = amx_int8_pack,
    .quantise = amx_int8_quantise,
    .scratch_bytes = amx_int8_scratch_bytes,
    .multiply = amx_int8_multiply,
    .burst = burst,
};
