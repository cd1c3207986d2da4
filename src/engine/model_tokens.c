#include "engine/model_tokens.h"

#include "base/memory.h"
#include "model/modules.h"

aki_status model_tokens_open(tokenizer **out, model *m, aki_error *error)
{
    const model_config *config = model_configuration(m);
    if (!model_is_static(config))
        return tokenizer_open(out, model_folder(m), config->vocabulary_size, error);
    aki_status status =
        tokenizer_open_static(out, model_folder(m), config->vocabulary_size, config->drops_unknown, error);
    if (status == AKI_OK)
        model_limit_tokens(m, tokenizer_most_tokens(*out));
    return status;
}

aki_status model_tokens_open_folder(tokenizer **out, const char *folder, aki_error *error)
{
    bool is_static = false;
    char *transformer = NULL;
    model *m = NULL;
    *out = NULL;
    aki_status status = modules_find_transformer(&transformer, folder, error);
    if (status == AKI_OK)
        status = modules_find_static(&is_static, folder, error);
    if (status == AKI_OK && is_static) {
        status = model_open(&m, folder, error);
        if (status == AKI_OK)
            status = model_tokens_open(out, m, error);
        model_close(m);
    } else if (status == AKI_OK) {
        status = tokenizer_open(out, transformer, SIZE_MAX, error);
    }
    mem_free(transformer);
    return status;
}
