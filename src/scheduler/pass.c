#include "scheduler/pass.h"

#include "base/memory.h"

#include <string.h>

bool pass_init(pass *p, size_t capacity)
{
    *p = (pass){.capacity = capacity};
    p->sequences = mem_alloc(capacity, sizeof *p->sequences);
    p->hashes = mem_alloc(capacity, sizeof *p->hashes);
    p->owners = mem_alloc(capacity, sizeof *p->owners);
    return p->sequences != NULL && p->hashes != NULL && p->owners != NULL;
}

void pass_free(pass *p)
{
    mem_free(p->sequences);
    mem_free(p->hashes);
    mem_free(p->owners);
    *p = (pass){0};
}

size_t pass_bytes(const pass *p)
{
    return p->capacity * (sizeof *p->sequences + sizeof *p->hashes + sizeof *p->owners);
}

void pass_clear(pass *p)
{
    p->count = p->tokens = p->owners_count = 0;
    p->traced = p->judged = false;
}

static bool equal(const encoder_sequence *a, const encoder_sequence *b)
{
    return (a->output == ENCODER_VECTOR || a->output == ENCODER_SPARSE) && a->output == b->output &&
           a->count == b->count && a->second == b->second && a->pooling == b->pooling &&
           a->normalize == b->normalize && memcmp(a->ids, b->ids, a->count * sizeof *a->ids) == 0;
}

/* The equal sequence in the pass, or its count. */
static size_t find_equal(const pass *p, const encoder_sequence *sequence, uint64_t hash)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->hashes[i] == hash && equal(&p->sequences[i], sequence))
            return i;
    return p->count;
}

bool pass_add(pass *p, scheduler_request *request, size_t index, size_t share_tokens, size_t max_tokens,
              size_t *cost_tokens)
{
    if (p->owners_count == p->capacity)
        return false;
    const encoder_sequence *sequence = &request->sequences[index];
    size_t computed = find_equal(p, sequence, request->hashes[index]);
    *cost_tokens = 0;
    if (computed == p->count) {
        if (p->count > 0 && (p->tokens >= share_tokens || p->tokens + sequence->count > max_tokens))
            return false;
        p->sequences[p->count] = *sequence;
        p->hashes[p->count] = request->hashes[index];
        p->count++;
        p->tokens += sequence->count;
        *cost_tokens = sequence->count;
    }
    p->owners[p->owners_count++] = (pass_owner){request, index, computed};
    p->traced = p->traced || request->traced;
    p->judged = p->judged || request->judge != NULL;
    return true;
}

void pass_spread(const pass *p)
{
    for (size_t i = 0; i < p->owners_count; i++) {
        const pass_owner *owner = &p->owners[i];
        float *vector = owner->request->sequences[owner->index].vector;
        const float *computed = p->sequences[owner->computed].vector;
        if (vector != computed)
            memcpy(vector, computed, owner->request->dimension * sizeof *vector);
    }
}
