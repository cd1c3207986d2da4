/* Self-attention of bf16 by matrix tiles.
 *
 * Per head, keys and values are laid out as panels of tiles, keys turned, so that scores and mixing are blocks like those of
 * the products. Up to 32 queries at a time go through scores, softmax and mixing. What tiles have beyond the text is zero, and no
 * query is read from there.
 *
 * Keys of longer texts go through in blocks, as in simd/attention.h. Between blocks a run's rows are kept by tile and not by token,
 * because the last tiles overlap: a row that two of them have is summed up twice, to the same bits. */
#include "kernels/x86/x86.h"

#include <string.h>

#include "base/memory.h"
#include "kernels/x86/avx512_bf16_vec.h"

#include "kernels/simd/bf16.h"

#include "kernels/simd/softmax.h"

#define AMX_DOT amx_dot_bf16
#include "kernels/x86/amx_block.h"

#define TILE_NUMBERS (AMX_ROW_BYTES / sizeof(number)) /* of the depth */

/* Panels of a text or of a head: AMX_PANEL columns are as many as a tile is deep. */
static size_t panels_of(size_t n)
{
    return n / AMX_PANEL + (n % AMX_PANEL != 0);
}

/* Tiles of queries that go through all blocks before the next: an even number. */
#define RUN_TILES (KERNEL_KEY_BLOCK / AMX_ROWS)

typedef struct attention_scratch {
    unsigned char *keys;   /* [panels of a block's keys][panels of head_size] steps of a panel */
    unsigned char *values; /* [panels of head_size][depth] steps of a panel */
    size_t depth;          /* panels of a block's keys */
    float *scores;         /* [2 * AMX_ROWS], scores_stride apart */
    size_t scores_stride;
    /* Of texts of several blocks only: */
    float *sums;        /* [RUN_TILES * AMX_ROWS][sums_stride]: of the run's tiles, the values mixed so far */
    size_t sums_stride; /* head_size in whole panels */
    simd_softmax *rows; /* [RUN_TILES * AMX_ROWS] */
} attention_scratch;

static size_t block_keys(size_t tokens)
{
    return tokens < KERNEL_KEY_BLOCK ? tokens : KERNEL_KEY_BLOCK;
}

size_t amx_bf16_attention_scratch_bytes(size_t tokens, size_t head_size)
{
    size_t panels, between, bytes;
    const size_t of_block = panels_of(block_keys(tokens));
    const size_t scores = (of_block * AMX_PANEL * sizeof(float) + AMX_ROW_BYTES) * 2 * AMX_ROWS;
    const size_t rows = tokens > KERNEL_KEY_BLOCK ? RUN_TILES * AMX_ROWS : 0;
    if (!size_mul(of_block, panels_of(head_size), &panels) ||
        !size_mul(panels, 2 * AMX_PANEL_STEP, &panels) ||
        !size_mul(panels_of(head_size), AMX_PANEL * sizeof(float), &between) ||
        !size_add(between, sizeof(simd_softmax), &between) || !size_mul(between, rows, &between) ||
        !size_add(panels, scores, &bytes) || !size_add(bytes, between, &bytes))
        return 0;
    return bytes;
}

static attention_scratch place(const kernel_attention *a)
{
    const size_t depth = panels_of(block_keys(a->tokens)), across = panels_of(a->head_size);
    const size_t bytes = depth * across * AMX_PANEL_STEP;
    attention_scratch scratch = {
        .keys = a->scratch, .values = (unsigned char *)a->scratch + bytes, .depth = depth};
    scratch.scores = (float *)(scratch.values + bytes);
    /* One line more than the scores need: rows a power of two apart would share the sets of the L1 cache. */
    scratch.scores_stride = depth * AMX_PANEL + AMX_ROWS;
    scratch.sums = scratch.scores + 2 * AMX_ROWS * scratch.scores_stride;
    scratch.sums_stride = across * AMX_PANEL;
    scratch.rows = (simd_softmax *)(scratch.sums + RUN_TILES * AMX_ROWS * scratch.sums_stride);
    return scratch;
}

static const number *keys_of(const kernel_attention *a, size_t head, size_t token)
{
    return (const number *)kernel_keys_of(a, token, sizeof(number)) + head * a->head_size;
}

/* to[i][j] = from[j][i] of 16 x 16 pairs; to: a tile. From `rows` rows of numbers, `pairs` pairs of each; what is missing is zero. */
static void turn(const number *const *from, size_t rows, size_t pairs, unsigned char *to)
{
    const __mmask16 mask = vf_mask(pairs);
    __m512i a[16], b[16];
    for (size_t j = 0; j < 16; j++)
        a[j] = j < rows ? _mm512_maskz_loadu_epi32(mask, from[j]) : _mm512_setzero_si512();
    for (size_t j = 0; j < 16; j += 4) {
        const __m512i low = _mm512_unpacklo_epi32(a[j], a[j + 1]);
        const __m512i high = _mm512_unpackhi_epi32(a[j], a[j + 1]);
        const __m512i low_too = _mm512_unpacklo_epi32(a[j + 2], a[j + 3]);
        const __m512i high_too = _mm512_unpackhi_epi32(a[j + 2], a[j + 3]);
        /* Lane l of b[j + i]: pair 4 l + i of rows j .. j + 3. */
        b[j] = _mm512_unpacklo_epi64(low, low_too);
        b[j + 1] = _mm512_unpackhi_epi64(low, low_too);
        b[j + 2] = _mm512_unpacklo_epi64(high, high_too);
        b[j + 3] = _mm512_unpackhi_epi64(high, high_too);
    }
    for (size_t i = 0; i < 4; i++) {
        const __m512i even = _mm512_shuffle_i32x4(b[i], b[4 + i], 0x88); /* lanes 0 2 of each */
        const __m512i odd = _mm512_shuffle_i32x4(b[i], b[4 + i], 0xdd);  /* lanes 1 3 */
        const __m512i even_too = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0x88);
        const __m512i odd_too = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0xdd);
        _mm512_storeu_si512(to + i * AMX_ROW_BYTES, _mm512_shuffle_i32x4(even, even_too, 0x88));
        _mm512_storeu_si512(to + (4 + i) * AMX_ROW_BYTES, _mm512_shuffle_i32x4(odd, odd_too, 0x88));
        _mm512_storeu_si512(to + (8 + i) * AMX_ROW_BYTES, _mm512_shuffle_i32x4(even, even_too, 0xdd));
        _mm512_storeu_si512(to + (12 + i) * AMX_ROW_BYTES, _mm512_shuffle_i32x4(odd, odd_too, 0xdd));
    }
}

static inline size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

static inline size_t beyond(size_t n, size_t taken)
{
    return n > taken ? n - taken : 0;
}

static number *output_of(const kernel_attention *a, size_t head, size_t row)
{
    return (number *)a->output + (row - a->prefix_tokens) * a->output_stride + head * a->head_size;
}

/* Keys first .. end - 1 of the text, where a block has panels from `first` on. */
typedef struct key_block {
    size_t first, end;
    bool only; /* there is no other for the run of queries */
} key_block;

static void lay_out_keys(const kernel_attention *a, const key_block *block, size_t head, unsigned char *to)
{
    for (size_t first = block->first; first < block->end; first += AMX_PANEL)
        for (size_t d = 0; d < a->head_size; d += TILE_NUMBERS)
            for (size_t half = 0; half < AMX_PANEL; half += AMX_ROWS) {
                const size_t tokens = at_most(beyond(block->end, first + half), AMX_ROWS);
                const number *from[AMX_ROWS];
                for (size_t t = 0; t < tokens; t++)
                    from[t] = keys_of(a, head, first + half + t) + d;
                turn(from, tokens, at_most(a->head_size - d, TILE_NUMBERS) / 2, to);
                to += AMX_TILE_BYTES;
            }
}

/* depth: as in attention_scratch. */
static void lay_out_values(const kernel_attention *a, const key_block *block, size_t head, size_t depth,
                           unsigned char *to)
{
    const size_t behind_keys = kernel_key_value_heads(a) * a->head_size;
    for (size_t d = 0; d < a->head_size; d += AMX_PANEL, to += depth * AMX_PANEL_STEP) {
        unsigned char *row = to;
        for (size_t first = block->first; first < block->end; first += TILE_NUMBERS)
            for (size_t half = 0; half < AMX_PANEL; half += AMX_ROWS) {
                const size_t columns = at_most(beyond(a->head_size, d + half), AMX_ROWS);
                const size_t column = behind_keys + (columns > 0 ? d + half : 0);
                for (size_t t = first; t < first + TILE_NUMBERS; t += 2) {
                    vf32 pairs = vf_set1(0.0f);
                    if (t < block->end)
                        pairs = vf_load_pairs(keys_of(a, head, t) + column,
                                              t + 1 < block->end ? keys_of(a, head, t + 1) + column : NULL,
                                              columns);
                    vf_store((float *)row, pairs);
                    row += AMX_ROW_BYTES;
                }
            }
    }
}

static void lay_out(const kernel_attention *a, const key_block *block, size_t head,
                    const attention_scratch *scratch)
{
    lay_out_keys(a, block, head, scratch->keys);
    lay_out_values(a, block, head, scratch->depth, scratch->values);
}

static inline __attribute__((always_inline)) void run_block(const amx_block *b, const amx_shape shape)
{
    amx_start(b, shape);
    for (size_t k = 0; k < b->steps; k++)
        amx_advance(b, k, false, shape, AMX_NONE_PASSES);
    if (b->tails[0] != NULL)
        amx_advance(b, b->steps, true, shape, AMX_NONE_PASSES);
    amx_store_sums(b, shape);
}

static void run(const amx_block *b, size_t halves)
{
    if (halves == 2)
        run_block(b, AMX_TWO_ROW_TILES);
    else
        run_block(b, AMX_ONE_HALF);
}

/* One tile of queries, or two. */
typedef struct queries {
    size_t halves, height;
    size_t first[2]; /* token; of a half that is not there that of the other one */
    size_t slot;     /* of the first row, among those of the run that are kept between blocks */
} queries;

static size_t query_of(const queries *q, size_t row)
{
    return q->first[row / q->height] + row % q->height;
}

/* The panels of the block with keys that any of the queries sees, and with them all that it sees; counted from the block's
 * first. */
typedef struct panel_range {
    size_t first, end;
} panel_range;

static panel_range panels_seen(const kernel_attention *a, const queries *q, const key_block *block)
{
    const size_t last = query_of(q, q->halves * q->height - 1);
    return (panel_range){
        .first = beyond(kernel_visible_keys(a, q->first[0]).first, block->first) / AMX_PANEL,
        .end = panels_of(beyond(at_most(kernel_visible_keys(a, last).end, block->end), block->first))};
}

/* scores[r][s] for the keys s of these panels. */
static void score(const kernel_attention *a, size_t head, const queries *q, panel_range panels,
                  const attention_scratch *scratch)
{
    const size_t size = a->head_size, rest = size % TILE_NUMBERS, depth = panels_of(size);
    const number *all = (const number *)a->qkv + head * size;
    _Alignas(KERNEL_ALIGNMENT) number tails[2][AMX_ROWS][TILE_NUMBERS];
    amx_block b = {
        .steps = size / TILE_NUMBERS,
        .row_stride = a->qkv_stride * sizeof(number),
        .sums_stride = scratch->scores_stride * sizeof(float),
    };
    for (size_t h = 0; h < 2; h++) {
        const number *rows = all + (q->first[h] - a->prefix_tokens) * a->qkv_stride;
        b.rows[h] = rows;
        b.tails[h] = rest > 0 ? tails[h] : NULL;
        for (size_t r = 0; r < q->height && rest > 0; r++) {
            memset(tails[h][r], 0, AMX_ROW_BYTES);
            memcpy(tails[h][r], rows + r * a->qkv_stride + size - rest, rest * sizeof(number));
        }
    }
    for (size_t s = panels.first; s < panels.end; s++) {
        b.panels[0] = b.panels[1] = scratch->keys + s * depth * AMX_PANEL_STEP;
        b.sums[0] = scratch->scores + (s - panels.first) * AMX_PANEL;
        b.sums[1] = scratch->scores + q->height * scratch->scores_stride + (s - panels.first) * AMX_PANEL;
        run(&b, q->halves);
    }
}

/* Scores of the queries of a half with these panels become numbers, filled up to whole panels with zeros. joins: how what they mix
 * joins the rows that are kept between blocks. */
static void weigh(const kernel_attention *a, size_t head, const queries *q, size_t half,
                  const key_block *block, panel_range panels, const attention_scratch *scratch,
                  simd_join *joins)
{
    const size_t first = block->first + panels.first * AMX_PANEL, query = q->first[half];
    const size_t end = at_most(block->first + panels.end * AMX_PANEL, block->end);
    const size_t filled = (end - first + VF_LANES - 1) / VF_LANES * VF_LANES, row = half * q->height;
    float *scores = scratch->scores + row * scratch->scores_stride;
    for (size_t r = 0; r < q->height && a->bias != NULL; r++)
        simd_add_bias(a, head, query + r, first, end, scores + r * scratch->scores_stride);
    simd_weigh_rows(a, query, q->height, (kernel_keys){first, end}, block->only, scores,
                    scratch->scores_stride, scratch->rows + q->slot + row, joins + row);
    for (size_t r = 0; r < q->height && filled % AMX_PANEL != 0; r++)
        vf_store_numbers((number *)(scores + r * scratch->scores_stride) + filled, vf_set1(0.0f));
}

static void mix(const kernel_attention *a, size_t head, const queries *q, panel_range panels,
                const attention_scratch *scratch, const simd_join *joins)
{
    const size_t size = a->head_size;
    _Alignas(KERNEL_ALIGNMENT) float mixed[2][AMX_ROWS][AMX_PANEL];
    for (size_t d = 0; d < size; d += AMX_PANEL) {
        const unsigned char *panel =
            scratch->values + (d / AMX_PANEL * scratch->depth + panels.first) * AMX_PANEL_STEP;
        const amx_block b = {
            .steps = panels.end - panels.first,
            .rows = {scratch->scores, scratch->scores + q->height * scratch->scores_stride},
            .row_stride = scratch->scores_stride * sizeof(float),
            .panels = {panel, panel},
            .sums = {mixed[0], mixed[1]},
            .sums_stride = sizeof mixed[0][0],
        };
        run(&b, q->halves);
        for (size_t r = 0; r < q->halves * q->height; r++)
            simd_join_mixed(&joins[r], mixed[r / q->height][r % q->height], AMX_PANEL,
                            scratch->sums + (q->slot + r) * scratch->sums_stride + d,
                            output_of(a, head, query_of(q, r)) + d, at_most(size - d, AMX_PANEL));
    }
}

static void attend(const kernel_attention *a, size_t head, const queries *q, const key_block *block,
                   const attention_scratch *scratch)
{
    simd_join joins[2 * AMX_ROWS];
    const panel_range panels = panels_seen(a, q, block);
    if (panels.first >= panels.end)
        return;
    score(a, head, q, panels, scratch);
    for (size_t half = 0; half < q->halves; half++)
        weigh(a, head, q, half, block, panels, scratch, joins);
    mix(a, head, q, panels, scratch, joins);
}

/* Of the text's queries. */
static amx_cut cut_queries(const kernel_attention *a)
{
    return amx_cut_rows(a->tokens - a->prefix_tokens);
}

static size_t first_query(const kernel_attention *a, amx_cut cut, size_t tile)
{
    return a->prefix_tokens + amx_first_row(cut, a->tokens - a->prefix_tokens, tile);
}

/* Tiles first .. end - 1. */
static void attend_run(const kernel_attention *a, size_t head, size_t first, size_t end, bool laid_out,
                       const attention_scratch *scratch)
{
    const amx_cut cut = cut_queries(a);
    const size_t group = a->heads / kernel_key_value_heads(a);
    const size_t last = first_query(a, cut, end - 1) + cut.height - 1;
    const size_t seen = kernel_visible_keys(a, first_query(a, cut, first)).first / AMX_PANEL * AMX_PANEL;
    const size_t seen_end = kernel_visible_keys(a, last).end;
    const size_t origin = seen / KERNEL_KEY_BLOCK * KERNEL_KEY_BLOCK;
    const bool only = seen_end - origin <= KERNEL_KEY_BLOCK;
    for (size_t from = origin; from < seen_end; from += KERNEL_KEY_BLOCK) {
        const key_block block = {.first = seen > from ? seen : from,
                                 .end = at_most(seen_end, from + KERNEL_KEY_BLOCK),
                                 .only = only};
        if (!laid_out)
            lay_out(a, &block, head / group, scratch);
        for (size_t tile = first; tile < end; tile += 2) {
            const size_t row = first_query(a, cut, tile);
            queries q = {.halves = cut.tiles == 1 ? 1 : 2,
                         .height = cut.height,
                         .first = {row, row},
                         .slot = (tile - first) * cut.height};
            if (q.halves == 2)
                q.first[1] = first_query(a, cut, tile + 1);
            attend(a, head, &q, &block, scratch);
        }
    }
    for (size_t r = 0; r < (end - first) * cut.height && !only; r++)
        simd_put_mixed(output_of(a, head, first_query(a, cut, first + r / cut.height) + r % cut.height),
                       scratch->sums + r * scratch->sums_stride, a->head_size,
                       simd_softmax_factor(scratch->rows[r]));
}

void amx_bf16_attention(const kernel_attention *a)
{
    const attention_scratch scratch = place(a);
    const size_t group = a->heads / kernel_key_value_heads(a);
    const amx_cut cut = cut_queries(a);
    const bool short_text = a->tokens <= KERNEL_KEY_BLOCK;
    const size_t step = short_text ? cut.tiles : RUN_TILES;
    amx_configure_for(cut);
    for (size_t head = a->first_head; head < a->first_head + a->head_count; head++) {
        /* A block that is the only one of its text stays laid out for all heads that share it. */
        const bool laid_out = short_text && head > a->first_head && head % group != 0;
        for (size_t tile = 0; tile < cut.tiles; tile += step)
            attend_run(a, head, tile, at_most(tile + step, cut.tiles), laid_out, &scratch);
    }
    amx_release();
}
