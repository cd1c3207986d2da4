#include "tokenizer/piece_trie.h"

#include "base/memory.h"
#include "tokenizer/array_places.h"

#include <math.h>

/* A state whose children are still to be made. */
typedef struct pending {
    uint32_t state, first, last; /* its texts: [first, last) */
    uint32_t depth;
} pending;

typedef struct builder {
    piece_trie *trie;
    const piece_text *texts;
    const double *scores;
    array_places places;
    pending *queue; /* taken from in the order of depth */
    size_t queue_first, queue_last, queue_capacity;
} builder;

/* Room for the children of a state at any base up to `base`. */
static bool reserve_states(builder *b, size_t base)
{
    piece_trie *trie = b->trie;
    size_t wanted = base + ARRAY_PLACES_SPAN, room = trie->room > 0 ? trie->room : 4 * ARRAY_PLACES_SPAN;
    if (wanted >= PIECE_TRIE_NONE)
        return false;
    while (room < wanted)
        room += room / 2;
    if (room == trie->room)
        return true;
    trie_state *states = mem_realloc(trie->states, room, sizeof *states);
    if (states == NULL)
        return false;
    trie->states = states;
    int32_t *ids = mem_realloc(trie->ids, room, sizeof *ids);
    if (ids == NULL)
        return false;
    trie->ids = ids;
    if (!array_places_grow(&b->places, room))
        return false;
    for (size_t s = trie->room; s < room; s++) {
        states[s] = (trie_state){.parent = PIECE_TRIE_NONE, .score = NAN};
        ids[s] = -1;
    }
    trie->room = room;
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

static bool make_children(builder *b, const pending *parent)
{
    piece_trie *trie = b->trie;
    unsigned char bytes[ARRAY_PLACES_SPAN];
    uint32_t starts[ARRAY_PLACES_SPAN + 1];
    size_t count = 0;
    for (uint32_t i = parent->first; i < parent->last; i++) {
        const piece_text *text = &b->texts[i];
        if (text->length ==
            parent->depth) { /* the parent's own; of equal texts the last has the highest id */
            trie->ids[parent->state] = text->id;
            trie->states[parent->state].score = b->scores[text->id];
            continue;
        }
        unsigned char byte = (unsigned char)text->text[parent->depth];
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
    trie->states[parent->state].base = (uint32_t)base;
    for (size_t i = 0; i < count; i++) {
        uint32_t state = (uint32_t)base + bytes[i];
        array_places_take(&b->places, state);
        trie->states[state].parent = parent->state;
        if (!push_pending(b, (pending){state, starts[i], starts[i + 1], parent->depth + 1}))
            return false;
    }
    return true;
}

bool piece_trie_build(piece_trie *trie, const piece_text *texts, size_t count, const double *scores)
{
    *trie = (piece_trie){0};
    builder b = {.trie = trie, .texts = texts, .scores = scores};
    bool done = count < UINT32_MAX && reserve_states(&b, 0) &&
                push_pending(&b, (pending){PIECE_TRIE_ROOT, 0, (uint32_t)count, 0});
    if (done)
        array_places_take(&b.places, PIECE_TRIE_ROOT);
    while (done && b.queue_first < b.queue_last) {
        pending parent = b.queue[b.queue_first++]; /* a copy: the queue may move */
        done = make_children(&b, &parent);
    }
    array_places_free(&b.places);
    mem_free(b.queue);
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
        if (state == PIECE_TRIE_NONE)
            return -1;
    }
    return trie->ids[state];
}
