#include "kernels/x86/x86.h"

#include "kernels/x86/avx512_vec.h"

#define AMX_DOT amx_dot_int8
#include "kernels/x86/amx_block.h"

/* Numbers first .. first + lanes - 1 of a row, lanes at most VF_LANES, times their factors where there are any; what is beyond
 * is zero. */
static inline __attribute__((always_inline)) vf32
load_numbers(const kernel_number number, const void *row, const float *factors, size_t first, size_t lanes)
{
    const __mmask16 mask = vf_mask(lanes < VF_LANES ? lanes : VF_LANES);
    vf32 x;
    if (number == KERNEL_F32) {
        x = _mm512_maskz_loadu_ps(mask, (const float *)row + first);
    } else {
        const __m256i halves = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)row + first);
        x = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
    }
    return factors != NULL ? vf_mul(x, _mm512_maskz_loadu_ps(mask, factors + first)) : x;
}

static inline __attribute__((always_inline)) void quantise_chunk(const kernel_number number, const void *row,
                                                                 const float *factors, size_t first,
                                                                 size_t end, signed char *values,
                                                                 float *scale)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i greatest = _mm512_setzero_si512();
    for (size_t i = first; i < end; i += VF_LANES) {
        const __m512i bits = _mm512_castps_si512(load_numbers(number, row, factors, i, end - i));
        greatest = _mm512_max_epu32(greatest, _mm512_and_si512(bits, magnitude));
    }
    float inverse;
    *scale = int8_scale(_mm512_reduce_max_epu32(greatest), &inverse);
    for (size_t i = first; i < end; i += VF_LANES) {
        const vf32 x = vf_mul(load_numbers(number, row, factors, i, end - i), vf_set1(inverse));
        _mm_storeu_si128((__m128i *)(values + i), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
    }
}

static inline __attribute__((always_inline)) void quantise_as(const int8_quantisation *q,
                                                              const kernel_number number, size_t size)
{
    for (size_t r = 0; r < q->rows; r++)
        for (size_t first = 0; first < q->columns; first += INT8_CHUNK)
            quantise_chunk(number, (const unsigned char *)q->from + r * q->from_stride * size, q->factors,
                           first, q->columns - first < INT8_CHUNK ? q->columns : first + INT8_CHUNK,
                           (signed char *)q->to.values + r * q->to.stride,
                           q->to.scales + r * q->to.scale_stride + first / INT8_CHUNK);
}

void amx_int8_quantise(const int8_quantisation *q)
{
    if (q->number == KERNEL_F32)
        quantise_as(q, KERNEL_F32, sizeof(float));
    else
        quantise_as(q, KERNEL_BF16, sizeof(uint16_t));
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
