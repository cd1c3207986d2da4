#include "tokenizer/token_pair.h"

#include "base/error.h"
#include "tokenizer/tokenizer_parts.h"

#include <string.h>

/* Ids that are kept of each text. */
typedef struct kept {
    size_t first, second;
} kept;

bool token_pair_known(const tokenizer *tok)
{
    return tok->pair.known;
}

bool token_pair_instructed(const tokenizer *tok)
{
    return tok->frame != NULL;
}

bool token_pair_typed(const tokenizer *tok)
{
    return tok->pair.typed;
}

size_t token_pair_special_count(const tokenizer *tok)
{
    return tok->pair.before.count + tok->pair.between.count + tok->pair.after.count;
}

static aki_text text_of(const char *string)
{
    return (aki_text){string, strlen(string)};
}

/* Ids of several texts as one. */
static bool encode_together(const tokenizer *tok, tokenizer_scratch *scratch, const aki_text *parts,
                            size_t count, size_t stop_count, id_list *out)
{
    buf whole;
    bool done = true;
    buf_init(&whole, SIZE_MAX);
    for (size_t i = 0; i < count && done; i++)
        done = buf_append(&whole, parts[i].data, parts[i].length);
    done =
        done && tokenizer_encode_content(tok, scratch, (aki_text){whole.data, whole.length}, stop_count, out);
    buf_free(&whole);
    return done;
}

/* Ids of the text alone, in *list; false = out of memory. */
static bool encode_alone(const tokenizer *tok, const char *text, id_list *list)
{
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    *list = (id_list){0};
    const bool done =
        scratch != NULL && tokenizer_encode_content(tok, scratch, text_of(text), SIZE_MAX, list);
    tokenizer_scratch_close(scratch);
    return done;
}

aki_status token_pair_set_frame(tokenizer *tok, const token_pair_frame *frame, aki_error *error)
{
    id_list after;
    aki_status status = AKI_OK;
    if (!encode_alone(tok, frame->after_second, &after)) {
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the text around pairs");
    } else if (after.count > TOKENIZER_SPECIAL_TOKENS_MAX) {
        status = error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "the tokenizer makes %zu tokens of what stands behind a pair of texts; supported are at "
            "most %d: it lacks the model's special tokens",
            after.count, TOKENIZER_SPECIAL_TOKENS_MAX);
    } else {
        tok->pair = (pair_ids){.known = true};
        tok->pair.after.count = after.count;
        memcpy(tok->pair.after.ids, after.ids, after.count * sizeof *after.ids);
        tok->frame = frame;
    }
    id_list_free(&after);
    return status;
}

int32_t token_pair_answer(const tokenizer *tok, const char *text)
{
    id_list found;
    const int32_t id = encode_alone(tok, text, &found) && found.count == 1 ? found.ids[0] : -1;
    id_list_free(&found);
    return id;
}

/* Without a frame the text alone. */
static bool encode_first(const tokenizer *tok, tokenizer_scratch *scratch, aki_text instruction,
                         aki_text text)
{
    const token_pair_frame *frame = tok->frame;
    scratch->first.count = 0;
    if (frame == NULL)
        return tokenizer_encode_content(tok, scratch, text, SIZE_MAX, &scratch->first);
    const aki_text parts[] = {text_of(frame->before_instruction),
                              instruction.length > 0 ? instruction : text_of(frame->instruction),
                              text_of(frame->before_first), text, text_of(frame->after_first)};
    return encode_together(tok, scratch, parts, sizeof parts / sizeof parts[0], SIZE_MAX, &scratch->first);
}

aki_status token_pair_first(const tokenizer *tok, tokenizer_scratch *scratch, aki_text instruction,
                            aki_text text, aki_error *error)
{
    if (!tok->pair.known)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "the model's tokenizer does not say how two texts become one sequence");
    aki_status status = tokenizer_check_text(instruction, error);
    if (status == AKI_OK)
        status = tokenizer_check_text(text, error);
    if (status == AKI_OK && !encode_first(tok, scratch, instruction, text))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokens of a text of %zu bytes",
                         text.length);
    return status;
}

static bool encode_second(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text, size_t stop_count)
{
    scratch->second.count = 0;
    if (tok->frame == NULL)
        return tokenizer_encode_content(tok, scratch, text, stop_count, &scratch->second);
    const aki_text parts[] = {text_of(tok->frame->before_second), text};
    return encode_together(tok, scratch, parts, sizeof parts / sizeof parts[0], stop_count, &scratch->second);
}

/* TruncationStrategy::LongestFirst of `tokenizers`, for texts that are longer than `room` together: the longer one is cut to
 * what the other leaves; where both are longer than half of the room, each gets a half, and the longer one the odd token. */
static kept cut_longest_first(kept whole, size_t room)
{
    const bool swap = whole.first > whole.second;
    size_t shorter = swap ? whole.second : whole.first, longer;
    longer = shorter > room || room - shorter < shorter ? shorter : room - shorter;
    if (shorter + longer > room) {
        shorter = room / 2;
        longer = shorter + room % 2;
    }
    return swap ? (kept){longer, shorter} : (kept){shorter, longer};
}

/* The ids to keep, or AKI_TEXT_TOO_LONG. */
static aki_status cut(kept *lengths, size_t room, bool second_only, aki_error *error)
{
    if (lengths->first + lengths->second <= room)
        return AKI_OK;
    if (!second_only) {
        *lengths = cut_longest_first(*lengths, room);
        return AKI_OK;
    }
    if (lengths->first >= room)
        return error_set(error, AKI_TEXT_TOO_LONG,
                         "the first text has %zu tokens, which leaves no room for the second one",
                         lengths->first);
    lengths->second = room - lengths->first;
    return AKI_OK;
}

static bool append(id_list *to, const id_list *from, size_t count, bool tail)
{
    if (count == 0)
        return true;
    if (!id_list_reserve(to, count))
        return false;
    memcpy(to->ids + to->count, from->ids + (tail ? from->count - count : 0), count * sizeof *to->ids);
    to->count += count;
    return true;
}

/* Puts the parts together in scratch->ids. */
static bool compose(const tokenizer *tok, tokenizer_scratch *scratch, kept lengths, bool tail,
                    token_span *out)
{
    const pair_ids *pair = &tok->pair;
    id_list *ids = &scratch->ids;
    ids->count = 0;
    bool done =
        tokenizer_append_special(ids, &pair->before) && append(ids, &scratch->first, lengths.first, tail);
    const size_t between = ids->count;
    done = done && tokenizer_append_special(ids, &pair->between) &&
           append(ids, &scratch->second, lengths.second, tail) && tokenizer_append_special(ids, &pair->after);
    const size_t second = between + pair->untyped_between;
    *out = (token_span){
        .ids = ids->ids, .count = ids->count, .second = pair->typed && second < ids->count ? second : 0};
    return done;
}

aki_status token_pair_second(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                             const token_pair_limits *limits, token_span *out, aki_error *error)
{
    const size_t special = token_pair_special_count(tok), first = scratch->first.count;
    const bool tail = limits->keep_tail || tok->truncate_left;
    aki_status status = tokenizer_check_text(text, error);
    if (status != AKI_OK)
        return status;
    if (limits->max_tokens != 0 && limits->max_tokens < special)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "a limit of %zu tokens has no room for the %zu special tokens of a pair",
                         limits->max_tokens, special);
    const size_t room = limits->max_tokens != 0 ? limits->max_tokens - special : SIZE_MAX / 2;
    const size_t most =
        limits->second_tokens != 0 && limits->second_tokens < room ? limits->second_tokens : room;
    bool done = encode_second(tok, scratch, text, tail ? SIZE_MAX : most + 1);
    /* Which of two texts that are both too long gets the odd token depends on the whole length of both. */
    if (done && !tail && most == room && first > room && scratch->second.count > room && room % 2 == 1)
        done = encode_second(tok, scratch, text, SIZE_MAX);
    kept lengths = {first, scratch->second.count};
    if (limits->second_tokens != 0 && lengths.second > limits->second_tokens)
        lengths.second = limits->second_tokens;
    if (done)
        status = cut(&lengths, room, limits->second_only || tok->frame != NULL, error);
    if (status != AKI_OK)
        return status;
    if (!done || !compose(tok, scratch, lengths, tail, out))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokens of a text of %zu bytes",
                         text.length);
    out->truncated = lengths.first < first || lengths.second < scratch->second.count;
    return out->count > 0 ? AKI_OK : error_set(error, AKI_NO_TOKENS, "neither text of the pair has a token");
}
