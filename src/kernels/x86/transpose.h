/* An 8 x 8 block of floats turned, for every tier that has AVX. */
#ifndef KERNELS_TRANSPOSE_H
#define KERNELS_TRANSPOSE_H

#include <immintrin.h>
#include <stddef.h>

#define VF_BLOCK 8

/* to[i][j] = from[j][i], i, j < VF_BLOCK; strides in floats. */
static inline void vf_transpose(const float *from, size_t from_stride, float *to, size_t to_stride)
{
    __m256 a[8], b[8];
    /* Halves of rows j and j + 4 side by side, then 4 x 4 blocks turned within each half. */
    for (size_t j = 0; j < 4; j++) {
        const float *upper = from + j * from_stride, *lower = upper + 4 * from_stride;
        a[j] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(upper)), _mm_loadu_ps(lower), 1);
        a[j + 4] =
            _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(upper + 4)), _mm_loadu_ps(lower + 4), 1);
    }
    for (size_t j = 0; j < 8; j += 4) {
        b[j] = _mm256_unpacklo_ps(a[j], a[j + 1]);
        b[j + 1] = _mm256_unpackhi_ps(a[j], a[j + 1]);
        b[j + 2] = _mm256_unpacklo_ps(a[j + 2], a[j + 3]);
        b[j + 3] = _mm256_unpackhi_ps(a[j + 2], a[j + 3]);
    }
    for (size_t j = 0; j < 8; j += 4) {
        _mm256_storeu_ps(to + j * to_stride, _mm256_shuffle_ps(b[j], b[j + 2], 0x44));
        _mm256_storeu_ps(to + (j + 1) * to_stride, _mm256_shuffle_ps(b[j], b[j + 2], 0xee));
        _mm256_storeu_ps(to + (j + 2) * to_stride, _mm256_shuffle_ps(b[j + 1], b[j + 3], 0x44));
        _mm256_storeu_ps(to + (j + 3) * to_stride, _mm256_shuffle_ps(b[j + 1], b[j + 3], 0xee));
    }
}

#endif
