/* Self-attention of bf16 by matrix tiles.
 *
 * Per head, keys and values are laid out as panels of tiles, keys turned, so that scores and mixing are blocks like those of
 * the products. Up to 32 queries at a time go through scores, softmax and mixing. Their scores are held whole, so that the softmax
 * is the plain one. What tiles have beyond the text is zero, and no query is read from there. */
#include "kernels/x86/amx.h"

#include <string.h>

#include "base/memory.h"
#include "kernels/x86/avx512_bf16_vec.h"

#include "kernels/simd/bf16.h"

#include "kernels/simd/bias.h"
#include "kernels/simd/softmax.h"

#define AMX_DOT amx_dot_bf16
#include "kernels/x86/amx_block.h"

#define TILE_NUMBERS (AMX_ROW_BYTES / sizeof(number)) /* of the depth */

/* Panels of a text or of a head: AMX_PANEL columns are as many as a tile is deep. */
static size_t panels_of(size_t n)
{
    return n / AMX_PANEL + (n % AMX_PANEL != 0);
}

typedef struct attention_scratch {
    unsigned char *keys;   /* [panels of tokens][panels of head_size] steps of a panel */
    unsigned char *values; /* [panels of head_size][panels of tokens] steps of a panel */
    float *scores;         /* [2 * AMX_ROWS], scores_stride apart */
    size_t scores_stride;
} attention_scratch;

size_t amx_bf16_attention_scratch_bytes(size_t tokens, size_t head_size)
{
    size_t panels, scores, bytes;
    if (!size_mul(panels_of(tokens), panels_of(head_size), &panels) ||
        !size_mul(panels, 2 * AMX_PANEL_STEP, &panels) ||
        !size_mul(panels_of(tokens), AMX_PANEL * sizeof(float), &scores) ||
        !size_add(scores, AMX_ROW_BYTES, &scores) || !size_mul(scores, 2 * AMX_ROWS, &scores) ||
        !size_add(panels, scores, &bytes))
        return 0;
    return bytes;
}

static attention_scratch place(const kernel_attention *a)
{
    const size_t bytes = panels_of(a->tokens) * panels_of(a->head_size) * AMX_PANEL_STEP;
    attention_scratch scratch = {.keys = a->scratch, .values = (unsigned char *)a->scratch + bytes};
    scratch.scores = (float *)(scratch.values + bytes);
    /* One line more than the scores need: rows a power of two apart would share the sets of the L1 cache. */
    scratch.scores_stride = panels_of(a->tokens) * AMX_PANEL + AMX_ROWS;
    return scratch;
}

/* to[i][j] = from[j][i] of 16 x 16 pairs; to: a tile. From rows that are `stride` numbers apart, `rows` of them and `pairs`
 * numbers of each; what is missing is zero. */
static void turn(const number *from, size_t stride, size_t rows, size_t pairs, unsigned char *to)
{
    const __mmask16 mask = vf_mask(pairs);
    __m512i a[16], b[16];
    for (size_t j = 0; j < 16; j++)
        a[j] = j < rows ? _mm512_maskz_loadu_epi32(mask, from + j * stride) : _mm512_setzero_si512();
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

static void lay_out_keys(const kernel_attention *a, const number *keys, unsigned char *to)
{
    for (size_t first = 0; first < a->tokens; first += AMX_PANEL)
        for (size_t d = 0; d < a->head_size; d += TILE_NUMBERS)
            for (size_t half = 0; half < AMX_PANEL; half += AMX_ROWS) {
                const size_t tokens = at_most(beyond(a->tokens, first + half), AMX_ROWS);
                const number *from = tokens > 0 ? keys + (first + half) * a->qkv_stride + d : keys;
                turn(from, a->qkv_stride, tokens, at_most(a->head_size - d, TILE_NUMBERS) / 2, to);
                to += AMX_TILE_BYTES;
            }
}

static void lay_out_values(const kernel_attention *a, const number *values, unsigned char *to)
{
    for (size_t d = 0; d < a->head_size; d += AMX_PANEL)
        for (size_t first = 0; first < a->tokens; first += TILE_NUMBERS)
            for (size_t half = 0; half < AMX_PANEL; half += AMX_ROWS) {
                const size_t columns = at_most(beyond(a->head_size, d + half), AMX_ROWS);
                const number *from = columns > 0 ? values + d + half : values;
                for (size_t t = first; t < first + TILE_NUMBERS; t += 2) {
                    vf32 pairs = vf_set1(0.0f);
                    if (t < a->tokens)
                        pairs =
                            vf_load_pairs(from + t * a->qkv_stride,
                                          t + 1 < a->tokens ? from + (t + 1) * a->qkv_stride : NULL, columns);
                    vf_store((float *)to, pairs);
                    to += AMX_ROW_BYTES;
                }
            }
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

/* A block of queries: one tile, or two. */
typedef struct queries {
    size_t halves, height;
    size_t first[2]; /* token; of a half that is not there that of the other one */
} queries;

/* The panels of keys that any of the queries sees, and with them all that it sees. */
typedef struct panel_range {
    size_t first, end;
} panel_range;

static panel_range panels_seen(const kernel_attention *a, const queries *q)
{
    const size_t last = q->first[q->halves - 1] + q->height - 1;
    return (panel_range){.first = kernel_visible_keys(a, q->first[0]).first / AMX_PANEL,
                         .end = panels_of(kernel_visible_keys(a, last).end)};
}

/* scores[r][s] for the tokens s of these panels. */
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
        const number *rows = all + q->first[h] * a->qkv_stride;
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

/* Scores of a query with these panels become numbers, filled up to whole panels with zeros. */
static float weigh(const kernel_attention *a, size_t head, size_t query, panel_range panels, float *scores)
{
    const size_t first = panels.first * AMX_PANEL;
    const size_t end = at_most(panels.end * AMX_PANEL, a->tokens), tokens = end - first;
    const kernel_keys seen = kernel_visible_keys(a, query);
    if (a->bias != NULL)
        simd_add_bias(a, head, query, first, end, scores);
    const float factor = a->causal || a->window > 0
                             ? simd_weigh_between(scores, seen.first - first, seen.end - first, tokens)
                             : simd_weigh(scores, tokens);
    number *weights = (number *)scores;
    const size_t filled = (tokens + VF_LANES - 1) / VF_LANES * VF_LANES;
    if (filled % AMX_PANEL != 0)
        vf_store_numbers(weights + filled, vf_set1(0.0f));
    return factor;
}

static void mix(const kernel_attention *a, size_t head, const queries *q, panel_range panels,
                const attention_scratch *scratch, const float *factors)
{
    const size_t size = a->head_size, depth = panels_of(a->tokens);
    _Alignas(KERNEL_ALIGNMENT) float mixed[2][AMX_ROWS][AMX_PANEL];
    for (size_t d = 0; d < size; d += AMX_PANEL) {
        const unsigned char *panel =
            scratch->values + (d / AMX_PANEL * depth + panels.first) * AMX_PANEL_STEP;
        const amx_block b = {
            .steps = panels.end - panels.first,
            .rows = {scratch->scores, scratch->scores + q->height * scratch->scores_stride},
            .row_stride = scratch->scores_stride * sizeof(float),
            .panels = {panel, panel},
            .sums = {mixed[0], mixed[1]},
            .sums_stride = sizeof mixed[0][0],
        };
        run(&b, q->halves);
        const size_t columns = at_most(size - d, AMX_PANEL);
        for (size_t r = 0; r < q->halves * q->height; r++) {
            const size_t half = r / q->height, row = r % q->height;
            number *to = (number *)a->output + (q->first[half] + row) * a->output_stride + head * size + d;
            const vf32 factor = vf_set1(factors[r]);
            for (size_t j = 0; j < columns; j += VF_LANES) {
                const vf32 x = vf_mul(vf_load(mixed[half][row] + j), factor);
                vf_store_first_numbers(to + j, at_most(columns - j, VF_LANES), x);
            }
        }
    }
}

void amx_bf16_attention(const kernel_attention *a)
{
    const attention_scratch scratch = place(a);
    const size_t pairs = kernel_key_value_heads(a), group = a->heads / pairs;
    const amx_cut cut = amx_cut_rows(a->tokens);
    const number *qkv = a->qkv;
    float factors[2 * AMX_ROWS];
    amx_configure_for(cut);
    for (size_t head = a->first_head; head < a->first_head + a->head_count; head++) {
        if (head == a->first_head || head % group == 0) {
            lay_out_keys(a, qkv + (a->heads + head / group) * a->head_size, scratch.keys);
            lay_out_values(a, qkv + (a->heads + pairs + head / group) * a->head_size, scratch.values);
        }
        for (size_t tile = 0; tile < cut.tiles; tile += 2) {
            const size_t first = amx_first_row(cut, a->tokens, tile);
            queries q = {.halves = cut.tiles == 1 ? 1 : 2, .height = cut.height, .first = {first, first}};
            if (q.halves == 2)
                q.first[1] = amx_first_row(cut, a->tokens, tile + 1);
            const panel_range panels = panels_seen(a, &q);
            score(a, head, &q, panels, &scratch);
            for (size_t r = 0; r < q.halves * q.height; r++)
                factors[r] = weigh(a, head, q.first[r / q.height] + r % q.height, panels,
                                   scratch.scores + r * scratch.scores_stride);
            mix(a, head, &q, panels, &scratch, factors);
        }
    }
    amx_release();
}
