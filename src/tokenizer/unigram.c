#include "tokenizer/unigram.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "base/xxhash64.h"
#include "tokenizer/tokenizer_limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last token of the best path to a place of the text: its state in the trie, or one of these. */
#define STEP_NONE PIECE_TRIE_ROOT
#define STEP_UNKNOWN TRIE_STATE_NONE

/* Scores of the places that a token can still reach from where the search stands. */
#define RING ((size_t)2048)
_Static_assert(RING > TOKENIZER_TOKEN_BYTES_MAX, "a token must not reach around the ring");

static void find_bytes(unigram *model)
{
    for (int byte = 0; byte < 256; byte++) {
        char text[8];
        int length = snprintf(text, sizeof text, "<0x%02X>", (unsigned)byte);
        model->byte_ids[byte] = piece_trie_find(&model->trie, text, (size_t)length);
    }
}

static uint64_t fingerprint_of(const unigram *model, const vocabulary *vocab, size_t count,
                               const double *scores)
{
    uint64_t hash = xxhash64((uint64_t)model->unknown, vocab->texts.data, vocab->texts.length);
    hash = xxhash64(hash, model->lengths, count * sizeof *model->lengths);
    hash = xxhash64(hash, scores, count * sizeof *scores);
    return hash ^ model->byte_fallback;
}

static bool build(unigram *model, const vocabulary *vocab, size_t count, const double *scores)
{
    piece_text *texts = mem_alloc(count, sizeof *texts);
    model->lengths = mem_alloc(count, sizeof *model->lengths);
    bool done = texts != NULL && model->lengths != NULL;
    size_t used = 0;
    double least = INFINITY;
    for (size_t id = 0; done && id < count; id++) {
        model->lengths[id] = vocab->length[id];
        least = scores[id] < least ? scores[id] : least;
        if (vocab->length[id] > 0)
            texts[used++] = (piece_text){vocabulary_text(vocab, (int32_t)id), vocab->length[id], (int32_t)id};
    }
    if (done) {
        qsort(texts, used, sizeof *texts, piece_text_order);
        model->unknown_score = least - UNIGRAM_UNKNOWN_PENALTY;
        done = piece_trie_build(&model->trie, texts, used, scores);
    }
    mem_free(texts);
    return done;
}

aki_status unigram_build(unigram *model, const vocabulary *vocab, size_t count, const double *scores,
                         size_t unknown, bool byte_fallback, aki_error *error)
{
    *model = (unigram){.unknown = (int32_t)unknown, .byte_fallback = byte_fallback};
    if (!build(model, vocab, count, scores)) {
        unigram_free(model);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vocabulary of '%s'", vocab->path);
    }
    find_bytes(model);
    model->fingerprint = fingerprint_of(model, vocab, count, scores);
    return AKI_OK;
}

void unigram_free(unigram *model)
{
    piece_trie_free(&model->trie);
    mem_free(model->lengths);
    model->lengths = NULL;
}

void unigram_scratch_free(unigram_scratch *scratch)
{
    mem_free(scratch->steps);
    piece_cache_free(&scratch->cache);
    *scratch = (unigram_scratch){0};
}

static size_t bytes_of_character(char first)
{
    unsigned char byte = (unsigned char)first;
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/* Finds the best way to each place. steps: [length + 1], zeroed. */
static void search(const unigram *model, const char *text, size_t length, uint32_t *steps)
{
    double scores[RING];
    const trie_state *states = model->trie.states;
    scores[0] = 0;
    for (size_t start = 0; start < length;) {
        double before = scores[start % RING];
        size_t single = start + bytes_of_character(text[start]);
        bool known = false;
        uint32_t state = PIECE_TRIE_ROOT;
        for (size_t at = start; at < length;) {
            uint32_t next = states[state].base + (unsigned char)text[at++];
            if (states[next].parent != state)
                break;
            state = next;
            double score = states[state].score;
            if (isnan(score))
                continue;
            double sum = score + before;
            if (steps[at] == STEP_NONE || sum > scores[at % RING]) {
                scores[at % RING] = sum;
                steps[at] = state;
            }
            known |= at == single;
        }
        double sum = model->unknown_score + before;
        if (!known && (steps[single] == STEP_NONE || sum > scores[single % RING])) {
            scores[single % RING] = sum;
            steps[single] = STEP_UNKNOWN;
        }
        start = single;
    }
}

/* Moves the steps of the best way to the end of `steps` and returns where they begin. */
static size_t collect(const unigram *model, const char *text, size_t length, uint32_t *steps)
{
    size_t at = length, first = length + 1;
    while (at > 0) {
        uint32_t step = steps[at];
        if (step != STEP_UNKNOWN) {
            at -= model->lengths[model->trie.ids[step]];
        } else {
            at--;
            while (((unsigned char)text[at] & 0xC0) == 0x80)
                at--;
        }
        steps[--first] = step; /* never before a place that is still to be read */
    }
    return first;
}

/* Neighbouring unknown characters, which together may be a token after all. */
static size_t write_unknown(const unigram *model, const char *text, size_t length, int32_t *ids)
{
    int32_t id = piece_trie_find(&model->trie, text, length);
    if (id < 0 && model->byte_fallback) {
        size_t count = 0;
        while (count < length && model->byte_ids[(unsigned char)text[count]] >= 0) {
            ids[count] = model->byte_ids[(unsigned char)text[count]];
            count++;
        }
        if (count == length)
            return count;
    }
    ids[0] = id >= 0 ? id : model->unknown;
    return 1;
}

/* ids: [length] */
static size_t write_ids(const unigram *model, const char *text, size_t length, const uint32_t *steps,
                        size_t first, int32_t *ids)
{
    size_t count = 0, at = 0, unknown_from = SIZE_MAX;
    for (size_t i = first; i <= length; i++) {
        int32_t id = steps[i] != STEP_UNKNOWN ? model->trie.ids[steps[i]] : model->unknown;
        size_t bytes = steps[i] != STEP_UNKNOWN ? model->lengths[id] : bytes_of_character(text[at]);
        if (id == model->unknown) {
            unknown_from = unknown_from != SIZE_MAX ? unknown_from : at;
        } else {
            if (unknown_from != SIZE_MAX)
                count += write_unknown(model, text + unknown_from, at - unknown_from, ids + count);
            unknown_from = SIZE_MAX;
            ids[count++] = id;
        }
        at += bytes;
    }
    if (unknown_from != SIZE_MAX)
        count += write_unknown(model, text + unknown_from, at - unknown_from, ids + count);
    return count;
}

static bool reserve_steps(unigram_scratch *scratch, size_t wanted)
{
    if (wanted <= scratch->capacity)
        return true;
    size_t capacity = wanted > 2 * scratch->capacity ? wanted : 2 * scratch->capacity;
    uint32_t *steps = mem_realloc(scratch->steps, capacity, sizeof *steps);
    if (steps == NULL)
        return false;
    scratch->steps = steps;
    scratch->capacity = capacity;
    return true;
}

static bool cut(const unigram *model, unigram_scratch *scratch, const char *text, size_t length, id_list *out)
{
    size_t places;
    if (!size_add(length, 1, &places) || !reserve_steps(scratch, places) || !id_list_reserve(out, length))
        return false;
    memset(scratch->steps, 0, places * sizeof *scratch->steps);
    search(model, text, length, scratch->steps);
    size_t first = collect(model, text, length, scratch->steps);
    out->count += write_ids(model, text, length, scratch->steps, first, out->ids + out->count);
    return true;
}

bool unigram_encode(const unigram *model, unigram_scratch *scratch, const char *text, size_t length,
                    size_t room, id_list *out)
{
    if (length == 0)
        return true;
    if (length > PIECE_CACHE_TEXT)
        return cut(model, scratch, text, length, out);
    if (!piece_cache_ready(&scratch->cache, model->fingerprint) || !id_list_reserve(out, PIECE_CACHE_IDS))
        return false;
    const piece_place place = piece_cache_find(&scratch->cache, text, length, room);
    if (piece_cache_get(&place, out))
        return true;
    const size_t before = out->count;
    if (!cut(model, scratch, text, length, out))
        return false;
    piece_cache_put(&place, out->ids + before, out->count - before);
    return true;
}
