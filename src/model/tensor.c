#include "model/parts.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weight files are little-endian");

static inline uint16_t load_u16(const unsigned char *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Without branches, so that the loop becomes vectors. The exponent is moved to its place by an addition (twice for
 * infinity and NaN). A denormal f16 gets the exponent of 2^-14 and an implied 1 too many, which the subtraction takes
 * away exactly. No denormal f32 is ever an operand, so the denormals-are-zero mode of a host program changes nothing. */
static inline uint32_t f16_to_f32_bits(uint16_t half)
{
    const uint32_t rebias = (127U - 15U) << 23, implied_one = 1U << 23;
    const uint32_t two_to_minus_14 = rebias + implied_one;
    uint32_t exponent = half & 0x7C00U;
    uint32_t is_special = -(uint32_t)(exponent == 0x7C00U), is_denormal = -(uint32_t)(exponent == 0);
    uint32_t bits = ((half & 0x7FFFU) << 13) + rebias + (rebias & is_special) + (implied_one & is_denormal);
    float magnitude = float_of(bits) - float_of(two_to_minus_14 & is_denormal);
    return bits_of(magnitude) | (half & 0x8000U) << 16;
}

static void read_f16(const unsigned char *from, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = f16_to_f32_bits(load_u16(from + 2 * i));
        memcpy(&out[i], &bits, sizeof bits);
    }
}

/* A bf16 is the upper half of an f32. */
static void read_bf16(const unsigned char *from, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)load_u16(from + 2 * i) << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

void tensor_read_f32(const model_tensor *tensor, size_t first, size_t count, float *out)
{
    switch (tensor->dtype) {
    case MODEL_F32:
        memcpy(out, tensor->data + sizeof(float) * first, sizeof(float) * count);
        break;
    case MODEL_F16:
        read_f16(tensor->data + 2 * first, count, out);
        break;
    case MODEL_BF16:
        read_bf16(tensor->data + 2 * first, count, out);
        break;
    }
}
