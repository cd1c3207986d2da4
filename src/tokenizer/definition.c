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
