#include "engine/embed_options.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"
#include "engine/encoder.h"

#include <stdio.h>
#include <string.h>

static aki_status check_pooling(const aki_embed_options *options, const model_head *pooling, aki_error *error)
{
    if ((unsigned)options->pooling > AKI_POOLING_WEIGHTED_MEAN)
        return error_set(error, AKI_INVALID_ARGUMENT, "options.pooling %d is not known",
                         (int)options->pooling);
    if (options->pooling != AKI_POOLING_MODEL && pooling->poolings_count > 1)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "the model puts %zu poolings side by side, which no other pooling can take the "
                         "place of",
                         pooling->poolings_count);
    return AKI_OK;
}

static aki_status check_numbers(const aki_embed_options *options, const model_heads *heads, aki_error *error)
{
    if ((unsigned)options->normalize > AKI_OFF)
        return error_set(error, AKI_INVALID_ARGUMENT, "options.normalize %d is not known",
                         (int)options->normalize);
    if (options->dimensions > heads->dimension)
        return error_set(error, AKI_INVALID_ARGUMENT, "dimensions is %zu; the model's vectors have %zu",
                         options->dimensions, heads->dimension);
    return AKI_OK;
}

/* "query, document", as far as they fit. */
static void list_prompts(const model_prompts *prompts, char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < prompts->count && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", i > 0 ? ", " : "", prompts->items[i].name);
}

static aki_status find_prompt(const aki_embed_options *options, const model *m, aki_text *prompt,
                              aki_error *error)
{
    const model_prompts *prompts = model_prompts_of(m);
    const model_prompt *found = prompts->by_default;
    *prompt = options->prompt;
    if (options->prompt.data != NULL)
        return options->prompt_name == NULL
                   ? AKI_OK
                   : error_set(error, AKI_INVALID_ARGUMENT, "both prompt and prompt_name are given");
    if (options->prompt_name != NULL) {
        char list[256];
        found = model_prompt_find(m, options->prompt_name);
        list_prompts(prompts, list, sizeof list);
        if (found == NULL)
            return error_set(error, AKI_INVALID_ARGUMENT,
                             "the model has no prompt of the name \"%.64s\"; it has: %s",
                             options->prompt_name, list);
    }
    if (found != NULL)
        *prompt = (aki_text){found->text, found->length};
    return AKI_OK;
}

static aki_status check_prompt(aki_text prompt, const model_head *pooling, aki_error *error)
{
    if (prompt.length > MODEL_MAX_PROMPT_BYTES)
        return error_set(error, AKI_INVALID_ARGUMENT, "the prompt has %zu bytes; at most %zu are taken",
                         prompt.length, MODEL_MAX_PROMPT_BYTES);
    if (prompt.length > 0 && !utf8_valid(prompt.data, prompt.length, NULL))
        return error_set(error, AKI_INVALID_ARGUMENT, "the prompt is not valid UTF-8");
    if (prompt.length > 0 && pooling->leaves_prompt_out)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "the model's pooling has \"include_prompt\": false, which is not supported with a "
                         "prompt");
    return AKI_OK;
}

aki_status embed_options_read(const aki_embed_options *options, const model *m, aki_text *prompt,
                              aki_error *error)
{
    const model_heads *heads = model_heads_of(m);
    if (heads->task == MODEL_TASK_CLASSIFY) {
        *prompt = (aki_text){NULL, 0};
        return AKI_OK;
    }
    aki_status status = check_pooling(options, &heads->steps[0], error);
    if (status == AKI_OK)
        status = check_numbers(options, heads, error);
    if (status == AKI_OK)
        status = find_prompt(options, m, prompt, error);
    return status == AKI_OK ? check_prompt(*prompt, &heads->steps[0], error) : status;
}

aki_text encoder_join(buf *room, aki_text prompt, aki_text text)
{
    if (prompt.length == 0)
        return text;
    room->max_bytes = prompt.length + text.length + 1;
    buf_clear(room);
    if (!buf_append(room, prompt.data, prompt.length) || !buf_append(room, text.data, text.length))
        return (aki_text){NULL, 0};
    return (aki_text){room->data, room->length};
}
