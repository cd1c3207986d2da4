#include "tokenizer/graphemes.h"

#define HANGUL_FIRST 0xAC00U
#define HANGUL_LAST 0xD7A3U

void grapheme_classes_add(uint32_t *values)
{
    for (size_t i = 0; i < grapheme_ranges_count; i++)
        for (uint32_t c = grapheme_ranges[i].first; c <= grapheme_ranges[i].last; c++)
            values[c] |= grapheme_ranges[i].class;
    for (uint32_t c = HANGUL_FIRST; c <= HANGUL_LAST; c++)
        values[c] |= (c - HANGUL_FIRST) % 28 == 0 ? GRAPHEME_LV : GRAPHEME_LVT;
    values['\r'] |= GRAPHEME_CR;
    values['\n'] |= GRAPHEME_LF;
    values[0x200D] |= GRAPHEME_ZWJ;
}

static bool is_control(uint32_t break_class)
{
    return break_class == GRAPHEME_CONTROL || break_class == GRAPHEME_CR || break_class == GRAPHEME_LF;
}

/* The rules from GB3 on. */
static bool joins(const grapheme_cluster *cluster, uint32_t class)
{
    uint32_t last = cluster->last, next = class & GRAPHEME_BREAK_MASK;
    if (last == GRAPHEME_CR && next == GRAPHEME_LF)
        return true;
    if (is_control(last) || is_control(next))
        return false;
    if (next == GRAPHEME_EXTEND || next == GRAPHEME_ZWJ || next == GRAPHEME_SPACING ||
        last == GRAPHEME_PREPEND)
        return true;
    if (last == GRAPHEME_L &&
        (next == GRAPHEME_L || next == GRAPHEME_V || next == GRAPHEME_LV || next == GRAPHEME_LVT))
        return true;
    if ((last == GRAPHEME_LV || last == GRAPHEME_V) && (next == GRAPHEME_V || next == GRAPHEME_T))
        return true;
    if ((last == GRAPHEME_LVT || last == GRAPHEME_T) && next == GRAPHEME_T)
        return true;
    return (cluster->conjunct == 2 && (class & GRAPHEME_CONJUNCT_MASK) == GRAPHEME_CONJUNCT_CONSONANT) ||
           (cluster->joined && (class & GRAPHEME_PICTOGRAPH) != 0) ||
           (cluster->regional && next == GRAPHEME_REGIONAL);
}

static uint8_t conjunct_after(uint8_t before, uint32_t class)
{
    switch (class & GRAPHEME_CONJUNCT_MASK) {
    case GRAPHEME_CONJUNCT_CONSONANT:
        return 1;
    case GRAPHEME_CONJUNCT_LINKER:
        return before > 0 ? 2 : 0;
    case GRAPHEME_CONJUNCT_EXTEND:
        return before;
    default:
        return 0;
    }
}

static void take(grapheme_cluster *cluster, uint32_t class)
{
    uint32_t next = class & GRAPHEME_BREAK_MASK;
    cluster->joined = cluster->pictograph && next == GRAPHEME_ZWJ;
    cluster->pictograph =
        (class & GRAPHEME_PICTOGRAPH) != 0 || (cluster->pictograph && next == GRAPHEME_EXTEND);
    cluster->regional = next == GRAPHEME_REGIONAL && !cluster->regional;
    cluster->conjunct = conjunct_after(cluster->conjunct, class);
    cluster->last = next;
}

grapheme_cluster grapheme_begin(uint32_t class)
{
    grapheme_cluster cluster = {0};
    take(&cluster, class);
    return cluster;
}

bool grapheme_joins(grapheme_cluster *cluster, uint32_t class)
{
    if (!joins(cluster, class))
        return false;
    take(cluster, class);
    return true;
}
