#include "tokenizer/piece_trie.h"

#include "base/memory.h"

#include <math.h>

typedef struct builder {
    piece_trie *trie;
    const double *scores;
} builder;

static bool grow(void *owner, size_t room)
{
    piece_trie *trie = ((builder *)owner)->trie;
    trie_state *states = mem_realloc(trie->states, room, sizeof *states);
    if (states == NULL)
        return false;
    trie->states = states;
    int32_t *ids = mem_realloc(trie->ids, room, sizeof *ids);
    if (ids == NULL)
        return false;
    trie->ids = ids;
    for (size_t s = trie->room; s < room; s++) {
        states[s] = (trie_state){.parent = TRIE_STATE_NONE, .score = NAN};
        ids[s] = -1;
    }
    trie->room = room;
    return true;
}

static void set_base(void *owner, uint32_t state, uint32_t base)
{
    ((builder *)owner)->trie->states[state].base = base;
}

static bool add(void *owner, uint32_t state, uint32_t parent, unsigned char byte, const piece_text *own)
{
    const builder *b = owner;
    (void)byte;
    b->trie->states[state].parent = parent;
    if (own != NULL) {
        b->trie->ids[state] = own->id;
        b->trie->states[state].score = b->scores[own->id];
    }
    return true;
}

bool piece_trie_build(piece_trie *trie, const piece_text *texts, size_t count, const double *scores)
{
    static const trie_owner functions = {grow, set_base, add};
    *trie = (piece_trie){0};
    const bool done = trie_build(&(trie_texts){texts, count}, 1, &functions, &(builder){trie, scores});
    if (!done)
        piece_trie_free(trie);
    return done;
}

void piece_trie_free(piece_trie *trie)
{
    mem_free(trie->states);
    mem_free(trie->ids);
    *trie = (piece_trie){0};
}

int32_t piece_trie_find(const piece_trie *trie, const char *text, size_t length)
{
    uint32_t state = PIECE_TRIE_ROOT;
    for (size_t i = 0; i < length; i++) {
        state = piece_trie_child(trie, state, text[i]);
        if (state == TRIE_STATE_NONE)
            return -1;
    }
    return trie->ids[state];
}
