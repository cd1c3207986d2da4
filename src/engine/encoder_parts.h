/* The parts of an opened model, for encoder.c, which puts them together, and encoder_state.c, whose passes go through them. */
#ifndef ENGINE_ENCODER_PARTS_H
#define ENGINE_ENCODER_PARTS_H

#include "engine/encoder.h"

#include "engine/device/cpu_device.h"
#include "engine/device/registry.h"
#include "engine/head_chain.h"
#include "engine/pooling.h"
#include "engine/prefix_cache.h"
#include "engine/settings.h"
#include "tokenizer/token_pair.h"

struct encoder {
    model *files;
    char *folder;
    device_model loaded; /* what devices compute with */
    tokenizer *tok;
    token_pair_frame frame; /* of a language model that ranks */
    cpu_device *cpu;
    device *preferred;         /* passes go to it first; NULL = the CPU alone */
    size_t device_pass_tokens; /* of a pass for it; 0 = as for the CPU */
    head_chain *heads;
    prefix_cache *prefixes; /* NULL = texts take nothing over */
    aki_settings settings;  /* complete: no field means "default" any more */
    bool pass_tokens_given;
    log_sink log;
    bool pinned; /* the workers are to be */
    not_finite *doubt;
};

/* Tokens of the longest pass: a text that is longer than what passes are planned with is a pass of its own. */
size_t encoder_longest_pass(const encoder *enc);

#endif
