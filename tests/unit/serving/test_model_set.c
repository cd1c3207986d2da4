/* Names, phases, the budget and its evictions, failed loads, replacements, by a set without threads. */
#include "fake_models.h"

/* ---- Names -------------------------------------------------------------------------------------------------------- */

static void a_model_is_found_by_name_alias_and_last_part(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    model_spec specs[] = {
        {.name = "org/first", .source = "a", .aliases = {"uno", "one"}, .aliases_count = 2},
        {.name = "org/second", .source = "b"},
        {.name = "other/second", .source = "c"},
    };
    aki_error error;
    assert_int_equal(model_set_configure(set, specs, 3, &error), AKI_OK);
    assert_int_equal(model_set_count(set), 3);
    assert_string_equal(model_set_default_name(set), "org/first");
    assert_string_equal(model_set_name(set, "one"), "org/first");
    assert_string_equal(model_set_name(set, "first"), "org/first");
    assert_string_equal(model_set_name(set, "other/second"), "other/second");
    assert_null(model_set_name(set, "second")); /* of two: nobody gets the wrong one */
    assert_null(model_set_name(set, "irst"));
    assert_null(model_set_name(set, ""));
    model_use *use;
    int64_t retry_ms;
    assert_int_equal(model_set_acquire(set, "none", true, &use, &retry_ms, &error), MODEL_UNKNOWN);
    model_set_close(set);
}

static void the_default_and_the_pinned_are_loaded_at_once(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    CONFIGURE(set, "a", "b", "+c");
    assert_false(model_set_settled(set));
    assert_int_equal(view_of(set, "a").phase, MODEL_LOADING);
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    run(set);
    assert_int_equal(view_of(set, "a").phase, MODEL_READY);
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    assert_int_equal(view_of(set, "c").phase, MODEL_READY);
    assert_true(model_set_settled(set));
    assert_true(view_of(set, "a").kept && !view_of(set, "b").kept && view_of(set, "c").kept);
    model_use *use = acquire(set, NULL);
    assert_string_equal(model_use_model(use)->source, "a");
    assert_string_equal(model_use_name(use), "a");
    model_release(set, use, MODEL_KEEP_UNCHANGED);
    model_set_close(set);
    assert_int_equal(fake.opened, 2);
}

/* ---- Waiting ------------------------------------------------------------------------------------------------------ */

static unsigned told;

static void note_told(model_waiter *self)
{
    (void)self;
    told++;
}

static void who_waits_is_told_when_the_model_is_there(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    CONFIGURE(set, "a", "b");
    run(set);
    model_use *use;
    int64_t retry_ms;
    aki_error error;
    model_waiter waiter = {.deadline_ns = INT64_MAX, .done = note_told};
    told = 0;
    assert_false(model_set_wait(set, "b", &waiter)); /* nobody has asked for it */
    assert_int_equal(model_set_acquire(set, "b", false, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    assert_true(model_set_wait(set, "b", &waiter));
    assert_int_equal(told, 0);
    run(set);
    assert_int_equal(told, 1);
    assert_false(model_set_wait(set, "b", &waiter)); /* it is there */
    model_release(set, acquire(set, "b"), MODEL_KEEP_UNCHANGED);
    assert_int_equal(view_of(set, "b").waits, 1);
    model_set_close(set);
}

/* While there is no room: a model that nobody waits for any more is not loaded later. */
static void who_has_waited_too_long_is_told_and_the_load_is_given_up(void **state)
{
    (void)state;
    model_set *set = fake_set(25 * MB, 0);
    CONFIGURE(set, "a", "b", "c");
    run(set);
    touch(set, "b");
    model_use *busy = acquire(set, "b"), *use;
    int64_t retry_ms;
    aki_error error;
    model_waiter waiter = {.deadline_ns = fake.now_ns + 5 * NS_PER_S, .done = note_told};
    told = 0;
    assert_int_equal(model_set_acquire(set, "c", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    assert_true(model_set_wait(set, "c", &waiter));
    run(set);
    assert_int_equal(told, 0);
    assert_int_equal(view_of(set, "b").phase, MODEL_READY); /* it has work in flight */
    fake.now_ns += 5 * NS_PER_S;
    run(set);
    assert_int_equal(told, 1);
    assert_int_equal(view_of(set, "c").phase, MODEL_KNOWN);
    model_release(set, busy, MODEL_KEEP_UNCHANGED);
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_READY);
    model_set_close(set);
}

/* Two models that have room by turns, each with waiters. */
static void a_model_stays_until_its_waiters_have_used_it(void **state)
{
    (void)state;
    model_set *set = fake_set(25 * MB, 0);
    CONFIGURE(set, "a", "b", "c");
    run(set);
    model_use *use;
    int64_t retry_ms;
    aki_error error;
    model_waiter of_b[2] = {{.deadline_ns = INT64_MAX, .done = note_told},
                            {.deadline_ns = INT64_MAX, .done = note_told}},
                 of_c = {.deadline_ns = INT64_MAX, .done = note_told};
    told = 0;
    assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    assert_true(model_set_wait(set, "b", &of_b[0]) && model_set_wait(set, "b", &of_b[1]));
    assert_int_equal(model_set_acquire(set, "c", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    assert_true(model_set_wait(set, "c", &of_c));
    run(set);
    assert_int_equal(told, 2);
    assert_true(of_b[0].use != NULL && of_b[0].use == of_b[1].use && of_c.use == NULL);
    assert_int_equal(view_of(set, "b").phase, MODEL_READY);
    assert_int_equal(view_of(set, "b").in_use, 2);
    model_release(set, of_b[0].use, MODEL_KEEP_UNCHANGED);
    run(set);
    assert_int_equal(told, 2);
    model_release(set, of_b[1].use, MODEL_KEEP_UNCHANGED);
    run(set);
    assert_int_equal(told, 3);
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    assert_string_equal(model_use_name(of_c.use), "c");
    model_release(set, of_c.use, MODEL_KEEP_UNCHANGED);
    model_set_close(set);
    assert_int_equal(fake.opened, 3);
}

static void all_who_wait_are_told_of_the_end(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    CONFIGURE(set, "a", "b");
    model_use *use;
    int64_t retry_ms;
    aki_error error;
    model_waiter of_a = {.deadline_ns = INT64_MAX, .done = note_told},
                 of_b = {.deadline_ns = INT64_MAX, .done = note_told};
    told = 0;
    assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    assert_true(model_set_wait(set, NULL, &of_a) && model_set_wait(set, "b", &of_b));
    model_set_stop(set);
    assert_int_equal(told, 2);
    assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_REFUSED);
    assert_int_equal(error.status, AKI_CANCELLED);
    assert_false(model_set_wait(set, "b", &of_b));
    model_set_close(set);
    assert_int_equal(fake.opened, 0);
}

/* ---- The budget ----------------------------------------------------------------------------------------------------- */

static void the_least_recently_used_makes_room(void **state)
{
    (void)state;
    model_set *set = fake_set(35 * MB, 0);
    CONFIGURE(set, "a", "b", "c", "d");
    run(set);
    touch(set, "b");
    touch(set, "c");
    touch(set, "b");
    touch(set, "d");
    assert_int_equal(view_of(set, "a").phase, MODEL_READY); /* the default */
    assert_int_equal(view_of(set, "b").phase, MODEL_READY);
    assert_int_equal(view_of(set, "c").phase, MODEL_KNOWN);
    assert_int_equal(view_of(set, "d").phase, MODEL_READY);
    assert_int_equal(view_of(set, "c").evictions, 1);
    assert_int_equal(model_set_bytes(set), 30 * MB);
    assert_int_equal(fake.retired, 1);
    model_set_close(set);
}

static void a_model_in_use_is_not_unloaded(void **state)
{
    (void)state;
    model_set *set = fake_set(25 * MB, 0);
    CONFIGURE(set, "a", "b", "c");
    run(set);
    touch(set, "b");
    model_use *busy = acquire(set, "b"), *use;
    int64_t retry_ms;
    aki_error error;
    assert_int_equal(model_set_acquire(set, "c", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    run(set);
    assert_int_equal(view_of(set, "c").phase, MODEL_LOADING);
    assert_ptr_equal(acquire(set, "b"), busy); /* and goes on serving */
    model_release(set, busy, MODEL_KEEP_UNCHANGED);
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_READY);
    model_release(set, busy, MODEL_KEEP_UNCHANGED);
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    assert_int_equal(view_of(set, "c").phase, MODEL_READY);
    model_set_close(set);
}

static void a_small_model_does_not_wait_behind_one_without_room(void **state)
{
    (void)state;
    model_set *set = fake_set(45 * MB, 0);
    CONFIGURE(set, "a", "b", "big", "small");
    run(set);
    touch(set, "b");
    model_use *busy = acquire(set, "b"), *use;
    int64_t retry_ms;
    aki_error error;
    fake.bytes = 30 * MB;
    assert_int_equal(model_set_acquire(set, "big", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    run(set);
    fake.bytes = 10 * MB;
    touch(set, "small");
    assert_int_equal(view_of(set, "big").phase, MODEL_LOADING);
    model_release(set, busy, MODEL_KEEP_UNCHANGED);
    fake.bytes = 30 * MB;
    run(set);
    assert_int_equal(view_of(set, "big").phase, MODEL_READY);
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    assert_int_equal(view_of(set, "small").phase, MODEL_KNOWN);
    model_set_close(set);
}

static void a_model_that_never_fits_is_refused_with_the_figures(void **state)
{
    (void)state;
    model_set *set = fake_set(50 * MB, 0);
    CONFIGURE(set, "a", "+p", "b");
    run(set);
    model_use *use;
    int64_t retry_ms;
    aki_error error;
    fake.bytes = 31 * MB;
    assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    run(set);
    assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_REFUSED);
    assert_int_equal(error.status, AKI_OUT_OF_MEMORY);
    assert_non_null(strstr(error.message, "the model b takes about 31 MB"));
    assert_non_null(strstr(error.message, "budget for models is 50 MB"));
    assert_non_null(strstr(error.message, "stay loaded take 20 MB"));
    assert_int_equal(view_of(set, "b").phase, MODEL_FAILED);
    assert_int_equal(fake.opened, 2);
    fake.bytes = 30 * MB; /* just fits */
    fake.now_ns += 2 * NS_PER_S;
    touch(set, "b");
    assert_int_equal(model_set_bytes(set), 50 * MB);
    model_set_close(set);
}

/* It is told to take little, and takes much. */
static void a_model_that_takes_more_than_expected_is_loaded_again_with_room(void **state)
{
    (void)state;
    model_set *set = fake_set(40 * MB, 0);
    CONFIGURE(set, "a", "b", "c");
    run(set);
    touch(set, "b");
    fake.expected = 15 * MB;
    fake.bytes = 25 * MB;
    touch(set, "c");
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    assert_int_equal(view_of(set, "c").phase, MODEL_READY);
    assert_int_equal(model_set_bytes(set), 35 * MB);
    assert_int_equal(fake.opened, 4); /* c twice */
    model_set_close(set);
}

/* The least that it takes fits the budget, the most that it may take does not: it is opened, and counted by what it took. */
static void a_model_that_may_fit_is_tried(void **state)
{
    (void)state;
    model_set *set = fake_set(30 * MB, 0);
    CONFIGURE(set, "a", "b", "c");
    run(set);
    fake.least = 12 * MB;
    fake.expected = 24 * MB;
    fake.bytes = 15 * MB;
    touch(set, "b");
    assert_int_equal(model_set_bytes(set), 25 * MB);
    model_use *use;
    int64_t retry_ms;
    aki_error error;
    fake.bytes = 21 * MB;
    assert_int_equal(model_set_acquire(set, "c", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    run(set);
    assert_int_equal(model_set_acquire(set, "c", true, &use, &retry_ms, &error), MODEL_REFUSED);
    assert_non_null(strstr(error.message, "the model c takes about 21 MB"));
    fake.least = fake.expected = 0;
    fake.bytes = 10 * MB;
    model_set_close(set);
}

/* Models of the same source share 8 of their 10 MB, which count once, from the first to the last of them. */
static void weights_that_are_shared_count_once(void **state)
{
    (void)state;
    const model_spec specs[] = {{.name = "a", .source = "a", .keep_alive_ms = MODEL_KEEP_FOREVER},
                                {.name = "one", .source = "w", .keep_alive_ms = MODEL_KEEP_FOREVER},
                                {.name = "two", .source = "w", .keep_alive_ms = MODEL_KEEP_FOREVER},
                                {.name = "x", .source = "x", .keep_alive_ms = MODEL_KEEP_FOREVER}};
    aki_error error;
    model_set *set = fake_set(23 * MB, 0);
    fake.bytes = 10 * MB;
    fake.shared_bytes = 8 * MB;
    assert_int_equal(model_set_configure(set, specs, 4, &error), AKI_OK);
    run(set);
    touch(set, "one");
    touch(set, "two"); /* it takes 2 MB more, so nothing has to go */
    assert_int_equal(view_of(set, "one").phase, MODEL_READY);
    assert_int_equal(view_of(set, "two").bytes, 10 * MB);
    assert_int_equal(model_set_bytes(set), 22 * MB);
    touch(set, "x"); /* to unload one of the two is not enough */
    assert_int_equal(view_of(set, "one").phase, MODEL_KNOWN);
    assert_int_equal(view_of(set, "two").phase, MODEL_KNOWN);
    assert_int_equal(model_set_bytes(set), 20 * MB);
    touch(set, "two");
    assert_int_equal(view_of(set, "x").phase, MODEL_KNOWN);
    assert_int_equal(model_set_bytes(set), 20 * MB);
    fake.shared_bytes = 0;
    model_set_close(set);
}

/* ---- Idle ------------------------------------------------------------------------------------------------------------ */

static void an_idle_model_goes_after_its_time(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    static const char *const names[] = {"a", "b"};
    aki_error error;
    assert_int_equal(fake_configure(set, names, 2, 60000, &error), AKI_OK);
    run(set);
    touch(set, "b");
    model_use *use = acquire(set, "b");
    fake.now_ns += 120 * NS_PER_S;
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_READY); /* in use */
    model_release(set, use, MODEL_KEEP_UNCHANGED);
    fake.now_ns += 59 * NS_PER_S;
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_READY);
    fake.now_ns += NS_PER_S;
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    assert_int_equal(view_of(set, "b").idle_unloads, 1);
    assert_int_equal(view_of(set, "a").phase, MODEL_READY);
    model_set_close(set);
}

static void a_request_says_how_long_its_model_stays(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    CONFIGURE(set, "a", "b");
    run(set);
    touch(set, "b");
    model_release(set, acquire(set, "b"), 0);
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    touch(set, "b");
    model_release(set, acquire(set, "b"), 5000);
    assert_int_equal(view_of(set, "b").idle_until_ns, fake.now_ns + 5 * NS_PER_S);
    model_release(set, acquire(set, "b"), MODEL_KEEP_FOREVER);
    fake.now_ns += 1000000 * NS_PER_S;
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_READY);
    model_release(set, acquire(set, "a"), 0); /* the default stays */
    run(set);
    assert_int_equal(view_of(set, "a").phase, MODEL_READY);
    model_set_close(set);
}

/* ---- Failures ------------------------------------------------------------------------------------------------------ */

static void a_failed_load_is_remembered_with_growing_pauses(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    CONFIGURE(set, "a", "b");
    run(set);
    model_use *use;
    int64_t retry_ms = 0;
    aki_error error;
    fake.failing = "b";
    for (unsigned pause_s = 1; pause_s <= 300;
         pause_s = pause_s < 300 && pause_s * 2 > 300 ? 300 : pause_s * 2) {
        assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
        run(set);
        assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_REFUSED);
        assert_int_equal(error.status, AKI_MODEL_INVALID);
        assert_string_equal(error.message, "b is damaged");
        assert_in_range(retry_ms, pause_s * 1000, pause_s * 1000 + 1);
        fake.now_ns += pause_s * NS_PER_S - 1;
        assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_REFUSED);
        fake.now_ns += 1;
    }
    assert_string_equal(view_of(set, "b").failure, "b is damaged");
    fake.failing = NULL;
    touch(set, "b");
    assert_null(view_of(set, "b").failure);
    model_set_close(set);
}

/* It has to be there, and nobody has to ask for it. The others go on. */
static void a_pinned_model_that_fails_is_tried_again_by_itself(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    fake.missing = "p";
    CONFIGURE(set, "a", "+p");
    run(set);
    assert_int_equal(view_of(set, "p").phase, MODEL_FAILED);
    assert_int_equal(view_of(set, "a").phase, MODEL_READY);
    assert_true(model_set_settled(set));
    fake.missing = NULL;
    run(set);
    assert_int_equal(view_of(set, "p").phase, MODEL_FAILED);
    fake.now_ns += NS_PER_S;
    run(set);
    assert_int_equal(view_of(set, "p").phase, MODEL_READY);
    model_set_close(set);
}

/* ---- Replacement ---------------------------------------------------------------------------------------------------- */

static void a_reload_takes_the_place_of_the_old_one_in_one_step(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    CONFIGURE(set, "a");
    run(set);
    model_use *old = acquire(set, "a");
    aki_error error;
    assert_int_equal(model_set_reload(set, "a", &error), AKI_OK);
    assert_ptr_equal(acquire(set, "a"), old); /* until the new one is there */
    model_release(set, old, MODEL_KEEP_UNCHANGED);
    run(set);
    model_use *fresh = acquire(set, "a");
    assert_ptr_not_equal(fresh, old);
    assert_int_equal(fake.open, 2);
    assert_int_equal(fake.closed, 0);
    model_release(set, old, MODEL_KEEP_UNCHANGED);
    run(set);
    assert_int_equal(fake.closed, 1);
    model_release(set, fresh, MODEL_KEEP_UNCHANGED);
    fake.failing = "a"; /* what cannot be loaded takes nobody's place */
    assert_int_equal(model_set_reload(set, "a", &error), AKI_OK);
    run(set);
    assert_int_equal(view_of(set, "a").phase, MODEL_READY);
    assert_string_equal(view_of(set, "a").failure, "a is damaged");
    assert_ptr_equal(acquire(set, "a"), fresh);
    model_release(set, fresh, MODEL_KEEP_UNCHANGED);
    model_set_close(set);
}

static void without_room_for_both_the_old_one_goes_first(void **state)
{
    (void)state;
    model_set *set = fake_set(15 * MB, 0);
    CONFIGURE(set, "a");
    run(set);
    model_use *old = acquire(set, "a"), *use;
    int64_t retry_ms;
    aki_error error;
    assert_int_equal(model_set_reload(set, "a", &error), AKI_OK);
    run(set);
    assert_int_equal(model_set_acquire(set, "a", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    model_release(set, old, MODEL_KEEP_UNCHANGED);
    run(set);
    model_release(set, acquire(set, "a"), MODEL_KEEP_UNCHANGED);
    assert_int_equal(model_set_bytes(set), 10 * MB);
    model_set_close(set);
}

static void another_list_adds_changes_and_removes(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    CONFIGURE(set, "a", "+b", "+c");
    run(set);
    model_use *of_b = acquire(set, "b"), *of_c = acquire(set, "c"), *use;
    int64_t retry_ms;
    const size_t index = model_use_index(of_c);
    model_spec specs[] = {
        {.name = "a", .source = "a", .keep_alive_ms = MODEL_KEEP_FOREVER},
        {.name = "c", .source = "c2", .keep_alive_ms = MODEL_KEEP_FOREVER},
        {.name = "d", .source = "d", .pinned = true, .keep_alive_ms = MODEL_KEEP_FOREVER},
    };
    aki_error error;
    assert_int_equal(model_set_configure(set, specs, 3, &error), AKI_OK);
    assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_UNKNOWN);
    assert_int_equal(fake.open, 3); /* b has a request in flight */
    run(set);
    assert_int_equal(fake.opened, 5); /* a stays as it was */
    use = acquire(set, "c");
    assert_string_equal(model_use_model(use)->source, "c2");
    assert_int_equal(model_use_index(use), index);
    model_release(set, use, MODEL_KEEP_UNCHANGED);
    assert_int_equal(view_of(set, "d").phase, MODEL_READY);
    model_release(set, of_b, MODEL_KEEP_UNCHANGED);
    model_release(set, of_c, MODEL_KEEP_UNCHANGED);
    run(set);
    assert_int_equal(fake.open, 3);
    CONFIGURE(set, "a", "b"); /* comes back by its name */
    touch(set, "b");
    assert_int_equal(view_of(set, "b").index, 1);
    model_set_close(set);
}

static void change_it(model_set *set)
{
    static bool done;
    model_spec specs[] = {{.name = "a", .source = "a2"}};
    aki_error error;
    if (!done)
        assert_int_equal(model_set_configure(set, specs, 1, &error), AKI_OK);
    done = true;
}

static void a_change_while_it_is_loaded_is_not_lost(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    fake.during = set;
    fake.act = change_it;
    CONFIGURE(set, "a");
    run(set);
    model_use *use = acquire(set, "a");
    assert_string_equal(model_use_model(use)->source, "a2");
    model_release(set, use, MODEL_KEEP_UNCHANGED);
    model_set_close(set);
}

static void remove_it(model_set *set)
{
    static const char *const names[] = {"a"};
    aki_error error;
    assert_int_equal(fake_configure(set, names, 1, MODEL_KEEP_FOREVER, &error), AKI_OK);
}

static void a_model_that_is_removed_while_it_is_loaded_is_closed(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    CONFIGURE(set, "a", "b");
    run(set);
    model_use *use;
    int64_t retry_ms;
    aki_error error;
    assert_int_equal(model_set_acquire(set, "b", true, &use, &retry_ms, &error), MODEL_NOT_LOADED);
    fake.during = set;
    fake.act = remove_it;
    run(set);
    assert_int_equal(fake.open, 1);
    assert_int_equal(model_set_bytes(set), 10 * MB);
    model_set_close(set);
}

static void operators_load_and_unload(void **state)
{
    (void)state;
    model_set *set = fake_set(0, 0);
    CONFIGURE(set, "a", "b");
    run(set);
    aki_error error;
    assert_int_equal(model_set_load(set, "nobody", &error), AKI_MODEL_NOT_FOUND);
    assert_int_equal(model_set_load(set, "b", &error), AKI_OK);
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_READY);
    assert_int_equal(model_set_load(set, "b", &error), AKI_OK); /* is there */
    run(set);
    assert_int_equal(view_of(set, "b").loads, 1);
    model_use *use = acquire(set, "b");
    assert_int_equal(model_set_unload(set, "b", &error), AKI_OK);
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_DRAINING);
    model_release(set, use, MODEL_KEEP_UNCHANGED);
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_KNOWN);
    fake.failing = "b";
    assert_int_equal(model_set_load(set, "b", &error), AKI_OK);
    run(set);
    fake.failing = NULL;
    assert_int_equal(model_set_load(set, "b", &error), AKI_OK); /* does not wait for the pause */
    run(set);
    assert_int_equal(view_of(set, "b").phase, MODEL_READY);
    model_set_close(set);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_reset, fake_all_closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_model_is_found_by_name_alias_and_last_part),
        TEST(the_default_and_the_pinned_are_loaded_at_once),
        TEST(who_waits_is_told_when_the_model_is_there),
        TEST(who_has_waited_too_long_is_told_and_the_load_is_given_up),
        TEST(a_model_stays_until_its_waiters_have_used_it),
        TEST(all_who_wait_are_told_of_the_end),
        TEST(the_least_recently_used_makes_room),
        TEST(a_model_in_use_is_not_unloaded),
        TEST(a_small_model_does_not_wait_behind_one_without_room),
        TEST(a_model_that_never_fits_is_refused_with_the_figures),
        TEST(a_model_that_takes_more_than_expected_is_loaded_again_with_room),
        TEST(a_model_that_may_fit_is_tried),
        TEST(weights_that_are_shared_count_once),
        TEST(an_idle_model_goes_after_its_time),
        TEST(a_request_says_how_long_its_model_stays),
        TEST(a_failed_load_is_remembered_with_growing_pauses),
        TEST(a_pinned_model_that_fails_is_tried_again_by_itself),
        TEST(a_reload_takes_the_place_of_the_old_one_in_one_step),
        TEST(without_room_for_both_the_old_one_goes_first),
        TEST(another_list_adds_changes_and_removes),
        TEST(a_change_while_it_is_loaded_is_not_lost),
        TEST(a_model_that_is_removed_while_it_is_loaded_is_closed),
        TEST(operators_load_and_unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
