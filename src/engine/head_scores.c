#include "engine/head_scores.h"

#include <math.h>
#include <stdlib.h>

float head_activate(float x, model_head_activation activation)
{
    switch (activation) {
    case MODEL_HEAD_TANH:
        return tanhf(x);
    case MODEL_HEAD_SIGMOID:
        return 1.0F / (1.0F + expf(-x));
    case MODEL_HEAD_SILU:
        return x / (1.0F + expf(-x));
    case MODEL_HEAD_RELU:
        return x > 0 ? x : 0;
    case MODEL_HEAD_GELU:
        return x * 0.5F * (1.0F + erff(x * 0.70710678118654752F));
    case MODEL_HEAD_IDENTITY:
        break;
    }
    return x;
}

/* The greatest logit is taken off, so that no power overflows. */
static void softmax(float *logits, size_t count)
{
    float most = logits[0];
    double sum = 0;
    for (size_t i = 1; i < count; i++)
        most = logits[i] > most ? logits[i] : most;
    for (size_t i = 0; i < count; i++)
        sum += exp((double)logits[i] - most);
    for (size_t i = 0; i < count; i++)
        logits[i] = (float)(exp((double)logits[i] - most) / sum);
}

void head_scores_apply(const model_heads *heads, aki_scores scores, float *logits, size_t count)
{
    switch (scores) {
    case AKI_SCORES_MODEL:
        for (size_t i = 0; i < count; i++)
            logits[i] = head_activate(logits[i], heads->scores_by);
        break;
    case AKI_SCORES_PROBABILITY:
        if (count > 1)
            softmax(logits, count);
        else
            logits[0] = head_activate(logits[0], MODEL_HEAD_SIGMOID);
        break;
    case AKI_SCORES_RAW:
        break;
    }
}

static int compare(const void *a, const void *b, void *cookie)
{
    const float *scores = cookie;
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    if (scores[x] != scores[y])
        return scores[x] > scores[y] ? -1 : 1;
    return (x > y) - (x < y);
}

void head_scores_order(const float *scores, size_t count, size_t *order)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, compare, (void *)scores);
}
