/* Weights of int4 as the products in plain C take them, see int4.h. */
#include "kernels/ref/ref.h"

#include "kernels/int4.h"
#include "kernels/ref/ref_number.h"

static void expand(kernel_number number, const void *stored, size_t outputs, size_t inputs, void *packed)
{
    const unsigned char *panel = stored;
    float *to = packed;
    for (size_t first = 0; first < outputs; first += REF_PANEL) {
        for (size_t j = 0; j < REF_PANEL; j++) {
            to[j] = ((const float *)panel)[j];
            for (size_t k = 0; k < inputs; k++) {
                const unsigned char *group =
                    panel + REF_PANEL * sizeof(float) + k / INT4_GROUP * int4_group_bytes(REF_PANEL);
                const float scale = bf16_value(((const uint16_t *)group)[j]);
                const float low = bf16_value(((const uint16_t *)group)[REF_PANEL + j]);
                const unsigned char steps = group[(4 + k % INT4_GROUP / 2) * REF_PANEL + j];
                const float step = (float)(k % 2 == 0 ? steps & 15 : steps >> 4);
                to[(1 + k) * REF_PANEL + j] = ref_round(number, low + step * scale);
            }
        }
        panel += int4_panel_bytes(REF_PANEL, inputs);
        to += (1 + inputs) * REF_PANEL;
    }
}

void ref_expand_f32(const void *stored, size_t outputs, size_t inputs, void *packed)
{
    expand(KERNEL_F32, stored, outputs, inputs, packed);
}

void ref_expand_bf16(const void *stored, size_t outputs, size_t inputs, void *packed)
{
    expand(KERNEL_BF16, stored, outputs, inputs, packed);
}
