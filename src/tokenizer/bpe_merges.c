#include "tokenizer/bpe_merges.h"

#include "base/memory.h"

#include <string.h>

#define NO_RANK INT32_MAX
#define NO_PLACE UINT32_MAX
/* Windows of longer words, and which part of one the next one takes again. */
#define NARROW_WINDOW ((size_t)64)
#define WIDE_WINDOW ((size_t)1024)
#define OVERLAP(width) ((width) / 4)

/* Most tokens that are looked for as what a text repeats. */
#define REPEAT_TOKENS_MAX ((size_t)8)

/* Bits of the filter for each merge, at least. */
#define FILTER_BITS ((size_t)8)

typedef int32_t vector __attribute__((vector_size(16)));
#define VECTOR ((size_t)4)

_Static_assert(BPE_SCAN == 256, "a place in a window takes eight bits beside a rank");

static inline uint64_t key_of(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static inline uint64_t hash_of(uint64_t key)
{
    const uint64_t hash = key * UINT64_C(0x9E3779B97F4A7C15);
    return (hash ^ hash >> 32) * UINT64_C(0xD6E8FEB86659FD93);
}

/* Where the pair is, or where it would go. */
static inline bpe_pair *place_of(const bpe_merges *merges, uint64_t key, uint64_t hash)
{
    const size_t mask = ((size_t)1 << (64 - merges->shift)) - 1;
    for (size_t i = (size_t)(hash >> merges->shift);; i = (i + 1) & mask)
        if (merges->pairs[i].key == key || merges->pairs[i].key == BPE_PAIR_FREE)
            return &merges->pairs[i];
}

/* The pair, or NULL. */
static inline const bpe_pair *find(const bpe_merges *merges, int32_t left, int32_t right)
{
    const uint64_t key = key_of(left, right), hash = hash_of(key), bit = hash >> merges->filter_shift;
    if ((merges->filter[bit / 64] >> bit % 64 & 1) == 0)
        return NULL;
    const bpe_pair *pair = place_of(merges, key, hash);
    return pair->key == key ? pair : NULL;
}

/* Number of bits by which the hash is shifted right to give a number below a power of two that is `least` or more. */
static unsigned shift_for(size_t least)
{
    unsigned shift = 58;
    while (((size_t)1 << (64 - shift)) < least)
        shift--;
    return shift;
}

bool bpe_merges_build(bpe_merges *merges, const bpe_merge *list, size_t count)
{
    *merges = (bpe_merges){.shift = shift_for(count + count / 3 + 1),
                           .filter_shift = shift_for(FILTER_BITS * count)};
    const size_t room = (size_t)1 << (64 - merges->shift);
    merges->pairs = mem_alloc(room, sizeof *merges->pairs);
    merges->filter = mem_zalloc(((size_t)1 << (64 - merges->filter_shift)) / 64, sizeof *merges->filter);
    if (merges->pairs == NULL || merges->filter == NULL) {
        bpe_merges_free(merges);
        return false;
    }
    for (size_t i = 0; i < room; i++)
        merges->pairs[i] = (bpe_pair){BPE_PAIR_FREE, NO_RANK, 0};
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = key_of(list[i].left, list[i].right), hash = hash_of(key);
        const uint64_t bit = hash >> merges->filter_shift;
        *place_of(merges, key, hash) = (bpe_pair){key, (int32_t)i, list[i].result};
        merges->filter[bit / 64] |= UINT64_C(1) << bit % 64;
    }
    return true;
}

void bpe_merges_free(bpe_merges *merges)
{
    mem_free(merges->pairs);
    mem_free(merges->filter);
    *merges = (bpe_merges){0};
}

void bpe_merge_scratch_free(bpe_merge_scratch *scratch)
{
    mem_free(scratch->tokens);
    mem_free(scratch->symbols);
    mem_free(scratch->heap);
    *scratch = (bpe_merge_scratch){0};
}

/* ---- By scanning -------------------------------------------------------------------------------------- */

/* A word of up to BPE_SCAN symbols. order: rank << 8 | place of the symbol, whose merge with the next one it is; the least
 * one is the merge to do. */
typedef struct scan {
    int32_t order[BPE_SCAN], id[BPE_SCAN], result[BPE_SCAN];
    uint16_t previous[BPE_SCAN], next[BPE_SCAN]; /* BPE_SCAN = none */
} scan;

static inline void look_up(const bpe_merges *merges, scan *s, size_t at)
{
    const size_t next = s->next[at];
    s->order[at] = NO_RANK;
    if (next == BPE_SCAN)
        return;
    const bpe_pair *pair = find(merges, s->id[at], s->id[next]);
    if (pair == NULL)
        return;
    s->order[at] = pair->rank << 8 | (int32_t)at;
    s->result[at] = pair->result;
}

/* The least of order[0..count), a multiple of VECTOR. */
static inline int32_t least(const int32_t *order, size_t count)
{
    vector low;
    memcpy(&low, order, sizeof low);
    for (size_t i = VECTOR; i < count; i += VECTOR) {
        vector v;
        memcpy(&v, order + i, sizeof v);
        const vector smaller = v < low;
        low = (v & smaller) | (low & ~smaller);
    }
    int32_t found = low[0];
    for (size_t i = 1; i < VECTOR; i++)
        found = low[i] < found ? low[i] : found;
    return found;
}

static size_t merge_by_scan(const bpe_merges *merges, const int32_t *symbols, size_t count, bpe_token *out)
{
    scan s;
    const size_t padded = (count + VECTOR - 1) / VECTOR * VECTOR;
    memcpy(s.id, symbols, count * sizeof *symbols);
    for (size_t i = 0; i < count; i++) {
        s.previous[i] = (uint16_t)(i > 0 ? i - 1 : BPE_SCAN);
        s.next[i] = (uint16_t)(i + 1 < count ? i + 1 : BPE_SCAN);
        look_up(merges, &s, i);
    }
    for (size_t i = count; i < padded; i++)
        s.order[i] = NO_RANK;
    for (int32_t order; (order = least(s.order, padded)) != NO_RANK;) {
        const size_t at = (size_t)order % BPE_SCAN, gone = s.next[at], next = s.next[gone];
        s.id[at] = s.result[at];
        s.order[gone] = NO_RANK;
        s.next[at] = (uint16_t)next;
        if (next != BPE_SCAN)
            s.previous[next] = (uint16_t)at;
        look_up(merges, &s, at);
        if (s.previous[at] != BPE_SCAN)
            look_up(merges, &s, s.previous[at]);
    }
    size_t written = 0;
    for (size_t i = 0; i < count; i = s.next[i] != BPE_SCAN ? s.next[i] : count)
        out[written++] = (bpe_token){s.id[i], (uint32_t)i};
    return written;
}

/* ---- By a heap ---------------------------------------------------------------------------------------- */

static inline bool before(bpe_entry a, bpe_entry b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void sift_down(bpe_entry *heap, size_t count, size_t at)
{
    const bpe_entry entry = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && before(heap[child + 1], heap[child]);
        if (!before(heap[child], entry))
            break;
        heap[at] = heap[child];
    }
    heap[at] = entry;
}

static void push(bpe_entry *heap, size_t *count, bpe_entry entry)
{
    size_t at = (*count)++;
    for (; at > 0 && before(entry, heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = entry;
}

/* Fills in what the symbol becomes with the next one. True where it becomes anything. */
static bool look_up_symbol(const bpe_merges *merges, bpe_symbol *symbols, uint32_t at)
{
    bpe_symbol *symbol = &symbols[at];
    symbol->rank = NO_RANK;
    if (symbol->next == NO_PLACE)
        return false;
    const bpe_pair *pair = find(merges, symbol->id, symbols[symbol->next].id);
    if (pair == NULL)
        return false;
    symbol->rank = pair->rank;
    symbol->result = pair->result;
    return true;
}

static size_t start_heap(const bpe_merges *merges, bpe_symbol *symbols, size_t count, bpe_entry *heap)
{
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        if (look_up_symbol(merges, symbols, i))
            heap[size++] = (bpe_entry){symbols[i].rank, i};
    for (size_t i = size / 2; i-- > 0;)
        sift_down(heap, size, i);
    return size;
}

/* Each merge takes one entry from the heap and puts in two at most, and there are fewer than `count` merges: 2 * count
 * entries are room enough, since entries that no longer hold are only taken out. */
static size_t merge_by_heap(const bpe_merges *merges, bpe_merge_scratch *scratch, const int32_t *ids,
                            size_t count, bpe_token *out)
{
    bpe_symbol *symbols = scratch->symbols;
    bpe_entry *heap = scratch->heap;
    for (uint32_t i = 0; i < count; i++)
        symbols[i] = (bpe_symbol){
            .id = ids[i], .previous = i > 0 ? i - 1 : NO_PLACE, .next = i + 1 < count ? i + 1 : NO_PLACE};
    size_t size = start_heap(merges, symbols, count, heap);
    while (size > 0) {
        const bpe_entry top = heap[0];
        heap[0] = heap[--size];
        sift_down(heap, size, 0);
        bpe_symbol *symbol = &symbols[top.at];
        if (symbol->rank != top.rank)
            continue; /* merged since */
        const uint32_t gone = symbol->next, next = symbols[gone].next;
        symbol->id = symbol->result;
        symbol->next = next;
        symbols[gone].rank = NO_RANK;
        if (next != NO_PLACE)
            symbols[next].previous = top.at;
        if (look_up_symbol(merges, symbols, top.at))
            push(heap, &size, (bpe_entry){symbol->rank, top.at});
        if (symbol->previous != NO_PLACE && look_up_symbol(merges, symbols, symbol->previous))
            push(heap, &size, (bpe_entry){symbols[symbol->previous].rank, symbol->previous});
    }
    size_t written = 0;
    for (uint32_t i = 0; i != NO_PLACE; i = symbols[i].next)
        out[written++] = (bpe_token){symbols[i].id, i};
    return written;
}

/* ---- Words of any length ------------------------------------------------------------------------------ */

static bool reserve_tokens(bpe_merge_scratch *scratch, size_t count)
{
    if (count <= scratch->token_capacity)
        return true;
    bpe_token *tokens = mem_realloc(scratch->tokens, count, sizeof *tokens);
    if (tokens == NULL)
        return false;
    scratch->tokens = tokens;
    scratch->token_capacity = count;
    return true;
}

static bool reserve_heap(bpe_merge_scratch *scratch, size_t count)
{
    if (count <= scratch->heap_capacity)
        return true;
    bpe_symbol *symbols = mem_realloc(scratch->symbols, count, sizeof *symbols);
    if (symbols != NULL)
        scratch->symbols = symbols;
    bpe_entry *heap = mem_realloc(scratch->heap, count, 2 * sizeof *heap);
    if (heap != NULL)
        scratch->heap = heap;
    if (symbols == NULL || heap == NULL)
        return false;
    scratch->heap_capacity = count;
    return true;
}

static size_t merge(const bpe_merges *merges, bpe_merge_scratch *scratch, const int32_t *symbols,
                    size_t count, bpe_token *out)
{
    return count <= BPE_SCAN ? merge_by_scan(merges, symbols, count, out)
                             : merge_by_heap(merges, scratch, symbols, count, out);
}

static bool append(id_list *out, const bpe_token *tokens, size_t count)
{
    if (!id_list_reserve(out, count))
        return false;
    for (size_t i = 0; i < count; i++)
        out->ids[out->count++] = tokens[i].id;
    return true;
}

typedef enum outcome { DONE, APART, NO_MEMORY } outcome;

/* Tokens of the symbols from `from` to `to`. */
typedef struct window {
    bpe_token *tokens;
    size_t count, from, to;
} window;

static size_t start_of(const window *w, size_t token)
{
    return token < w->count ? w->from + w->tokens[token].start : w->to;
}

/* The token at which the next window begins, of those that are not the first; 0 = there is none. */
static size_t last_before_overlap(const window *w)
{
    size_t token = w->count - 1;
    while (token > 0 && start_of(w, token) > w->to - OVERLAP(w->to - w->from))
        token--;
    return token;
}

/* Finds a token that both have, at or behind *a and *b. */
static bool agree(const window *first, const window *second, size_t *a, size_t *b)
{
    while (*a < first->count && *b < second->count) {
        const size_t here = start_of(first, *a), there = start_of(second, *b);
        if (here == there && first->tokens[*a].id == second->tokens[*b].id &&
            start_of(first, *a + 1) == start_of(second, *b + 1))
            return true;
        *a += here <= there;
        *b += there <= here;
    }
    return false;
}

/* Symbols from `at` on that are equal to those `period` before them. */
static size_t equal_run(const int32_t *symbols, size_t count, size_t at, size_t period)
{
    const size_t start = at, block = 256;
    while (at + block <= count && memcmp(symbols + at, symbols + at - period, block * sizeof *symbols) == 0)
        at += block;
    while (at < count && symbols[at] == symbols[at - period])
        at++;
    return at - start;
}

/* Tokens that repeat: `tokens` of them, which are `period` symbols, stand before a token of a window and `times` more from
 * there on. */
typedef struct repeat {
    size_t tokens, period, times;
} repeat;

/* Finds what repeats before and behind the token, if it goes on far enough for the windows that it saves. */
static repeat find_repeat(const window *w, size_t token, const int32_t *symbols, size_t count, size_t width)
{
    for (size_t tokens = 1; tokens <= REPEAT_TOKENS_MAX && tokens <= token; tokens++) {
        if (w->tokens[token - tokens].id != w->tokens[token].id)
            continue;
        const size_t here = start_of(w, token), period = here - start_of(w, token - tokens);
        const size_t run = equal_run(symbols, count, here, period);
        if (run >= 4 * width)
            return (repeat){tokens, period, (run - width) / period};
    }
    return (repeat){0};
}

/* Appends the last tokens, which are what repeats, as often again. */
static bool append_repeat(id_list *out, const repeat *r)
{
    const size_t count = r->times * r->tokens;
    if (!id_list_reserve(out, count))
        return false;
    for (size_t i = 0; i < count; i++, out->count++)
        out->ids[out->count] = out->ids[out->count - r->tokens];
    return true;
}

/* True where the first token of the window is this one of the other. */
static bool begins_with(const window *w, const window *other, size_t token)
{
    return w->tokens[0].id == other->tokens[token].id &&
           start_of(w, 1) - w->from == start_of(other, token + 1) - start_of(other, token);
}

static void merge_next(const bpe_merges *merges, bpe_merge_scratch *scratch, const int32_t *symbols,
                       size_t count, size_t width, size_t from, window *next)
{
    next->from = from;
    next->to = count - from < width ? count : from + width;
    next->count = merge(merges, scratch, symbols + from, next->to - from, next->tokens);
}

/* Merges count > width symbols by windows. APART: two of them do not agree, and `out` is as before. */
static outcome merge_windows(const bpe_merges *merges, bpe_merge_scratch *scratch, const int32_t *symbols,
                             size_t count, size_t width, id_list *out)
{
    const size_t out_before = out->count;
    window now = {.tokens = scratch->tokens, .to = width}, next = {.tokens = scratch->tokens + width};
    now.count = merge(merges, scratch, symbols, width, now.tokens);
    while (now.to < count) {
        size_t mine = last_before_overlap(&now), theirs = 0;
        repeat again = find_repeat(&now, mine, symbols, count, width);
        if (again.times > 0) {
            merge_next(merges, scratch, symbols, count, width,
                       start_of(&now, mine) + again.times * again.period, &next);
            if (!begins_with(&next, &now, mine))
                again.times = 0;
        }
        if (again.times == 0 && mine > 0)
            merge_next(merges, scratch, symbols, count, width, start_of(&now, mine), &next);
        if (again.times == 0 && (mine == 0 || !agree(&now, &next, &mine, &theirs))) {
            out->count = out_before;
            return APART;
        }
        if (!append(out, now.tokens, mine) || !append_repeat(out, &again))
            return NO_MEMORY;
        const window spent = now;
        now = next;
        now.tokens += theirs;
        now.count -= theirs;
        next.tokens = spent.tokens < scratch->tokens + width ? scratch->tokens : scratch->tokens + width;
    }
    return append(out, now.tokens, now.count) ? DONE : NO_MEMORY;
}

bool bpe_merge_word(const bpe_merges *merges, bpe_merge_scratch *scratch, const int32_t *symbols,
                    size_t count, id_list *out)
{
    static const size_t widths[] = {NARROW_WINDOW, BPE_SCAN, WIDE_WINDOW};
    if (count == 0)
        return true;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0] && count > widths[i]; i++) {
        if (!reserve_tokens(scratch, 2 * widths[i]) ||
            (widths[i] > BPE_SCAN && !reserve_heap(scratch, widths[i])))
            return false;
        const outcome done = merge_windows(merges, scratch, symbols, count, widths[i], out);
        if (done != APART)
            return done == DONE;
    }
    if (!reserve_tokens(scratch, count) || (count > BPE_SCAN && !reserve_heap(scratch, count)))
        return false;
    return append(out, scratch->tokens, merge(merges, scratch, symbols, count, scratch->tokens));
}
