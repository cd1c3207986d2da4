#include "unit.h"

#include "scheduler/fake_device.h"

#include "base/clock.h"

#include <sched.h>

#define PATIENT_NS (60 * NS_PER_S)

static const int32_t ids[] = {1, 2, 3, 4, 5};

typedef struct lane_rig {
    device_lane_settings settings;
    device_lane *lane;
    float vectors[2][FAKE_DIMENSION];
    encoder_sequence sequences[2];
} lane_rig;

static void open_rig(lane_rig *r)
{
    *r = (lane_rig){.settings = {.device = fake_device_open(), .heads = fake_heads(), .max_tokens = 8}};
    r->sequences[0] = (encoder_sequence){.ids = ids, .count = 2, .vector = r->vectors[0]};
    r->sequences[1] = (encoder_sequence){.ids = ids + 2, .count = 3, .vector = r->vectors[1]};
}

static void close_rig(lane_rig *r)
{
    device_lane_close(r->lane);
    assert_true(device_close(r->settings.device, 60000, NULL));
    assert_int_equal(fake.states, 0);
}

static device_lane_result run_lane(lane_rig *r, int64_t limit_ns)
{
    device_lane_result result;
    device_lane_run(&r->lane, &r->settings, r->sequences, 2, limit_ns, &result);
    return result;
}

static void computes(void **state)
{
    (void)state;
    lane_rig r;
    open_rig(&r);
    device_lane_result result = run_lane(&r, PATIENT_NS);
    assert_int_equal(result.status, DEVICE_OK);
    assert_true(r.vectors[0][0] == FAKE_DEVICE_OFFSET + 3 && r.vectors[1][1] == FAKE_DEVICE_OFFSET + 12 + 1);
    assert_int_equal(result.times.forward_ns, 20);
    r.sequences[0].normalize = AKI_ON;
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_OK);
    float square = 0;
    for (size_t d = 0; d < FAKE_DIMENSION; d++)
        square += r.vectors[0][d] * r.vectors[0][d];
    assert_true(square > 0.999f && square < 1.001f);
    assert_int_equal(fake.states_opened, 1);
    close_rig(&r);
}

static void finds_what_is_not_finite(void **state)
{
    (void)state;
    lane_rig r;
    open_rig(&r);
    fake_fail(DEVICE_NOT_FINITE, 1);
    device_lane_result result = run_lane(&r, PATIENT_NS);
    assert_int_equal(result.status, DEVICE_NOT_FINITE);
    assert_string_equal(result.message, "2 of 2 vectors came out with NaN or infinity");
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_OK);
    close_rig(&r);
}

static void refuses_passes_that_are_too_long(void **state)
{
    (void)state;
    lane_rig r;
    open_rig(&r);
    r.settings.max_tokens = 4;
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_INVALID);
    assert_int_equal(fake_calls(), 0);
    close_rig(&r);
}

/* Poolings that no device has are the CPU's to compute; the device is not asked. */
static void refuses_poolings_that_no_device_has(void **state)
{
    (void)state;
    static const aki_pooling others[] = {AKI_POOLING_LAST, AKI_POOLING_MEAN_SQRT_LEN,
                                         AKI_POOLING_WEIGHTED_MEAN};
    lane_rig r;
    open_rig(&r);
    for (size_t i = 0; i < 3; i++) {
        r.sequences[1].pooling = others[i];
        device_lane_result result = run_lane(&r, PATIENT_NS);
        assert_int_equal(result.status, DEVICE_INVALID);
        assert_string_equal(result.message, "it pools by cls, max or mean only");
    }
    assert_int_equal(fake_calls(), 0);
    r.sequences[1].pooling = AKI_POOLING_MAX;
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_OK);
    close_rig(&r);
}

/* A model whose own pooling is one of these is refused for such a device when it is opened. */
static void a_device_that_pools_is_refused_for_other_poolings(void **state)
{
    (void)state;
    static const struct {
        aki_pooling poolings[2];
        size_t count;
        const char *message; /* NULL = opened */
    } models[] = {
        {{AKI_POOLING_MAX}, 1, NULL},
        {{AKI_POOLING_LAST}, 1, "the model's pooling is lasttoken"},
        {{AKI_POOLING_MEAN, AKI_POOLING_MAX}, 2, "the model's pooling is mean with others beside it"},
    };
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        model_heads heads = {.steps = {{.kind = MODEL_HEAD_POOLING, .poolings_count = models[i].count}},
                             .count = 1};
        memcpy(heads.steps[0].poolings, models[i].poolings, sizeof models[i].poolings);
        const device_model m = {.heads = &heads};
        device_plugin plugin = {.api = fake_device_interface()};
        device *d = NULL;
        aki_error error = {.message = ""};
        const aki_status status = device_open(&d, &plugin, 0, &m, NULL, &error);
        assert_int_equal(status, models[i].message == NULL ? AKI_OK : AKI_UNAVAILABLE);
        if (models[i].message != NULL)
            assert_non_null(strstr(error.message, models[i].message));
        assert_true(device_close(d, 60000, NULL));
    }
}

static void uses_no_state_from_before_a_failure(void **state)
{
    (void)state;
    lane_rig r;
    open_rig(&r);
    device_lane *other = NULL, *first;
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_OK);
    first = r.lane;
    r.lane = other;
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_OK);
    other = r.lane;
    fake_fail(DEVICE_UNAVAILABLE, 1);
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_UNAVAILABLE);
    r.lane = first; /* did not see the failure */
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_OK);
    assert_int_equal(fake.states_opened, 3);
    device_lane_close(other);
    close_rig(&r);
}

static void makes_no_call_while_too_many_are_out(void **state)
{
    (void)state;
    lane_rig r;
    open_rig(&r);
    fake_hang(true);
    /* A lane that is given up before its thread had a turn makes no call. */
    while (fake_calls() < DEVICE_LANE_MOST_OUT) {
        const device_status status = run_lane(&r, NS_PER_MS).status;
        assert_true(status == DEVICE_TIMEOUT || status == DEVICE_UNAVAILABLE);
        assert_null(r.lane);
    }
    assert_true(device_calls_out(r.settings.device) >= DEVICE_LANE_MOST_OUT);
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_UNAVAILABLE);
    fake_hang(false);
    while (device_calls_out(r.settings.device) > 0)
        sched_yield();
    assert_int_equal(run_lane(&r, PATIENT_NS).status, DEVICE_OK);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes),
        cmocka_unit_test(finds_what_is_not_finite),
        cmocka_unit_test(refuses_passes_that_are_too_long),
        cmocka_unit_test(refuses_poolings_that_no_device_has),
        cmocka_unit_test(a_device_that_pools_is_refused_for_other_poolings),
        cmocka_unit_test(uses_no_state_from_before_a_failure),
        cmocka_unit_test(makes_no_call_while_too_many_are_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
