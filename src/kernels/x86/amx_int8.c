#include "kernels/x86/amx.h"

#include "kernels/x86/avx512_vec.h"

#define AMX_DOT amx_dot_int8
#include "kernels/x86/amx_burst.h"

/* Numbers first .. first + lanes - 1 of a row, lanes at most VF_LANES; what is beyond is zero. */
static inline vf32 load_numbers(kernel_number number, const void *row, size_t first, size_t lanes)
{
    const __mmask16 mask = vf_mask(lanes < VF_LANES ? lanes : VF_LANES);
    if (number == KERNEL_F32)
        return _mm512_maskz_loadu_ps(mask, (const float *)row + first);
    const __m256i halves = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)row + first);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

static inline __attribute__((always_inline)) void quantise_chunk(const kernel_number number, const void *row,
                                                                 size_t first, size_t end,
                                                                 signed char *values, float *scale)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i greatest = _mm512_setzero_si512();
    for (size_t i = first; i < end; i += VF_LANES) {
        const __m512i bits = _mm512_castps_si512(load_numbers(number, row, i, end - i));
        greatest = _mm512_max_epu32(greatest, _mm512_and_si512(bits, magnitude));
    }
    float inverse;
    *scale = int8_scale(_mm512_reduce_max_epu32(greatest), &inverse);
    for (size_t i = first; i < end; i += VF_LANES) {
        const vf32 x = vf_mul(load_numbers(number, row, i, end - i), vf_set1(inverse));
        _mm_storeu_si128((__m128i *)(values + i), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
    }
}

static inline __attribute__((always_inline)) void quantise_as(const kernel_number number, size_t rows,
                                                              size_t columns, const unsigned char *from,
                                                              size_t stride, const int8_rows *to)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t first = 0; first < columns; first += INT8_CHUNK)
            quantise_chunk(number, from + r * stride, first,
                           columns - first < INT8_CHUNK ? columns : first + INT8_CHUNK,
                           (signed char *)to->values + r * to->stride,
                           to->scales + r * to->scale_stride + first / INT8_CHUNK);
}

void amx_int8_quantise(kernel_number from_number, size_t rows, size_t columns, const void *from,
                       size_t from_stride, const int8_rows *to)
{
    if (from_number == KERNEL_F32)
        quantise_as(KERNEL_F32, rows, columns, from, from_stride * sizeof(float), to);
    else
        quantise_as(KERNEL_BF16, rows, columns, from, from_stride * sizeof(uint16_t), to);
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
