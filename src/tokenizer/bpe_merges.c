#include "tokenizer/bpe_merges.h"

#include "base/memory.h"

#include <string.h>

#define NO_RANK INT32_MAX
#define NO_PLACE UINT32_MAX
/* Windows of longer words, and how many symbols of one the next one takes again. */
#define NARROW_WINDOW ((size_t)128)
#define WIDE_WINDOW ((size_t)1024)
#define OVERLAP(width) ((width) / ((width) == NARROW_WINDOW ? 8 : 4))

/* Most tokens that are looked for as what a text repeats. */
#define REPEAT_TOKENS_MAX ((size_t)8)

/* Numbers whose least is found at once. */
#define FEW ((size_t)8)

_Static_assert(BPE_SCAN == 256, "a place in a window takes eight bits beside a rank");

static inline uint32_t hash_of(int32_t right)
{
    return (uint32_t)right * UINT32_C(0x9E3779B1);
}

static inline uint64_t filter_of(uint32_t hash)
{
    return UINT64_C(1) << (hash >> 26);
}

/* Where the pair is, or where it would go. */
static inline bpe_pair *place_of(const bpe_merges *merges, const bpe_row *row, int32_t right, uint32_t hash)
{
    for (uint32_t i = hash >> 8;; i++) {
        bpe_pair *pair = &merges->pairs[row->start + (i & row->mask)];
        if (pair->right == right || pair->right == BPE_PAIR_FREE)
            return pair;
    }
}

/* The pair, or NULL. */
static inline const bpe_pair *find(const bpe_merges *merges, int32_t left, int32_t right)
{
    const bpe_row *row = &merges->rows[left];
    const uint32_t hash = hash_of(right);
    if ((row->filter & filter_of(hash)) == 0)
        return NULL;
    const bpe_pair *pair = place_of(merges, row, right, hash);
    return pair->right == right ? pair : NULL;
}

/* Gives each row as many places as its pairs need, at most two thirds of them taken, and returns how many that are. The start of a row
 * holds the count of its pairs before. */
static size_t lay_out_rows(bpe_row *rows, size_t token_count)
{
    size_t room = 1;
    for (size_t i = 0; i < token_count; i++) {
        const size_t count = rows[i].start;
        size_t places = 2;
        while (2 * places < 3 * count)
            places *= 2;
        rows[i].start = count > 0 ? (uint32_t)room : 0;
        rows[i].mask = count > 0 ? (uint32_t)places - 1 : 0;
        room += count > 0 ? places : 0;
    }
    return room;
}

bool bpe_merges_build(bpe_merges *merges, const bpe_merge *list, size_t count, size_t token_count)
{
    *merges = (bpe_merges){.rows = mem_zalloc(token_count, sizeof *merges->rows)};
    if (merges->rows == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        merges->rows[list[i].left].start++;
    const size_t room = lay_out_rows(merges->rows, token_count);
    merges->pairs = mem_alloc(room, sizeof *merges->pairs);
    if (merges->pairs == NULL) {
        bpe_merges_free(merges);
        return false;
    }
    for (size_t i = 0; i < room; i++)
        merges->pairs[i] = (bpe_pair){.right = BPE_PAIR_FREE};
    for (size_t i = 0; i < count; i++) {
        bpe_row *row = &merges->rows[list[i].left];
        const uint32_t hash = hash_of(list[i].right);
        *place_of(merges, row, list[i].right, hash) = (bpe_pair){list[i].right, (int32_t)i, list[i].result};
        row->filter |= filter_of(hash);
    }
    return true;
}

bool bpe_merges_start(bpe_merges *merges, const int32_t *ids)
{
    merges->starts = mem_alloc((size_t)256 * 256, sizeof *merges->starts);
    if (merges->starts == NULL)
        return false;
    for (size_t left = 0; left < 256; left++)
        for (size_t right = 0; right < 256; right++) {
            const bpe_pair *pair =
                ids[left] >= 0 && ids[right] >= 0 ? find(merges, ids[left], ids[right]) : NULL;
            merges->starts[left << 8 | right] =
                pair != NULL ? (bpe_start){pair->rank << 8, pair->result} : (bpe_start){BPE_NO_ORDER, 0};
        }
    return true;
}

void bpe_merges_free(bpe_merges *merges)
{
    mem_free(merges->starts);
    mem_free(merges->rows);
    mem_free(merges->pairs);
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

/* Places that stand for no symbol: behind the last one, and before the first one. The id of BEHIND is no token's, and it follows
 * BEFORE, so that look-ups at the ends of a word find no pair there and need no branch. */
#define BEHIND BPE_SCAN
#define BEFORE (BPE_SCAN + 1)
#define PLACES (BPE_SCAN + FEW)
#define NO_TOKEN (-2)

/* A word of up to BPE_SCAN symbols. order: rank << 8 | place of the symbol, whose merge with the next one it is; the least
 * one is the merge to do. From BPE_NO_ORDER on: none. */
typedef struct scan {
    int32_t order[PLACES], id[PLACES], result[PLACES];
    int32_t low[PLACES / FEW + FEW]; /* the least order of each FEW */
    uint16_t previous[PLACES], next[PLACES];
} scan;

/* Returns the order of the merge of the symbol with the next one. */
static inline int32_t look_up(const bpe_merges *merges, scan *s, size_t at)
{
    const bpe_pair *pair = find(merges, s->id[at], s->id[s->next[at]]);
    if (pair == NULL)
        return BPE_NO_ORDER;
    s->result[at] = pair->result;
    return pair->rank << 8 | (int32_t)at;
}

static inline int32_t lower(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Number by number: a vector load would wait for the numbers just stored. Without the empty statements the compiler turns the
 * three rounds into seven comparisons that wait for each other. */
static inline int32_t least_of_few(const int32_t *order)
{
    int32_t a = lower(order[0], order[1]), b = lower(order[2], order[3]), c = lower(order[4], order[5]),
            d = lower(order[6], order[7]);
    __asm__("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
    a = lower(a, b);
    c = lower(c, d);
    __asm__("" : "+r"(a), "+r"(c));
    return lower(a, c);
}

/* The least of low[0..count). Behind them BPE_NO_ORDER stands up to a multiple of FEW. */
static inline int32_t least(const int32_t *low, size_t count)
{
    int32_t found = count > 1 ? least_of_few(low) : low[0];
    for (size_t i = FEW; i < count; i += FEW)
        found = lower(found, least_of_few(low + i));
    return found;
}

static inline void find_low(scan *s, size_t at)
{
    s->low[at / FEW] = least_of_few(s->order + at / FEW * FEW);
}

static inline void put_order(scan *s, size_t at, int32_t order)
{
    s->order[at] = order;
    s->low[at / FEW] = lower(s->low[at / FEW], order);
}

static void start_scan(const bpe_merges *merges, const bpe_word *word, scan *s)
{
    const size_t count = word->count;
    memcpy(s->id, word->symbols, count * sizeof *word->symbols);
    s->id[BEHIND] = NO_TOKEN;
    s->id[BEFORE] = word->symbols[0];
    for (size_t i = 0; i < count; i += FEW)
        for (size_t j = i; j < i + FEW; j++) {
            s->previous[j] = (uint16_t)(j - 1);
            s->next[j] = (uint16_t)(j + 1);
        }
    s->previous[0] = BEFORE;
    s->next[count - 1] = s->next[BEFORE] = BEHIND;
    for (size_t i = 0; i + 1 < count && word->numbers != NULL; i++) {
        const bpe_start *start = &merges->starts[(size_t)word->numbers[i] << 8 | word->numbers[i + 1]];
        s->order[i] = start->order | (int32_t)i;
        s->result[i] = start->result;
    }
    for (size_t i = 0; i + 1 < count && word->numbers == NULL; i++)
        s->order[i] = look_up(merges, s, i);
}

/* Returns the count of s->low. */
static size_t start_low(scan *s, size_t count)
{
    const size_t fews = (count + FEW - 1) / FEW;
    for (size_t i = 0; i < FEW; i++) {
        s->order[count - 1 + i] = BPE_NO_ORDER;
        s->order[BPE_SCAN + i] = BPE_NO_ORDER;
        s->low[fews + i] = BPE_NO_ORDER;
    }
    for (size_t i = 0; i < fews; i++)
        find_low(s, i * FEW);
    return fews;
}

/* The least order, after those of three places have changed. Of a short word all are looked at. */
static inline int32_t least_after(scan *s, size_t fews, size_t a, size_t b, size_t c)
{
    if (fews == 1)
        return least_of_few(s->order);
    if (fews == 2)
        return lower(least_of_few(s->order), least_of_few(s->order + FEW));
    find_low(s, a);
    find_low(s, b);
    find_low(s, c);
    return least(s->low, fews);
}

/* The next merge is the least of those that this one leaves as they are, which are compared while the core fetches the two new
 * pairs, and of these two. */
static size_t merge_by_scan(const bpe_merges *merges, const bpe_word *word, bpe_token *out)
{
    scan s;
    const size_t count = word->count;
    start_scan(merges, word, &s);
    const size_t fews = start_low(&s, count);
    for (int32_t order = least(s.low, fews); order < BPE_NO_ORDER;) {
        const size_t at = (size_t)order % BPE_SCAN, gone = s.next[at], next = s.next[gone],
                     previous = s.previous[at];
        s.id[at] = s.result[at];
        s.next[at] = (uint16_t)next;
        s.previous[next] = (uint16_t)at;
        s.order[at] = s.order[gone] = s.order[previous] = BPE_NO_ORDER;
        const int32_t rest = least_after(&s, fews, at, gone, previous), mine = look_up(merges, &s, at),
                      before = look_up(merges, &s, previous);
        put_order(&s, at, mine);
        put_order(&s, previous, before);
        order = lower(rest, lower(mine, before));
    }
    size_t written = 0;
    for (size_t i = 0; i != BEHIND; i = s.next[i])
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

static size_t merge(const bpe_merges *merges, bpe_merge_scratch *scratch, const bpe_word *word,
                    bpe_token *out)
{
    return word->count <= BPE_SCAN ? merge_by_scan(merges, word, out)
                                   : merge_by_heap(merges, scratch, word->symbols, word->count, out);
}

static bpe_word part_of(const bpe_word *word, size_t from, size_t to)
{
    return (bpe_word){word->symbols + from, word->numbers != NULL ? word->numbers + from : NULL, to - from};
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

static void merge_window(const bpe_merges *merges, bpe_merge_scratch *scratch, const bpe_word *word,
                         size_t width, size_t from, window *next)
{
    next->from = from;
    next->to = word->count - from < width ? word->count : from + width;
    const bpe_word part = part_of(word, from, next->to);
    next->count = merge(merges, scratch, &part, next->tokens);
}

/* Merges count > width symbols by windows. APART: two of them do not agree, and `out` is as before. */
static outcome merge_windows(const bpe_merges *merges, bpe_merge_scratch *scratch, const bpe_word *word,
                             size_t width, id_list *out)
{
    const size_t out_before = out->count;
    window now = {.tokens = scratch->tokens}, next = {.tokens = scratch->tokens + width};
    merge_window(merges, scratch, word, width, 0, &now);
    while (now.to < word->count) {
        size_t mine = last_before_overlap(&now), theirs = 0;
        repeat again = find_repeat(&now, mine, word->symbols, word->count, width);
        if (again.times > 0) {
            merge_window(merges, scratch, word, width, start_of(&now, mine) + again.times * again.period,
                         &next);
            if (!begins_with(&next, &now, mine))
                again.times = 0;
        }
        if (again.times == 0 && mine > 0)
            merge_window(merges, scratch, word, width, start_of(&now, mine), &next);
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

bool bpe_merge_word(const bpe_merges *merges, bpe_merge_scratch *scratch, const bpe_word *word, id_list *out)
{
    static const size_t widths[] = {NARROW_WINDOW, BPE_SCAN, WIDE_WINDOW};
    const size_t count = word->count;
    if (count == 0)
        return true;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0] && count > widths[i]; i++) {
        if (!reserve_tokens(scratch, 2 * widths[i]) ||
            (widths[i] > BPE_SCAN && !reserve_heap(scratch, widths[i])))
            return false;
        const outcome done = merge_windows(merges, scratch, word, widths[i], out);
        if (done != APART)
            return done == DONE;
    }
    if (!reserve_tokens(scratch, count) || (count > BPE_SCAN && !reserve_heap(scratch, count)))
        return false;
    return append(out, scratch->tokens, merge(merges, scratch, word, scratch->tokens));
}
