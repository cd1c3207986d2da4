#include "unit.h"

#include "base/thread.h"
#include "base/thread_slice.h"

#define SHORT_NS 200000
#define OTHER_NS 300000

static void *set_other(void *argument)
{
    *(int64_t *)argument = thread_slice_set(OTHER_NS);
    return NULL;
}

/* Where the system has no slices to set, all are 0. */
static void threads_inherit_the_slice(void **state)
{
    (void)state;
    pthread_t thread;
    int64_t inherited = -1;
    const int64_t former = thread_slice_set(SHORT_NS);
    const int64_t mine = former != 0 ? SHORT_NS : 0;
    assert_true(thread_start(&thread, set_other, &inherited, "short"));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(inherited, mine);
    assert_int_equal(thread_slice_set(former), mine); /* the thread's own changed nothing here */
    assert_int_equal(thread_slice_set(former), former);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_inherit_the_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
