/* Self-attention in plain C: one row of scores at a time. */
#include "kernels/ref/ref.h"

#include <math.h>

#include "base/memory.h"

size_t ref_attention_scratch_bytes(size_t tokens, size_t head_size)
{
    size_t bytes;
    (void)head_size;
    if (!size_add(tokens, 15, &tokens) || !size_mul(tokens / 16, 16 * sizeof(float), &bytes))
        return 0;
    return bytes;
}

/* scores: [tokens], left as exp2(score - greatest score). Returns their sum. */
static double weigh(float *scores, size_t tokens)
{
    float greatest = scores[0];
    for (size_t s = 1; s < tokens; s++)
        if (!(scores[s] <= greatest)) /* NaN wins */
            greatest = scores[s];
    double sum = 0.0;
    for (size_t s = 0; s < tokens; s++) {
        scores[s] = (float)exp2((double)scores[s] - greatest);
        sum += scores[s];
    }
    return sum;
}

void ref_attention(const kernel_attention *attention)
{
    const size_t tokens = attention->tokens, size = attention->head_size, hidden = attention->heads * size;
    const size_t stride = attention->qkv_stride;
    float *scores = attention->scratch;
    for (size_t h = 0; h < attention->heads; h++) {
        const float *queries = attention->qkv + h * size;
        const float *keys = queries + hidden, *values = keys + hidden;
        for (size_t t = 0; t < tokens; t++) {
            for (size_t s = 0; s < tokens; s++) {
                float score = 0.0f;
                for (size_t d = 0; d < size; d++)
                    score += queries[t * stride + d] * keys[s * stride + d];
                scores[s] = score;
            }
            double sum = weigh(scores, tokens);
            float *output = attention->output + t * attention->output_stride + h * size;
            for (size_t d = 0; d < size; d++) {
                double mixed = 0.0;
                for (size_t s = 0; s < tokens; s++)
                    mixed += (double)scores[s] * values[s * stride + d];
                output[d] = (float)(mixed / sum);
            }
        }
    }
}
