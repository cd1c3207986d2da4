#include "tokenizer/piece_automaton.h"

#include "base/memory.h"

static bool grow(void *owner, size_t room)
{
    piece_automaton *automaton = owner;
    piece_state *states = mem_realloc(automaton->states, room, sizeof *states);
    if (states == NULL)
        return false;
    automaton->states = states;
    for (size_t s = automaton->room; s < room; s++)
        states[s] = (piece_state){.parent = TRIE_STATE_NONE, .fail = TRIE_STATE_NONE};
    automaton->room = room;
    return true;
}

static void set_base(void *owner, uint32_t state, uint32_t base)
{
    ((piece_automaton *)owner)->states[state].base = base;
}

static bool append_pop(piece_automaton *automaton, uint32_t *list, int32_t id)
{
    if (automaton->pop_count == automaton->pop_capacity) {
        size_t capacity = automaton->pop_capacity > 0 ? 2 * automaton->pop_capacity : 1024;
        piece_pop *pops =
            capacity <= UINT32_MAX ? mem_realloc(automaton->pops, capacity, sizeof *pops) : NULL;
        if (pops == NULL)
            return false;
        automaton->pops = pops;
        automaton->pop_capacity = capacity;
    }
    automaton->pops[automaton->pop_count] =
        (piece_pop){.previous = *list,
                    .count = automaton->pop_count == 0 ? 0 : automaton->pops[*list].count + 1,
                    .id = id};
    *list = (uint32_t)automaton->pop_count++;
    return true;
}

/* As deep as a token is long. */
static bool append_pops(piece_automaton *automaton, uint32_t *list, uint32_t more)
{
    if (more == 0)
        return true;
    return append_pops(automaton, list, automaton->pops[more].previous) &&
           append_pop(automaton, list, automaton->pops[more].id);
}

static uint32_t child_of(const piece_automaton *automaton, uint32_t state, unsigned char byte)
{
    uint32_t child = automaton->states[state].base + byte;
    return automaton->states[child].parent == state ? child : TRIE_STATE_NONE;
}

/* The cut of a state that is no token's end: its parent's, carried on by the last byte. */
static bool link_state(piece_automaton *automaton, uint32_t state, unsigned char byte)
{
    uint32_t parent = automaton->states[state].parent;
    uint32_t from = automaton->states[parent].fail, pops = automaton->states[parent].pops;
    while (from != TRIE_STATE_NONE) {
        uint32_t next = child_of(automaton, from, byte);
        if (next != TRIE_STATE_NONE) {
            automaton->states[state].fail = next;
            automaton->states[state].pops = pops;
            return true;
        }
        if (!append_pops(automaton, &pops, automaton->states[from].pops))
            return false;
        from = automaton->states[from].fail;
    }
    return true;
}

static bool add(void *owner, uint32_t state, uint32_t parent, unsigned char byte, const piece_text *own)
{
    piece_automaton *automaton = owner;
    automaton->states[state].parent = parent;
    if (own == NULL)
        return link_state(automaton, state, byte);
    automaton->states[state].fail = PIECE_STATE_CONTINUING;
    return append_pop(automaton, &automaton->states[state].pops, own->id);
}

bool piece_automaton_build(piece_automaton *automaton, const piece_text *initial, size_t initial_count,
                           const piece_text *continuing, size_t continuing_count)
{
    static const trie_owner functions = {grow, set_base, add};
    const trie_texts texts[] = {[PIECE_STATE_INITIAL] = {initial, initial_count},
                                [PIECE_STATE_CONTINUING] = {continuing, continuing_count}};
    *automaton = (piece_automaton){0};
    uint32_t none = 0;
    const bool done = append_pop(automaton, &none, 0) && trie_build(texts, 2, &functions, automaton);
    if (!done)
        piece_automaton_free(automaton);
    return done;
}

void piece_automaton_free(piece_automaton *automaton)
{
    mem_free(automaton->states);
    mem_free(automaton->pops);
    *automaton = (piece_automaton){0};
}

static inline size_t write_pops(const piece_pop *pops, uint32_t list, int32_t *ids)
{
    size_t count = pops[list].count;
    for (size_t i = count; i > 0; i--) {
        ids[i - 1] = pops[list].id;
        list = pops[list].previous;
    }
    return count;
}

size_t piece_automaton_cut(const piece_automaton *automaton, const char *word, size_t length, int32_t *ids)
{
    const piece_state *states = automaton->states;
    uint32_t state = PIECE_STATE_INITIAL;
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)word[i];
        uint32_t next;
        while (states[next = states[state].base + byte].parent != state) {
            if (states[state].fail == TRIE_STATE_NONE)
                return 0;
            count += write_pops(automaton->pops, states[state].pops, ids + count);
            state = states[state].fail;
        }
        state = next;
    }
    while (state != PIECE_STATE_CONTINUING) {
        if (states[state].fail == TRIE_STATE_NONE)
            return 0;
        count += write_pops(automaton->pops, states[state].pops, ids + count);
        state = states[state].fail;
    }
    return count;
}
