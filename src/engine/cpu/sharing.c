/* Keys and values of a text's beginning: a pass reads those that an earlier pass kept, and keeps its own for later ones. Rows of a layer are [key heads][head_size] keys, and as
 * many values behind them, of consecutive tokens. */
#include "engine/cpu/internal.h"

#include <math.h>
#include <string.h>

size_t cpu_device_prefix_row_bytes(const cpu_device *device)
{
    const model_config *config = &device->config;
    const model_graph *graph = &config->graph;
    /* Positions that depend on the tokens before, biases and token types are those of families that see the whole text. */
    if (!graph->causal || graph->positions_skip_padding || device->relative != NULL ||
        config->token_types > 1)
        return 0;
    return 2 * model_key_size(config) * cpu_number_size(device);
}

bool cpu_device_prefix_is_finite(const cpu_device *device, const unsigned char *rows, size_t tokens)
{
    const void *numbers = rows;
    const size_t count = device->config.layers * tokens * 2 * model_key_size(&device->config);
    bool finite = true;
    if (device->linear->number == KERNEL_BF16)
        for (size_t i = 0; i < count; i++)
            finite &= (((const uint16_t *)numbers)[i] & 0x7f80) != 0x7f80;
    else
        for (size_t i = 0; i < count; i++)
            finite &= isfinite(((const float *)numbers)[i]) != 0;
    return finite;
}

void cpu_state_share(cpu_state *state, const cpu_sharing *sharing)
{
    state->next_sharing = *sharing;
}

void cpu_take_over(const cpu_device *device, const cpu_reuse *reuse, size_t layer,
                   kernel_attention *attention)
{
    if (reuse->tokens == 0)
        return;
    attention->tokens += reuse->tokens;
    attention->prefix_tokens = reuse->tokens;
    attention->prefix_stride = 2 * model_key_size(&device->config);
    attention->prefix = reuse->rows + layer * reuse->stride * cpu_device_prefix_row_bytes(device);
}

static void keep_head(const cpu_device *device, const cpu_sharing *sharing, size_t layer, size_t head,
                      const kernel_attention *attention)
{
    const size_t size = cpu_number_size(device), bytes = device->config.head_size * size;
    const size_t row = cpu_device_prefix_row_bytes(device), values = row / 2;
    unsigned char *to = sharing->keep + (layer * sharing->keep_stride * row) + head * bytes;
    for (size_t t = attention->prefix_tokens; t < attention->tokens; t++) {
        const unsigned char *from = (const unsigned char *)kernel_keys_of(attention, t, size) + head * bytes;
        memcpy(to + t * row, from, bytes);
        memcpy(to + t * row + values, from + values, bytes);
    }
}

void cpu_keep(const cpu_device *device, const cpu_sharing *sharing, size_t layer,
              const kernel_attention *attention)
{
    const size_t group = attention->heads / kernel_key_value_heads(attention);
    const size_t end = attention->first_head + attention->head_count;
    for (size_t head = attention->first_head; head < end && sharing->keep != NULL; head++)
        if (head % group == 0)
            keep_head(device, sharing, layer, head / group, attention);
}
