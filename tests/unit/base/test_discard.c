#include "unit.h"

#include "base/mapping.h"
#include "base/memory.h"

#include <unistd.h>

/* Of whole pages inside only: what stands before and behind them stays. */
static void discarded_pages_come_back_as_zeros(void **state)
{
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = 600, bytes = pages * page;
    unsigned char *block = mem_alloc_aligned(bytes, 1); /* begins at a page: it is larger than a huge one */
    assert_non_null(block);
    memset(block, 7, bytes);
    mem_discard(block + 100, 50);
    mem_discard(block + page + 1, 3 * page);
    for (size_t p = 0; p < pages; p++)
        for (size_t i = 0; i < page; i += page - 1)
            assert_int_equal(block[p * page + i], p == 2 || p == 3 ? 0 : 7);
    memset(block, 1, bytes);
    assert_int_equal(block[bytes - 1], 1);
    mem_free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discarded_pages_come_back_as_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
