#include "tokenizer/trie_build.h"

#include "base/memory.h"
#include "tokenizer/array_places.h"

#include <string.h>

/* A state whose children are still to be made. */
typedef struct pending {
    const piece_text *texts; /* [count] that go through it */
    uint32_t count, state, depth;
} pending;

typedef struct builder {
    const trie_owner *functions;
    void *owner;
    array_places places;
    pending *queue; /* taken from in the order of depth */
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
static bool reserve(builder *b, size_t base)
{
    size_t wanted = base + ARRAY_PLACES_SPAN,
           room = b->places.room > 0 ? b->places.room : 4 * ARRAY_PLACES_SPAN;
    if (wanted >= TRIE_STATE_NONE)
        return false;
    while (room < wanted)
        room += room / 2;
    return room == b->places.room ||
           (b->functions->grow(b->owner, room) && array_places_grow(&b->places, room));
}

static bool push(builder *b, pending item)
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

/* texts[0..count) go through the child. */
static bool make_child(builder *b, const pending *parent, uint32_t base, unsigned char byte,
                       const piece_text *texts, uint32_t count)
{
    const uint32_t state = base + byte, depth = parent->depth + 1;
    const piece_text *own = NULL;
    for (uint32_t i = 0; i < count && texts[i].length == depth; i++)
        own = &texts[i];
    array_places_take(&b->places, state);
    return b->functions->add(b->owner, state, parent->state, byte, own) &&
           push(b, (pending){texts, count, state, depth});
}

static bool make_children(builder *b, const pending *parent)
{
    unsigned char bytes[ARRAY_PLACES_SPAN];
    uint32_t starts[ARRAY_PLACES_SPAN + 1];
    size_t count = 0;
    for (uint32_t i = 0; i < parent->count; i++) {
        const piece_text *text = &parent->texts[i];
        if (text->length == parent->depth)
            continue; /* the parent's own */
        unsigned char byte = (unsigned char)text->text[parent->depth];
        if (count == 0 || bytes[count - 1] != byte) {
            bytes[count] = byte;
            starts[count++] = i;
        }
    }
    if (count == 0)
        return true;
    starts[count] = parent->count;
    size_t base = array_places_find(&b->places, bytes, count);
    if (!reserve(b, base))
        return false;
    b->functions->set_base(b->owner, parent->state, (uint32_t)base);
    for (size_t i = 0; i < count; i++)
        if (!make_child(b, parent, (uint32_t)base, bytes[i], parent->texts + starts[i],
                        starts[i + 1] - starts[i]))
            return false;
    return true;
}

bool trie_build(const trie_texts *texts, size_t tries, const trie_owner *functions, void *owner)
{
    builder b = {.functions = functions, .owner = owner};
    bool done = reserve(&b, 0);
    for (size_t i = 0; i < tries && done; i++) {
        done = texts[i].count < UINT32_MAX &&
               push(&b, (pending){texts[i].texts, (uint32_t)texts[i].count, (uint32_t)i, 0});
        if (done)
            array_places_take(&b.places, i);
    }
    while (done && b.queue_first < b.queue_last) {
        pending parent = b.queue[b.queue_first++]; /* a copy: the queue may move */
        done = make_children(&b, &parent);
    }
    array_places_free(&b.places);
    mem_free(b.queue);
    return done;
}
