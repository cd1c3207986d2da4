#include "engine/prefix_pass.h"

#include "base/memory.h"

size_t prefix_pass_open(prefix_pass *p, prefix_cache *cache, const head_chain *heads, size_t most_texts)
{
    *p = (prefix_pass){.cache = cache, .heads = heads};
    if (cache == NULL)
        return 0;
    p->reuse = mem_alloc(most_texts, sizeof *p->reuse);
    p->entries = mem_alloc(most_texts, sizeof *p->entries);
    if (p->reuse != NULL && p->entries != NULL)
        return most_texts * (sizeof *p->reuse + sizeof *p->entries);
    prefix_pass_close(p);
    return 0;
}

/* Of what a pass uses, also of one that was given up before it began. */
static void let_go(prefix_pass *p)
{
    for (size_t i = 0; i < p->texts; i++)
        prefix_cache_release(p->cache, p->entries[i]);
    p->texts = 0;
    if (p->made != NULL)
        prefix_cache_release(p->cache, p->made);
    p->made = NULL;
}

void prefix_pass_close(prefix_pass *p)
{
    let_go(p);
    mem_free(p->reuse);
    mem_free(p->entries);
    *p = (prefix_pass){.cache = NULL};
}

static bool may_take(const prefix_pass *p, const encoder_sequence *sequence)
{
    return !sequence->whole && sequence->count > PREFIX_LEAST_TOKENS &&
           head_chain_takes_last(p->heads, sequence);
}

/* Of several beginnings that are worth an entry the longest: a shorter one of the same kind is a part of it. */
bool prefix_pass_plan(prefix_pass *p, const encoder_sequence *sequences, size_t count,
                      encoder_sequence *prefix)
{
    const encoder_sequence *best = NULL;
    size_t tokens = 0;
    let_go(p);
    for (size_t i = 0; i < count && p->cache != NULL; i++) {
        const size_t worth = may_take(p, &sequences[i])
                                 ? prefix_cache_note(p->cache, sequences[i].ids, sequences[i].count)
                                 : 0;
        if (worth > tokens) {
            best = &sequences[i];
            tokens = worth;
        }
    }
    if (best == NULL)
        return false;
    p->made = prefix_cache_make(p->cache, best->ids, tokens, &p->filled);
    if (p->made == NULL)
        return false;
    *prefix = (encoder_sequence){.ids = p->made->ids, .count = tokens, .output = ENCODER_PREFIX};
    return true;
}

static void note_text(prefix_pass *p, prefix_entry *entry, const prefix_entry *from, size_t tokens)
{
    p->entries[p->texts] = entry;
    p->reuse[p->texts++] =
        tokens > 0 ? (cpu_reuse){from->rows, from->tokens, tokens} : (cpu_reuse){.tokens = 0};
}

size_t prefix_pass_take(prefix_pass *p, const encoder_sequence *sequence)
{
    prefix_entry *entry = NULL;
    size_t tokens = 0;
    if (p->cache == NULL)
        return 0;
    if (sequence->output == ENCODER_PREFIX) {
        /* Its first rows are there already, copied from another entry. */
        note_text(p, NULL, p->made, p->filled);
        return p->filled;
    }
    if (may_take(p, sequence)) {
        tokens = prefix_cache_find(p->cache, sequence->ids, sequence->count, &entry);
        prefix_cache_count(p->cache, tokens);
    }
    note_text(p, entry, entry, tokens);
    return tokens;
}

void prefix_pass_share(const prefix_pass *p, cpu_state *state)
{
    if (p->cache != NULL)
        cpu_state_share(state, &(cpu_sharing){.reuse = p->reuse,
                                              .keep = p->made != NULL ? p->made->rows : NULL,
                                              .keep_stride = p->made != NULL ? p->made->tokens : 0});
}

void prefix_pass_end(prefix_pass *p, const cpu_device *device)
{
    /* Numbers that overflow are not kept: the texts fail with their own. */
    if (p->made != NULL && cpu_device_prefix_is_finite(device, p->made->rows, p->made->tokens))
        prefix_cache_keep(p->cache, p->made);
    let_go(p);
}
