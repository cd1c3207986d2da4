#include "tokenizer/staged.h"

#include "base/error.h"

#include <string.h>

aki_status staged_build(staged *stages, definition *def, const vocabulary *vocab, aki_error *error)
{
    stages->normal = def->normal;
    stages->split = def->split;
    def->normal = (normal_stages){0};
    def->split = (split_stages){0};
    stages->windows =
        normal_stages_cut_at_space(&stages->normal) && split_stages_cut_at_space(&stages->split);
    split_stages_drop_idle(&stages->split);
    stages->model.is_bpe = def->model == MODEL_BPE;
    return stages->model.is_bpe ? bpe_build(&stages->model.bpe, vocab, def->model_count, &def->bpe, error)
                                : unigram_build(&stages->model.unigram, vocab, def->model_count, def->scores,
                                                def->unknown_id, def->byte_fallback, error);
}

void staged_free(staged *stages)
{
    normal_stages_free(&stages->normal);
    split_stages_free(&stages->split);
    unigram_free(&stages->model.unigram);
    bpe_free(&stages->model.bpe);
}

void staged_scratch_init(staged_scratch *scratch)
{
    *scratch = (staged_scratch){0};
    for (size_t i = 0; i < 2; i++)
        buf_init(&scratch->normal[i], SIZE_MAX / 2);
    for (size_t i = 0; i < TOKENIZER_STAGES_MAX; i++)
        buf_init(&scratch->texts[i], SIZE_MAX / 2);
}

void staged_scratch_free(staged_scratch *scratch)
{
    for (size_t i = 0; i < 2; i++)
        buf_free(&scratch->normal[i]);
    for (size_t i = 0; i < TOKENIZER_STAGES_MAX; i++)
        buf_free(&scratch->texts[i]);
    unigram_scratch_free(&scratch->model.unigram);
    bpe_scratch_free(&scratch->model.bpe);
}

bool staged_normalize(const staged *stages, staged_scratch *scratch, const char *text, size_t length,
                      const char **result, size_t *result_length)
{
    return normal_stages_run(&stages->normal, text, length, scratch->normal, result, result_length);
}

size_t staged_first(const staged *stages, const char *text, size_t length)
{
    return split_stages_ask_first(&stages->split) ? normal_stages_first(&stages->normal, text, length) : 1;
}

bool staged_split(const staged *stages, staged_scratch *scratch, const word_classes *classes,
                  split_piece text, id_list *out, size_t stop_count)
{
    split_run run = {.stages = &stages->split,
                     .classes = classes,
                     .model = &stages->model,
                     .scratch = &scratch->model,
                     .texts = scratch->texts,
                     .out = out,
                     .stop_count = stop_count};
    return text.length == 0 || split_run_piece(&run, 0, text);
}

/* Length of the next window: to before the first space behind TOKENIZER_WINDOW_BYTES that follows an ASCII character other
 * than white space, or to the end. Nothing joins the two: a mark would have to stand between them. */
static size_t window_of(const staged *stages, const char *text, size_t length)
{
    if (!stages->windows)
        return length;
    for (size_t from = TOKENIZER_WINDOW_BYTES; from < length;) {
        const char *space = memchr(text + from, ' ', length - from);
        if (space == NULL)
            return length;
        if (space[-1] > ' ' && (unsigned char)space[-1] < 0x80)
            return (size_t)(space - text);
        from = (size_t)(space - text) + 1;
    }
    return length;
}

bool staged_encode(const staged *stages, staged_scratch *scratch, const word_classes *classes,
                   split_piece text, id_list *out, size_t stop_count)
{
    while (text.length > 0 && out->count < stop_count) {
        size_t window = window_of(stages, text.text, text.length);
        split_piece normal = {.first = text.first > 0 ? staged_first(stages, text.text, window) : 0};
        if (!staged_normalize(stages, scratch, text.text, window, &normal.text, &normal.length))
            return false;
        normal.room = normal.length;
        if (!staged_split(stages, scratch, classes, normal, out, stop_count))
            return false;
        text = split_piece_part(text, window, text.length);
    }
    return true;
}
