/* A classifier behind a pipe, for tests that compare it with others. Usage: score_stdin <model folder> <precision> <tier> <threads>
 *
 * Reads requests from stdin until it ends: uint32 kind (0 to 2: aki_scores of pairs, 3: raw scores of single texts, 4: the token ids of
 * pairs), uint32 count, then for each pair twice uint32 length and that many bytes. A single text's second length is 0. Writes an answer
 * to each: int32 status (aki_status), then, where that is 0, for scores uint32 labels and f32 [count][labels]; for ids of each pair
 * uint32 count, uint32 truncated, uint32 second (the first token of type 1, 0 = none) and int32 ids[count]. All numbers
 * little-endian. Exits with 1 and a message where the model cannot be loaded. */
#include "akidb/embed.h"
#include "engine/encoder.h"
#include "kernels/precision.h"
#include "pipe.h"
#include "tokenizer/token_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 4096u
enum { KIND_SINGLES = 3, KIND_IDS = 4 };

typedef struct request {
    uint32_t kind, count;
    aki_text *firsts, *seconds;
} request;

static bool read_request(request *r)
{
    uint32_t head[2];
    if (!read_exactly(head, sizeof head) || head[1] == 0 || head[1] > COUNT_MAX)
        return false;
    *r = (request){.kind = head[0], .count = head[1]};
    r->firsts = calloc(r->count, sizeof *r->firsts);
    r->seconds = calloc(r->count, sizeof *r->seconds);
    bool good = r->firsts != NULL && r->seconds != NULL;
    for (uint32_t i = 0; i < r->count && good; i++)
        good = read_text(&r->firsts[i]) && read_text(&r->seconds[i]);
    return good;
}

static void free_request(request *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        free((char *)r->firsts[i].data);
        free((char *)r->seconds[i].data);
    }
    free(r->firsts);
    free(r->seconds);
}

static bool answer_scores(aki_model *m, const request *r)
{
    const uint32_t labels = (uint32_t)aki_dimension(m);
    const bool singles = r->kind == KIND_SINGLES;
    const aki_score_options options = {.scores = singles ? AKI_SCORES_RAW : (aki_scores)r->kind};
    float *scores = malloc(r->count * labels * sizeof *scores);
    aki_error error;
    const int32_t status = (int32_t)aki_classify(m, r->firsts, singles ? NULL : r->seconds, r->count,
                                                 &options, scores, NULL, &error);
    const bool good =
        put(&status, sizeof status) &&
        (status != 0 || (put(&labels, sizeof labels) && put(scores, r->count * labels * sizeof *scores)));
    free(scores);
    return good;
}

static aki_status pair_of(const encoder *enc, tokenizer_scratch *scratch, const request *r, uint32_t at,
                          token_span *span)
{
    const token_pair_limits limits = {.max_tokens = 0};
    const aki_status status = encoder_pair_first(enc, scratch, (aki_text){0}, r->firsts[at], NULL);
    return status == AKI_OK ? encoder_pair_second(enc, scratch, r->seconds[at], &limits, false, span, NULL)
                            : status;
}

/* Of the first pair the status; the others must be as good. */
static bool answer_ids(const encoder *enc, tokenizer_scratch *scratch, const request *r)
{
    token_span span = {0};
    const int32_t status = (int32_t)pair_of(enc, scratch, r, 0, &span);
    bool good = put(&status, sizeof status);
    for (uint32_t i = 0; i < r->count && good && status == AKI_OK; i++) {
        good = pair_of(enc, scratch, r, i, &span) == AKI_OK;
        const uint32_t head[] = {(uint32_t)span.count, span.truncated, (uint32_t)span.second};
        good = good && put(head, sizeof head) && put(span.ids, span.count * sizeof *span.ids);
    }
    return good;
}

static bool serve(aki_model *m, const encoder *enc)
{
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    request r = {0};
    bool good = scratch != NULL;
    while (good && read_request(&r)) {
        good =
            (r.kind == KIND_IDS ? answer_ids(enc, scratch, &r) : answer_scores(m, &r)) && fflush(stdout) == 0;
        free_request(&r);
        r = (request){0};
    }
    free_request(&r);
    tokenizer_scratch_close(scratch);
    return good;
}

int main(int argc, char **argv)
{
    aki_model *m = NULL;
    encoder *enc = NULL;
    aki_error error = {.message = "usage: score_stdin <model folder> <precision> <tier> <threads>"};
    aki_settings settings;
    aki_settings_init(&settings);
    if (argc == 5) {
        for (aki_precision p = AKI_PRECISION_FP32; p <= AKI_PRECISION_INT4; p++)
            if (strcmp(kernel_precision_name(p), argv[2]) == 0)
                settings.precision = p;
        settings.cpu_tier = strcmp(argv[3], "auto") == 0 ? NULL : argv[3];
        settings.threads = (unsigned)strtoul(argv[4], NULL, 10);
    }
    if (argc != 5 || aki_open(&m, argv[1], &settings, &error) != AKI_OK ||
        encoder_open(&enc, argv[1], &settings, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", error.message);
        aki_close(&m);
        return 1;
    }
    const bool good = serve(m, enc);
    encoder_close(enc);
    aki_close(&m);
    return good ? 0 : 1;
}
