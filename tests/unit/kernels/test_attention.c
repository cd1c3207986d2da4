/* Self-attention of every precision of every tier against double precision, with the bound of kernels.h. */
#include "check.h"

typedef struct problem {
    size_t tokens, heads, head_size, stride;
    float *qkv;  /* [tokens][3][heads][head_size], values that the precision holds */
    float *bias; /* NULL, or [heads][bias_stride] from distance -tokens + 1 on */
    size_t bias_stride;
    size_t pairs; /* heads of keys and values; 0 = heads */
    bool causal;
    size_t window;
    size_t every; /* only every so-manyth query and the last are checked; 0 = all */
} problem;

static size_t pairs_of(const problem *p)
{
    return p->pairs > 0 ? p->pairs : p->heads;
}

/* Numbers of a row of qkv. */
static size_t width_of(const problem *p)
{
    return (p->heads + 2 * pairs_of(p)) * p->head_size;
}

/* By the definition, apart from kernel_visible_keys. */
static bool sees(const problem *p, size_t query, size_t key)
{
    const size_t away = key > query ? key - query : query - key;
    return !(p->causal && key > query) && !(p->window > 0 && away > p->window);
}

/* Queries and keys are multiplied by `sharpness`: 0 makes all weights even, large values pick one token. */
static problem make_problem(const kernel_precision *precision, size_t tokens, size_t heads, size_t head_size,
                            float sharpness)
{
    const size_t hidden = heads * head_size, stride = check_stride(precision, 3 * hidden);
    problem p = {tokens, heads, head_size, stride, NULL, NULL, 0};
    p.qkv = check_floats(check_extent(tokens, 3 * hidden, p.stride), CHECK_USUAL);
    for (size_t t = 0; t < tokens; t++)
        for (size_t i = 0; i < 2 * hidden; i++)
            p.qkv[t * p.stride + i] *= sharpness;
    check_hold(precision, p.qkv, check_extent(tokens, 3 * hidden, p.stride));
    return p;
}

/* All heads, in `turns` calls, the last heads first. */
static void attend_in_turns(const kernel_precision *precision, kernel_attention *attention, size_t turns)
{
    for (size_t turn = turns; turn-- > 0;) {
        attention->first_head = attention->heads * turn / turns;
        attention->head_count = attention->heads * (turn + 1) / turns - attention->first_head;
        precision->attention(attention);
    }
}

/* From an address that differs from call to call. The result widened to f32: [tokens], stride output_stride. */
static float *attend_split(const kernel_precision *precision, const problem *p, size_t output_stride,
                           size_t turns)
{
    const size_t hidden = p->heads * p->head_size, width = width_of(p);
    const size_t count = check_extent(p->tokens, hidden, output_stride);
    size_t bytes = precision->attention_scratch_bytes(p->tokens, p->head_size);
    assert_true(bytes > 0 && bytes % KERNEL_ALIGNMENT == 0);
    void *scratch = mem_alloc_aligned(bytes, 1);
    assert_non_null(scratch);
    memset(scratch, 0xff, bytes); /* NaN: whoever reads what was not written shows it */
    void *numbers = check_numbers_of(precision, p->qkv, p->tokens, width, p->stride);
    size_t number_bytes =
        check_numbers(precision, p->tokens, width, p->stride) * check_number_size(precision);
    size_t offset = 4 * check_below(16);
    unsigned char *block = mem_alloc(offset + number_bytes, 1), *qkv = block + offset;
    assert_non_null(block);
    memcpy(qkv, numbers, number_bytes);
    void *output = check_untouched_numbers(precision, count);
    kernel_attention attention = {.tokens = p->tokens,
                                  .heads = p->heads,
                                  .head_size = p->head_size,
                                  .key_value_heads = p->pairs,
                                  .head_count = p->heads,
                                  .causal = p->causal,
                                  .window = p->window,
                                  .qkv = qkv,
                                  .qkv_stride = p->stride,
                                  .output = output,
                                  .output_stride = output_stride,
                                  .bias = p->bias != NULL ? p->bias + p->tokens - 1 : NULL,
                                  .bias_stride = p->bias_stride,
                                  .scratch = scratch};
    attend_in_turns(precision, &attention, turns);
    check_number_gaps(precision, output, p->tokens, hidden, output_stride);
    float *values = check_untouched(count);
    for (size_t i = 0; i < count; i++)
        values[i] = check_number(precision, output, i);
    mem_free(output);
    mem_free(block);
    mem_free(numbers);
    mem_free(scratch);
    return values;
}

static float *attend(const kernel_precision *precision, const problem *p, size_t output_stride)
{
    return attend_split(precision, p, output_stride, 1);
}

static void check_problem(const kernel_table *tier, const kernel_precision *precision, const problem *p)
{
    const size_t hidden = p->heads * p->head_size, output_stride = check_stride(precision, hidden);
    const size_t group = p->heads / pairs_of(p), to_values = pairs_of(p) * p->head_size;
    float *output = attend(precision, p, output_stride);
    double *scores = mem_alloc(p->tokens, sizeof *scores);
    assert_non_null(scores);
    for (size_t t = 0; t < p->tokens; t++)
        for (size_t h = 0; h < p->heads && (p->every == 0 || t % p->every == 0 || t + 1 == p->tokens); h++) {
            const float *query = p->qkv + t * p->stride + h * p->head_size;
            double greatest = -INFINITY, magnitude = 0.0, sum = 0.0;
            for (size_t s = 0; s < p->tokens; s++) {
                const float *key = p->qkv + s * p->stride + hidden + h / group * p->head_size;
                double size = 0.0;
                scores[s] = -INFINITY;
                if (!sees(p, t, s))
                    continue;
                scores[s] = 0.0;
                for (size_t d = 0; d < p->head_size; d++) {
                    scores[s] += (double)query[d] * key[d];
                    size += fabs((double)query[d] * key[d]);
                }
                if (p->bias != NULL) {
                    const double bias = p->bias[h * p->bias_stride + p->tokens - 1 + s - t];
                    scores[s] += bias;
                    size += fabs(bias);
                }
                greatest = fmax(greatest, scores[s]);
                magnitude = fmax(magnitude, size);
            }
            for (size_t s = 0; s < p->tokens; s++) {
                scores[s] = exp2(scores[s] - greatest);
                sum += scores[s];
            }
            for (size_t d = 0; d < p->head_size; d++) {
                double mixed = 0.0, largest = 0.0;
                for (size_t s = 0; s < p->tokens; s++) {
                    double value = p->qkv[s * p->stride + hidden + to_values + h / group * p->head_size + d];
                    mixed += scores[s] / sum * value;
                    largest = fmax(largest, fabs(value));
                }
                double bound =
                    (4 * ((double)p->head_size + 2) * magnitude + 2 * (double)p->tokens + 32) * U * largest;
                if (check_is_bf16(precision))
                    bound += 2.1 * V * largest + 0x1p-126 * ((double)p->tokens + 1);
                CHECK_CLOSE(tier, output[t * output_stride + h * p->head_size + d], mixed, bound);
            }
        }
    mem_free(scores);
    mem_free(output);
}

static void adds_a_bias_of_the_distance(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t tokens = 1; tokens <= 150; tokens += unit_is_emulated() ? 29 : tokens < 40 ? 1 : 13) {
        problem p = make_problem(precision, tokens, 3, 32, 0.25f);
        p.bias_stride = 2 * tokens - 1 + tokens % 3;
        p.bias = check_floats(3 * p.bias_stride + KERNEL_BIAS_ROOM, CHECK_USUAL);
        for (size_t i = 0; i < KERNEL_BIAS_ROOM; i++)
            p.bias[3 * p.bias_stride + i] = NAN; /* may be read, without an effect */
        check_problem(tier, precision, &p);
        mem_free(p.bias);
        mem_free(p.qkv);
    }
}

static void attends_over_texts_of_all_lengths(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t tokens = 1; tokens <= 70; tokens += unit_is_emulated() ? 5 : 1) {
        problem p = make_problem(precision, tokens, 2, 32, (float)(tokens % 4) * 0.25f);
        check_problem(tier, precision, &p);
        mem_free(p.qkv);
    }
}

static void attends_with_heads_of_all_sizes(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t size = check_is_bf16(precision) ? 2 : 1; size <= 80;
         size += check_is_bf16(precision) ? 2 : 1) {
        problem p = make_problem(precision, 1 + check_below(40), 1 + check_below(3), size, 0.3f);
        check_problem(tier, precision, &p);
        mem_free(p.qkv);
    }
}

static void attends_over_long_texts(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    {
        const size_t longest = unit_is_emulated() ? 200 : 601;
        problem p = make_problem(precision, 256, 2, 32, 0.5f),
                q = make_problem(precision, longest, 1, 64, 0.5f);
        check_problem(tier, precision, &p);
        check_problem(tier, precision, &q);
        mem_free(p.qkv);
        mem_free(q.qkv);
    }
}

/* Two tokens and a product that is exact: what is left is the error of the exponential, over its whole range. */
static void weighs_scores_to_the_last_bits(void **state)
{
    (void)state;
    enum { HEADS = 5000, SIZE = 2, HIDDEN = HEADS * SIZE };
    CHECK_EACH_PRECISION(tier, precision)
    {
        problem p = {2, HEADS, SIZE, 3 * HIDDEN, mem_zalloc((size_t)2 * 3 * HIDDEN, sizeof(float)), NULL, 0};
        assert_non_null(p.qkv);
        for (size_t h = 0; h < HIDDEN; h += SIZE) {
            p.qkv[h] = 1.0f;                                              /* query of token 0 */
            p.qkv[p.stride + HIDDEN + h] = -(float)h * (120.0f / HIDDEN); /* key of token 1; token 0 has 0 */
            p.qkv[p.stride + 2 * HIDDEN + h] = 1.0f; /* value of token 1; token 0 has 0 */
        }
        check_hold(precision, p.qkv, (size_t)2 * 3 * HIDDEN);
        float *output = attend(precision, &p, HIDDEN);
        for (size_t h = 0; h < HIDDEN; h += SIZE) {
            double weight = exp2((double)p.qkv[p.stride + HIDDEN + h]);
            CHECK_CLOSE(tier, output[h], weight / (1.0 + weight),
                        (check_is_bf16(precision) ? 2.1 * V : 6 * U) * weight);
        }
        mem_free(output);
        mem_free(p.qkv);
    }
}

/* Scores of 1e9 and more: the winner's value, never a NaN or a sum of nothing. */
static void survives_scores_of_any_size(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t round = 0; round < 20; round++) {
        problem p = make_problem(precision, 1 + check_below(50), 2, 32, 1e5f);
        float *output = attend(precision, &p, 64);
        for (size_t t = 0; t < p.tokens; t++)
            for (size_t i = 0; i < 64; i++) {
                float least = INFINITY, greatest = -INFINITY;
                for (size_t s = 0; s < p.tokens; s++) {
                    float value = p.qkv[s * p.stride + 128 + i];
                    least = fminf(least, value);
                    greatest = fmaxf(greatest, value);
                }
                float x = output[t * 64 + i];
                float room =
                    check_is_bf16(precision) ? (float)V * fmaxf(fabsf(least), fabsf(greatest)) : 1e-5f;
                assert_true(x >= least - room && x <= greatest + room);
            }
        mem_free(output);
        mem_free(p.qkv);
    }
}

/* Queries and keys up to the largest f32, whose scores overflow: the result is a value of the text, or NaN or
 * infinity. Values of that size as long as their sum does not overflow. */
static void survives_every_magnitude(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (int exponent = 4; exponent <= 38; exponent++) {
        const float size = (float)pow(10.0, exponent), value_size = size / 64;
        problem p = make_problem(precision, 1 + check_below(30), 2, 32, 1.0f);
        for (size_t i = 0; i < check_extent(p.tokens, 192, p.stride); i++)
            p.qkv[i] = (i % p.stride < 128 ? size : value_size) * check_unit();
        check_hold(precision, p.qkv, check_extent(p.tokens, 192, p.stride));
        float *output = attend(precision, &p, 64);
        for (size_t i = 0; i < p.tokens * 64; i++)
            assert_true(!isfinite(output[i]) ? exponent > 18 : fabsf(output[i]) <= 1.01f * value_size);
        mem_free(output);
        mem_free(p.qkv);
    }
}

/* All scores far below zero: the subtraction of the greatest must see them, not the padding's zeros. */
static void survives_scores_that_are_all_negative(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t tokens = 1; tokens <= 33; tokens++) {
        problem p = make_problem(precision, tokens, 1, 8, 1.0f);
        for (size_t t = 0; t < tokens; t++)
            for (size_t d = 0; d < 8; d++) {
                p.qkv[t * p.stride + d] = -100.0f;
                p.qkv[t * p.stride + 8 + d] = 100.0f;
            }
        float *output = attend(precision, &p, 8);
        for (size_t d = 0; d < 8; d++) {
            double mean = 0.0;
            for (size_t s = 0; s < tokens; s++)
                mean += p.qkv[s * p.stride + 16 + d] / (double)tokens;
            CHECK_CLOSE(tier, output[d], mean, check_is_bf16(precision) ? 2.1 * V * 3.0 : 1e-5);
        }
        mem_free(output);
        mem_free(p.qkv);
    }
}

static void keeps_nan(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t part = 0; part < 3; part++) {
        problem p = make_problem(precision, 21, 2, 32, 0.5f);
        p.qkv[20 * p.stride + part * 64 + 5] = NAN; /* head 0 of the last token: its query, key or value */
        float *output = attend(precision, &p, 64);
        for (size_t t = 0; t < p.tokens; t++)
            for (size_t i = 0; i < 64; i++) {
                bool hit = i < 32 && (part == 0 ? t == 20 : part == 1 ? true : i == 5);
                assert_int_equal(isnan(output[t * 64 + i]), hit);
            }
        mem_free(output);
        mem_free(p.qkv);
    }
}

static void does_not_depend_on_addresses(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t round = 0; round < 20; round++) {
        problem p = make_problem(precision, 1 + check_below(80), 2, 24, 0.5f);
        float *output = attend(precision, &p, 48);
        problem q = {p.tokens, 2, 24, check_stride(precision, p.stride + check_below(20)), NULL, NULL, 0};
        q.qkv = mem_alloc(check_extent(p.tokens, 144, q.stride), sizeof *q.qkv);
        assert_non_null(q.qkv);
        for (size_t t = 0; t < p.tokens; t++)
            memcpy(q.qkv + t * q.stride, p.qkv + t * p.stride, 144 * sizeof(float));
        float *other = attend(precision, &q, 48);
        assert_memory_equal(other, output, p.tokens * 48 * sizeof(float));
        mem_free(other);
        mem_free(q.qkv);
        mem_free(output);
        mem_free(p.qkv);
    }
}

static void heads_do_not_depend_on_each_other(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t round = 0; round < 20; round++) {
        problem p = make_problem(precision, 1 + check_below(80), 5, 2 * (1 + check_below(24)), 0.5f);
        const size_t hidden = p.heads * p.head_size, stride = check_stride(precision, hidden);
        float *together = attend(precision, &p, stride);
        /* 7 turns for 5 heads: some compute none. */
        float *apart = attend_split(precision, &p, stride, 2 + round % 6);
        assert_memory_equal(apart, together, check_extent(p.tokens, hidden, stride) * sizeof(float));
        mem_free(apart);
        mem_free(together);
        mem_free(p.qkv);
    }
}

/* A problem whose rows are those of grouped heads. */
static problem make_grouped(const kernel_precision *precision, size_t tokens, size_t heads, size_t pairs,
                            size_t head_size)
{
    problem p = {.tokens = tokens, .heads = heads, .head_size = head_size, .pairs = pairs};
    p.stride = check_stride(precision, width_of(&p));
    p.qkv = check_floats(check_extent(tokens, width_of(&p), p.stride), CHECK_USUAL);
    for (size_t t = 0; t < tokens; t++)
        for (size_t i = 0; i < (heads + pairs) * head_size; i++)
            p.qkv[t * p.stride + i] *= 0.3f;
    check_hold(precision, p.qkv, check_extent(tokens, width_of(&p), p.stride));
    return p;
}

/* Windows of every side of a panel, causal and not, over texts shorter and longer than them, with grouped heads and a bias. */
static void attends_behind_masks(void **state)
{
    (void)state;
    static const size_t windows[] = {0, 1, 2, 7, 15, 16, 31, 32, 33, 64, 100};
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w += unit_is_repeated() ? 3 : 1)
        for (size_t tokens = 1; tokens <= 150; tokens += unit_is_emulated() ? 47 : tokens < 20 ? 6 : 29) {
            problem p = make_grouped(precision, tokens, 4, 1 + w % 2, 16 + 2 * (w % 3));
            p.window = windows[w];
            for (int causal = 0; causal < 2; causal++) {
                p.causal = causal != 0;
                check_problem(tier, precision, &p);
            }
            p.bias_stride = 2 * tokens;
            p.bias = check_floats(4 * p.bias_stride + KERNEL_BIAS_ROOM, CHECK_USUAL);
            check_problem(tier, precision, &p);
            mem_free(p.bias);
            mem_free(p.qkv);
        }
}

static void attends_with_large_grouped_heads(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t size = 128; size <= 256; size += 128) {
        problem p = make_grouped(precision, unit_is_emulated() ? 40 : 300, 3, 1, size);
        p.window = 70;
        check_problem(tier, precision, &p);
        p.causal = true;
        p.window = 0;
        check_problem(tier, precision, &p);
        mem_free(p.qkv);
    }
}

/* The first tokens of a causal text have the same bits whatever comes behind them. */
static void causal_rows_do_not_depend_on_what_follows(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t tokens = 2; tokens <= 130; tokens += 32) {
        problem p = make_grouped(precision, tokens, 2, 1, 32);
        p.causal = true;
        float *whole = attend(precision, &p, 64);
        for (size_t first = 1; first < tokens; first += 1 + tokens / 7) {
            p.tokens = first;
            float *beginning = attend(precision, &p, 64);
            assert_memory_equal(beginning, whole, first * 64 * sizeof *whole);
            mem_free(beginning);
        }
        mem_free(whole);
        mem_free(p.qkv);
    }
}

/* The queries behind `prefix` tokens, whose keys and values are in a buffer of their own that is exactly as long. Widened to f32. */
static float *attend_behind(const kernel_precision *precision, const problem *p, size_t prefix,
                            size_t output_stride)
{
    const size_t width = width_of(p), number = check_number_size(precision), own = p->tokens - prefix;
    const size_t pair = 2 * pairs_of(p) * p->head_size, to_keys = p->heads * p->head_size;
    const size_t count = check_extent(own, to_keys, output_stride);
    unsigned char *all = check_numbers_of(precision, p->qkv, p->tokens, width, p->stride);
    unsigned char *kept = mem_alloc(prefix * pair, number), *qkv = mem_alloc(own * p->stride, number);
    void *scratch = mem_alloc_aligned(precision->attention_scratch_bytes(p->tokens, p->head_size), 1);
    void *output = check_untouched_numbers(precision, count);
    assert_true(kept != NULL && qkv != NULL && scratch != NULL);
    for (size_t t = 0; t < prefix; t++)
        memcpy(kept + t * pair * number, all + (t * p->stride + to_keys) * number, pair * number);
    for (size_t t = 0; t < own; t++)
        memcpy(qkv + t * p->stride * number, all + (prefix + t) * p->stride * number, width * number);
    kernel_attention attention = {.tokens = p->tokens,
                                  .heads = p->heads,
                                  .head_size = p->head_size,
                                  .key_value_heads = p->pairs,
                                  .causal = true,
                                  .window = p->window,
                                  .prefix_tokens = prefix,
                                  .prefix = kept,
                                  .prefix_stride = pair,
                                  .qkv = qkv,
                                  .qkv_stride = p->stride,
                                  .output = output,
                                  .output_stride = output_stride,
                                  .scratch = scratch};
    attend_in_turns(precision, &attention, 1 + prefix % 3);
    check_number_gaps(precision, output, own, to_keys, output_stride);
    float *values = check_untouched(count);
    for (size_t i = 0; i < count; i++)
        values[i] = check_number(precision, output, i);
    mem_free(output);
    mem_free(scratch);
    mem_free(qkv);
    mem_free(kept);
    mem_free(all);
    return values;
}

static void check_prefix(const kernel_precision *precision, const problem *p, const float *whole,
                         size_t prefix)
{
    const size_t stride = p->heads * p->head_size;
    float *behind = attend_behind(precision, p, prefix, stride);
    assert_memory_equal(behind, whole + prefix * stride, (p->tokens - prefix) * stride * sizeof *behind);
    mem_free(behind);
}

/* Prefixes that end at, before and behind the edges of panels and tiles, with windows shorter and longer than they are. */
static void a_prefix_changes_no_bit(void **state)
{
    (void)state;
    static const size_t windows[] = {0, 3, 40};
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
        for (size_t tokens = 2; tokens <= 110; tokens += unit_is_emulated() ? 53 : 9) {
            problem p = make_grouped(precision, tokens, 4, 2, tokens % 2 == 0 ? 32 : 18);
            p.causal = true;
            p.window = windows[w];
            float *whole = attend(precision, &p, p.heads * p.head_size);
            for (size_t prefix = 1; prefix < tokens; prefix += unit_is_emulated() ? 17 : 1)
                check_prefix(precision, &p, whole, prefix);
            mem_free(whole);
            mem_free(p.qkv);
        }
}

/* Prefixes and texts that end around the edges of blocks of keys. */
static void a_prefix_of_blocks_changes_no_bit(void **state)
{
    (void)state;
    enum { BLOCK = KERNEL_KEY_BLOCK };
    static const size_t prefixes[] = {1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 37, 2 * BLOCK};
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t tokens = BLOCK; tokens <= 2 * BLOCK + 40 && !unit_is_emulated(); tokens += BLOCK / 2 + 20) {
        problem p = make_grouped(precision, tokens, 2, 1, 16);
        p.causal = true;
        p.window = tokens % 3 == 0 ? 700 : 0;
        float *whole = attend(precision, &p, p.heads * p.head_size);
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
            if (prefixes[i] < tokens)
                check_prefix(precision, &p, whole, prefixes[i]);
        mem_free(whole);
        mem_free(p.qkv);
    }
}

/* Texts around the edges of blocks of keys, and masks that leave whole blocks out. */
static void attends_by_blocks_of_keys(void **state)
{
    (void)state;
    enum { BLOCK = KERNEL_KEY_BLOCK };
    static const struct {
        size_t tokens, heads, pairs, size, window;
        bool causal, bias;
    } cases[] = {
        {BLOCK, 1, 1, 16, 0, false, false},         {BLOCK + 1, 2, 1, 16, 0, true, false},
        {2 * BLOCK + 1, 1, 1, 8, 0, false, true},   {2 * BLOCK - 1, 2, 2, 8, BLOCK / 2, false, false},
        {2 * BLOCK + 70, 1, 1, 18, 40, true, true}, {BLOCK + 70, 1, 1, 256, 0, true, false},
    };
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t i = 0; i < sizeof cases / sizeof *cases && (i < 2 || !unit_is_emulated()); i++) {
        problem p = make_grouped(precision, cases[i].tokens, cases[i].heads, cases[i].pairs, cases[i].size);
        p.window = cases[i].window;
        p.causal = cases[i].causal;
        p.every = 41;
        if (cases[i].bias) {
            p.bias_stride = 2 * p.tokens;
            p.bias = check_floats(p.heads * p.bias_stride + KERNEL_BIAS_ROOM, CHECK_USUAL);
        }
        check_problem(tier, precision, &p);
        mem_free(p.bias);
        mem_free(p.qkv);
    }
}

/* One text of three blocks and a head of 8, whose keys and queries are zero. */
static problem make_blank(const kernel_precision *precision)
{
    problem p = make_grouped(precision, 2 * KERNEL_KEY_BLOCK + 50, 1, 1, 8);
    for (size_t t = 0; t < p.tokens; t++)
        for (size_t i = 0; i < 16; i++)
            p.qkv[t * p.stride + i] = 0.0f;
    return p;
}

static float *query_of(const problem *p, size_t token)
{
    return p->qkv + token * p->stride;
}

static float *key_of(const problem *p, size_t token)
{
    return query_of(p, token) + 8;
}

static const float *value_of(const problem *p, size_t token)
{
    return query_of(p, token) + 16;
}

/* A key in each block whose score is far above all before it, or below: 2^100 is 1.3e30. */
static void follows_the_greatest_score_from_block_to_block(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t falls = 0; falls < 2 && !unit_is_emulated(); falls++) {
        problem p = make_blank(precision);
        for (size_t t = 0; t < p.tokens; t++)
            query_of(&p, t)[3] = 0x1p50f;
        for (size_t block = 0; block < 3; block++)
            key_of(&p, block * KERNEL_KEY_BLOCK + 17)[3] =
                falls ? 0x1p50f / (float)(1 << block) : (float)(1 << block) * 0x1p48f;
        float *output = attend(precision, &p, 8);
        const float *winner = value_of(&p, falls ? 17 : 2 * KERNEL_KEY_BLOCK + 17);
        for (size_t i = 0; i < p.tokens * 8; i++)
            CHECK_CLOSE(tier, output[i], winner[i % 8], 1e-6 * fabsf(winner[i % 8]) + 1e-30);
        mem_free(output);
        mem_free(p.qkv);
    }
}

/* Scores of whole blocks that overflow downwards have the weight zero, wherever the others are; NaN where there are no others. */
static void leaves_out_blocks_that_overflow_downwards(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t finite = 0; finite < 4 && !unit_is_emulated(); finite++) { /* 3: no block is */
        problem p = make_blank(precision);
        double mean[8] = {0.0}, count = 0.0;
        for (size_t t = 0; t < p.tokens; t++) {
            query_of(&p, t)[3] = 0x1p66f;
            key_of(&p, t)[3] = t / KERNEL_KEY_BLOCK == finite ? 0.0f : -0x1p66f;
            count += t / KERNEL_KEY_BLOCK == finite;
            for (size_t d = 0; d < 8 && t / KERNEL_KEY_BLOCK == finite; d++)
                mean[d] += value_of(&p, t)[d];
        }
        float *output = attend(precision, &p, 8);
        for (size_t i = 0; i < p.tokens * 8; i++)
            if (finite == 3)
                assert_true(isnan(output[i]));
            else
                CHECK_CLOSE(tier, output[i], mean[i % 8] / count,
                            check_is_bf16(precision) ? 2.1 * V * 3.0 : 1e-4);
        mem_free(output);
        mem_free(p.qkv);
    }
}

/* A NaN beside scores that all overflow downwards, while other blocks are finite. */
static void keeps_nan_of_every_block(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t block = 0; block < 3 && !unit_is_emulated(); block++) {
        problem p = make_blank(precision);
        for (size_t t = 0; t < p.tokens; t++) {
            query_of(&p, t)[3] = 0x1p66f;
            key_of(&p, t)[3] = t / KERNEL_KEY_BLOCK == block ? -0x1p66f : 0.0f;
        }
        key_of(&p, block * KERNEL_KEY_BLOCK + 5)[2] = NAN;
        float *output = attend(precision, &p, 8);
        for (size_t i = 0; i < p.tokens * 8; i++)
            assert_true(isnan(output[i]));
        mem_free(output);
        mem_free(p.qkv);
    }
}

/* Rows of a causal text keep their bits where the text is cut, on either side of a block's edge; with a window too. */
static void rows_of_blocks_do_not_depend_on_what_follows(void **state)
{
    (void)state;
    static const size_t firsts[] = {1,
                                    KERNEL_KEY_BLOCK - 3,
                                    KERNEL_KEY_BLOCK,
                                    KERNEL_KEY_BLOCK + 1,
                                    KERNEL_KEY_BLOCK + 170,
                                    2 * KERNEL_KEY_BLOCK + 7};
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t window = 0; window <= 100 && !unit_is_emulated(); window += 100) {
        problem p = make_grouped(precision, 2 * KERNEL_KEY_BLOCK + 40, 2, 1, 8);
        p.causal = true;
        p.window = window;
        float *whole = attend(precision, &p, 16);
        for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
            p.tokens = firsts[i];
            float *beginning = attend_split(precision, &p, 16, 1 + i % 2);
            assert_memory_equal(beginning, whole, p.tokens * 16 * sizeof *whole);
            mem_free(beginning);
        }
        mem_free(whole);
        mem_free(p.qkv);
    }
}

/* A long text needs no more room than one of a block and a token; plain C has one row of scores. */
static void needs_little_room_for_long_texts(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    for (size_t size = 32; size <= 256; size *= 2) {
        const size_t bytes = precision->attention_scratch_bytes(32768, size);
        if (strcmp(tier->name, "reference") == 0) {
            assert_int_equal(bytes, 32768 * sizeof(float));
            continue;
        }
        assert_int_equal(bytes, precision->attention_scratch_bytes(KERNEL_KEY_BLOCK + 1, size));
        assert_in_range(bytes, 1, size * 13000 + 160000);
    }
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    {
        if (strcmp(tier->name, "reference") == 0)
            assert_int_equal(precision->attention_scratch_bytes(SIZE_MAX, 32), 0);
        else
            assert_int_equal(precision->attention_scratch_bytes(600, SIZE_MAX), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attends_over_texts_of_all_lengths),
        cmocka_unit_test(adds_a_bias_of_the_distance),
        cmocka_unit_test(attends_with_heads_of_all_sizes),
        cmocka_unit_test(attends_over_long_texts),
        cmocka_unit_test(weighs_scores_to_the_last_bits),
        cmocka_unit_test(survives_scores_of_any_size),
        cmocka_unit_test(survives_every_magnitude),
        cmocka_unit_test(survives_scores_that_are_all_negative),
        cmocka_unit_test(keeps_nan),
        cmocka_unit_test(does_not_depend_on_addresses),
        cmocka_unit_test(heads_do_not_depend_on_each_other),
        cmocka_unit_test(attends_behind_masks),
        cmocka_unit_test(attends_with_large_grouped_heads),
        cmocka_unit_test(causal_rows_do_not_depend_on_what_follows),
        cmocka_unit_test(a_prefix_changes_no_bit),
        cmocka_unit_test(a_prefix_of_blocks_changes_no_bit),
        cmocka_unit_test(attends_by_blocks_of_keys),
        cmocka_unit_test(follows_the_greatest_score_from_block_to_block),
        cmocka_unit_test(leaves_out_blocks_that_overflow_downwards),
        cmocka_unit_test(keeps_nan_of_every_block),
        cmocka_unit_test(rows_of_blocks_do_not_depend_on_what_follows),
        cmocka_unit_test(needs_little_room_for_long_texts),
        cmocka_unit_test(refuses_sizes_that_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
