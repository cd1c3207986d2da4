#include "tokenizer/definition.h"

#include "base/memory.h"

void definition_free(definition *def)
{
    vocabulary_free(&def->vocab);
    mem_free(def->unknown);
    mem_free(def->prefix);
    normal_stages_free(&def->normal);
    split_stages_free(&def->split);
    mem_free(def->bpe.merges);
    mem_free(def->scores);
    mem_free(def->exact_scores);
    mem_free(def->added);
    mem_free(def->pad_token);
    token_decoder_free(&def->decoder);
    *def = (definition){0};
}

void definition_pair_texts(definition *def, size_t separators, bool typed)
{
    def->pair = (pair_ids){.before = def->before,
                           .after = def->after,
                           .known = def->after.count == 1 && separators <= TOKENIZER_SPECIAL_TOKENS_MAX,
                           .typed = typed,
                           .untyped_between = separators};
    for (size_t i = 0; def->pair.known && i < separators; i++)
        def->pair.between.ids[def->pair.between.count++] = def->after.ids[0];
}
