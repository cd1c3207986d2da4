#include "unit.h"

#include "base/memory.h"

/* Products and sums that do not fit must not wrap to something small. */
static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const size_t rows[][2] = {{SIZE_MAX, 2},         {2, SIZE_MAX},
                                     {SIZE_MAX / 2 + 1, 2}, {(size_t)1 << 32, (size_t)1 << 32},
                                     {SIZE_MAX, SIZE_MAX},  {SIZE_MAX / 16 + 2, 16}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t product;
        char *block = mem_copy_string("kept");
        assert_false(size_mul(rows[i][0], rows[i][1], &product));
        assert_null(mem_alloc(rows[i][0], rows[i][1]));
        assert_null(mem_zalloc(rows[i][0], rows[i][1]));
        assert_null(mem_alloc_aligned(rows[i][0], rows[i][1]));
        assert_null(mem_zalloc_aligned(rows[i][0], rows[i][1]));
        assert_null(mem_realloc(block, rows[i][0], rows[i][1]));
        assert_string_equal(block, "kept"); /* the old block is untouched */
        mem_free(block);
    }
    size_t sum;
    assert_false(size_add(SIZE_MAX, 1, &sum));
    assert_true(size_add(SIZE_MAX - 1, 1, &sum));
    assert_true(sum == SIZE_MAX);
    assert_null(mem_copy_text("", SIZE_MAX));
}

static void what_fits_size_t_may_still_be_too_much(void **state)
{
    (void)state;
    static const size_t huge = SIZE_MAX / 4;
    char *block = mem_copy_string("kept");
    assert_null(mem_alloc(huge, 1));
    assert_null(mem_zalloc(huge, 1));
    assert_null(mem_alloc_aligned(huge, 1));
    assert_null(mem_zalloc_aligned(huge, 1));
    assert_null(mem_realloc(block, huge, 1));
    assert_string_equal(block, "kept");
    mem_free(block);
}

static void nothing_is_a_valid_block(void **state)
{
    (void)state;
    static const size_t rows[][2] = {{0, 0}, {0, 8}, {8, 0}, {0, SIZE_MAX}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *blocks[] = {mem_alloc(rows[i][0], rows[i][1]), mem_zalloc(rows[i][0], rows[i][1]),
                          mem_alloc_aligned(rows[i][0], rows[i][1]),
                          mem_zalloc_aligned(rows[i][0], rows[i][1]),
                          mem_realloc(mem_alloc(8, 1), rows[i][0], rows[i][1])};
        for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
            assert_non_null(blocks[b]);
            mem_free(blocks[b]);
        }
    }
    mem_free(NULL);
}

static void zeroed_blocks_are_zero_and_aligned_ones_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 63, 64, 4097, ((size_t)2 << 20) - 1, ((size_t)2 << 20) + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *zeroed = mem_zalloc(sizes[i], 1), *aligned = mem_alloc_aligned(sizes[i], 1);
        unsigned char *both = mem_zalloc_aligned(sizes[i], 1);
        assert_true(zeroed != NULL && aligned != NULL && both != NULL);
        assert_int_equal((uintptr_t)aligned % MEMORY_ALIGNMENT, 0);
        assert_int_equal((uintptr_t)both % MEMORY_ALIGNMENT, 0);
        for (size_t at = 0; at < sizes[i]; at++)
            if (zeroed[at] != 0 || both[at] != 0)
                fail_msg("byte %zu of %zu is not zero", at, sizes[i]);
        memset(aligned, 1, sizes[i]); /* all of it is there */
        mem_free(zeroed);
        mem_free(aligned);
        mem_free(both);
    }
}

static void copies_end_in_nul(void **state)
{
    (void)state;
    char *part = mem_copy_text("abcdef", 3), *with_nul = mem_copy_text("a\0b", 3),
         *empty = mem_copy_string("");
    assert_string_equal(part, "abc");
    assert_memory_equal(with_nul, "a\0b", 4);
    assert_string_equal(empty, "");
    mem_free(part);
    mem_free(with_nul);
    mem_free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(what_fits_size_t_may_still_be_too_much),
        cmocka_unit_test(nothing_is_a_valid_block),
        cmocka_unit_test(zeroed_blocks_are_zero_and_aligned_ones_aligned),
        cmocka_unit_test(copies_end_in_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
