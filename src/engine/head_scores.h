/* From a classifier's logits to the scores that people read. */
#ifndef ENGINE_HEAD_SCORES_H
#define ENGINE_HEAD_SCORES_H

#include "model/model.h"

/* As the class of torch.nn computes it. */
float head_activate(float x, model_head_activation activation);

/* Turns the logits of one text or pair ([count], in place) into scores, as `scores` says. heads: the model's. */
void head_scores_apply(const model_heads *heads, aki_scores scores, float *logits, size_t count);

/* Fills order[0..count) with the places of the scores, greatest first, equal ones as they stand. */
void head_scores_order(const float *scores, size_t count, size_t *order);

#endif
