#include "unit.h"

#include "engine/head_chain.h"

#include <math.h>

static void scores_are_what_is_asked_for(void **state)
{
    (void)state;
    const model_heads one = {.scores_by = MODEL_HEAD_IDENTITY, .dimension = 1};
    const model_heads bounded = {.scores_by = MODEL_HEAD_SIGMOID, .dimension = 1};
    float logit = 2;
    head_scores_apply(&one, AKI_SCORES_MODEL, &logit, 1);
    assert_true(logit == 2);
    head_scores_apply(&bounded, AKI_SCORES_RAW, &logit, 1);
    assert_true(logit == 2);
    head_scores_apply(&bounded, AKI_SCORES_MODEL, &logit, 1);
    assert_true(fabsf(logit - 0.8807970779F) < 1e-6F);
    logit = 2;
    head_scores_apply(&one, AKI_SCORES_PROBABILITY, &logit, 1);
    assert_true(fabsf(logit - 0.8807970779F) < 1e-6F);
}

static void powers_of_great_logits_do_not_overflow(void **state)
{
    (void)state;
    const model_heads three = {.scores_by = MODEL_HEAD_IDENTITY, .dimension = 3};
    float logits[] = {1e30F, -1e30F, 1e30F};
    head_scores_apply(&three, AKI_SCORES_PROBABILITY, logits, 3);
    assert_true(logits[0] == 0.5F && logits[1] == 0 && logits[2] == 0.5F);
    float one[] = {-1e30F};
    head_scores_apply(&three, AKI_SCORES_PROBABILITY, one, 1);
    assert_true(one[0] == 0);
}

static void activations_are_those_of_torch(void **state)
{
    (void)state;
    assert_true(head_activate(-3, MODEL_HEAD_RELU) == 0 && head_activate(3, MODEL_HEAD_RELU) == 3);
    assert_true(fabsf(head_activate(1, MODEL_HEAD_GELU) - 0.8413447461F) < 1e-6F);
    assert_true(fabsf(head_activate(1, MODEL_HEAD_SILU) - 0.7310585786F) < 1e-6F);
    assert_true(fabsf(head_activate(1, MODEL_HEAD_TANH) - 0.7615941560F) < 1e-6F);
    assert_true(head_activate(1.5F, MODEL_HEAD_IDENTITY) == 1.5F);
}

static void equal_scores_stay_in_their_order(void **state)
{
    (void)state;
    const float scores[] = {1, 3, 2, 3, 1};
    const size_t wanted[] = {1, 3, 2, 0, 4};
    size_t order[5];
    head_scores_order(scores, 5, order);
    assert_memory_equal(order, wanted, sizeof wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_what_is_asked_for),
        cmocka_unit_test(powers_of_great_logits_do_not_overflow),
        cmocka_unit_test(activations_are_those_of_torch),
        cmocka_unit_test(equal_scores_stay_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
