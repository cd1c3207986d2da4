/* Decides for each pass of a worker which beginnings of its texts are read from the model's prefix cache instead of being computed.
 *
 * Before a pass, prefix_pass_plan looks for a beginning that is worth an entry. Where there is one it becomes a pass of its own, of the
 * beginning alone, and not a part of a text's pass: a text whose numbers overflow later would spoil what others take over.
 *
 * Only texts whose vector is made of their last token's state take something over: there are no states of the tokens before. */
#ifndef ENGINE_PREFIX_PASS_H
#define ENGINE_PREFIX_PASS_H

#include "engine/device/cpu_device.h"
#include "engine/encoder.h"
#include "engine/head_chain.h"
#include "engine/prefix_cache.h"

typedef struct prefix_pass {
    prefix_cache *cache; /* NULL = nothing is ever taken over */
    const head_chain *heads;
    cpu_reuse *reuse;       /* [texts] of the pass */
    prefix_entry **entries; /* [texts]: that they take from; NULL = none */
    size_t texts;           /* that are filled in */
    prefix_entry *made;     /* is computed by this pass, or the next; NULL = none */
    size_t filled;          /* its first tokens, which need not be */
} prefix_pass;

/* Returns the memory that it takes: none where cache is NULL, or where there is no memory, and texts are computed whole. most_texts: of
 * a pass. */
size_t prefix_pass_open(prefix_pass *p, prefix_cache *cache, const head_chain *heads, size_t most_texts);
void prefix_pass_close(prefix_pass *p);

/* True: *prefix is to be computed first, by a pass of its own. Before each pass, with no lock held. */
bool prefix_pass_plan(prefix_pass *p, const encoder_sequence *sequences, size_t count,
                      encoder_sequence *prefix);

/* Text after text. Returns how many tokens the next one of the pass takes over. */
size_t prefix_pass_take(prefix_pass *p, const encoder_sequence *sequence);
/* When the pass has all its texts. */
void prefix_pass_share(const prefix_pass *p, cpu_state *state);
/* The pass is over. */
void prefix_pass_end(prefix_pass *p, const cpu_device *device);

#endif
