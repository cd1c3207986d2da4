/* Self-attention in plain C: one row of scores at a time. */
#include "kernels/ref/ref.h"

#include <math.h>

#include "base/memory.h"
#include "kernels/ref/ref_number.h"

size_t ref_attention_scratch_bytes(size_t tokens, size_t head_size)
{
    size_t bytes;
    (void)head_size;
    if (!size_add(tokens, 15, &tokens) || !size_mul(tokens / 16, 16 * sizeof(float), &bytes))
        return 0;
    return bytes;
}

/* scores: of the keys that are seen, left as exp2(score - greatest score), rounded to the number. Returns the sum of what was rounded. */
static double weigh(kernel_number number, float *scores, size_t tokens)
{
    float greatest = scores[0];
    for (size_t s = 1; s < tokens; s++)
        if (!(scores[s] <= greatest)) /* NaN wins */
            greatest = scores[s];
    double sum = 0.0;
    for (size_t s = 0; s < tokens; s++) {
        scores[s] = (float)exp2((double)scores[s] - greatest);
        sum += scores[s];
        scores[s] = ref_round(number, scores[s]);
    }
    return sum;
}

static inline void attend(const kernel_attention *attention, const kernel_number number)
{
    const size_t size = attention->head_size, stride = attention->qkv_stride;
    const size_t prefix = attention->prefix_tokens, bytes = ref_number_size(number);
    const size_t pairs = kernel_key_value_heads(attention), group = attention->heads / pairs;
    const void *qkv = attention->qkv;
    float *scores = attention->scratch;
    for (size_t h = attention->first_head; h < attention->first_head + attention->head_count; h++) {
        const size_t queries = h * size, keys = h / group * size;
        const size_t values = keys + pairs * size;
        for (size_t t = prefix; t < attention->tokens; t++) {
            const kernel_keys seen = kernel_visible_keys(attention, t);
            for (size_t s = seen.first; s < seen.end; s++) {
                float score = 0.0f;
                for (size_t d = 0; d < size; d++)
                    score += ref_get(number, qkv, queries + (t - prefix) * stride + d) *
                             ref_get(number, kernel_keys_of(attention, s, bytes), keys + d);
                if (attention->bias != NULL)
                    score += (attention->bias + h * attention->bias_stride + s)[-(ptrdiff_t)t];
                scores[s - seen.first] = score;
            }
            double sum = weigh(number, scores, seen.end - seen.first);
            for (size_t d = 0; d < size; d++) {
                double mixed = 0.0;
                for (size_t s = seen.first; s < seen.end; s++)
                    mixed += (double)scores[s - seen.first] *
                             ref_get(number, kernel_keys_of(attention, s, bytes), values + d);
                ref_put(number, attention->output, (t - prefix) * attention->output_stride + h * size + d,
                        (float)(mixed / sum));
            }
        }
    }
}

void ref_attention_f32(const kernel_attention *attention)
{
    attend(attention, KERNEL_F32);
}

void ref_attention_bf16(const kernel_attention *attention)
{
    attend(attention, KERNEL_BF16);
}
