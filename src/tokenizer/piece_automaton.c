#include "tokenizer/piece_automaton.h"

#include "base/memory.h"
#include "tokenizer/array_places.h"

#include <string.h>

/* A state whose children are still to be made, in the order of depth. */
typedef struct pending {
    uint32_t state, first, last; /* its texts: [first, last) */
    uint32_t depth;
    bool continuing;
} pending;

typedef struct builder {
    piece_automaton *automaton;
    const piece_text *texts[2]; /* initial, continuing */
    array_places places;
    pending *queue;
    size_t queue_first, queue_last, queue_capacity;
} builder;

int piece_text_order(const void *a, const void *b)
{
    const piece_text *x = a, *y = b;
    size_t least = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->text, y->text, least);
    if (order == 0)
        order = (x->length > y->length) - (x->length < y->length);
    return order != 0 ? order : (x->id > y->id) - (x->id < y->id);
}

/* Room for the children of a state at any base up to `base`. */
static bool reserve_states(builder *b, size_t base)
{
    piece_automaton *automaton = b->automaton;
    size_t wanted = base + ARRAY_PLACES_SPAN;
    size_t room = automaton->room > 0 ? automaton->room : 4 * ARRAY_PLACES_SPAN;
    if (wanted >= PIECE_STATE_NONE)
        return false;
    while (room < wanted)
        room *= 2;
    if (room == automaton->room)
        return true;
    piece_state *states = mem_realloc(automaton->states, room, sizeof *states);
    if (states == NULL)
        return false;
    automaton->states = states;
    if (!array_places_grow(&b->places, room))
        return false;
    for (size_t s = automaton->room; s < room; s++)
        states[s] = (piece_state){.parent = PIECE_STATE_NONE, .fail = PIECE_STATE_NONE};
    automaton->room = room;
    return true;
}

static bool push_pending(builder *b, pending item)
{
    if (b->queue_last == b->queue_capacity) {
        size_t capacity = b->queue_capacity > 0 ? 2 * b->queue_capacity : 1024;
        pending *queue = mem_realloc(b->queue, capacity, sizeof *queue);
        if (queue == NULL)
            return false;
        b->queue = queue;
        b->queue_capacity = capacity;
    }
    b->queue[b->queue_last++] = item;
    return true;
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
    return automaton->states[child].parent == state ? child : PIECE_STATE_NONE;
}

/* The cut of a state that is no token's end: its parent's, carried on by the last byte. */
static bool link_state(piece_automaton *automaton, uint32_t state, unsigned char byte)
{
    uint32_t parent = automaton->states[state].parent;
    uint32_t from = automaton->states[parent].fail, pops = automaton->states[parent].pops;
    while (from != PIECE_STATE_NONE) {
        uint32_t next = child_of(automaton, from, byte);
        if (next != PIECE_STATE_NONE) {
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

static bool make_children(builder *b, const pending *parent)
{
    piece_automaton *automaton = b->automaton;
    const piece_text *texts = b->texts[parent->continuing];
    unsigned char bytes[ARRAY_PLACES_SPAN];
    uint32_t starts[ARRAY_PLACES_SPAN + 1];
    size_t count = 0;
    for (uint32_t i = parent->first; i < parent->last; i++) {
        if (texts[i].length == parent->depth)
            continue; /* the parent's own */
        unsigned char byte = (unsigned char)texts[i].text[parent->depth];
        if (count == 0 || bytes[count - 1] != byte) {
            bytes[count] = byte;
            starts[count++] = i;
        }
    }
    if (count == 0)
        return true;
    starts[count] = parent->last;
    size_t base = array_places_find(&b->places, bytes, count);
    if (!reserve_states(b, base))
        return false;
    automaton->states[parent->state].base = (uint32_t)base;
    for (size_t i = 0; i < count; i++) {
        uint32_t state = (uint32_t)base + bytes[i];
        array_places_take(&b->places, state);
        automaton->states[state].parent = parent->state;
        const piece_text *first = &texts[starts[i]];
        bool linked;
        if (first->length == parent->depth + 1) {
            automaton->states[state].fail = PIECE_STATE_CONTINUING;
            linked = append_pop(automaton, &automaton->states[state].pops, first->id);
        } else {
            linked = link_state(automaton, state, bytes[i]);
        }
        pending child = {state, starts[i], starts[i + 1], parent->depth + 1, parent->continuing};
        if (!linked || !push_pending(b, child))
            return false;
    }
    return true;
}

bool piece_automaton_build(piece_automaton *automaton, const piece_text *initial, size_t initial_count,
                           const piece_text *continuing, size_t continuing_count)
{
    *automaton = (piece_automaton){0};
    builder b = {.automaton = automaton, .texts = {initial, continuing}};
    uint32_t none = 0;
    bool done = initial_count < UINT32_MAX && continuing_count < UINT32_MAX && reserve_states(&b, 0) &&
                append_pop(automaton, &none, 0) &&
                push_pending(&b, (pending){PIECE_STATE_INITIAL, 0, (uint32_t)initial_count, 0, false}) &&
                push_pending(&b, (pending){PIECE_STATE_CONTINUING, 0, (uint32_t)continuing_count, 0, true});
    if (done) {
        array_places_take(&b.places, PIECE_STATE_INITIAL);
        array_places_take(&b.places, PIECE_STATE_CONTINUING);
    }
    while (done && b.queue_first < b.queue_last) {
        pending parent = b.queue[b.queue_first++]; /* a copy: the queue may move */
        done = make_children(&b, &parent);
    }
    array_places_free(&b.places);
    mem_free(b.queue);
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
            if (states[state].fail == PIECE_STATE_NONE)
                return 0;
            count += write_pops(automaton->pops, states[state].pops, ids + count);
            state = states[state].fail;
        }
        state = next;
    }
    while (state != PIECE_STATE_CONTINUING) {
        if (states[state].fail == PIECE_STATE_NONE)
            return 0;
        count += write_pops(automaton->pops, states[state].pops, ids + count);
        state = states[state].fail;
    }
    return count;
}
