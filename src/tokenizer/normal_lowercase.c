/* The Lowercase normalizer: full lower case of each character by itself, as a part of BERT's normalizer. */
#include "tokenizer/normal_stages.h"

#include "base/error.h"
#include "base/memory.h"
#include "tokenizer/normalizer.h"

static void free_lowercase(void *data)
{
    normalizer_free(data);
    mem_free(data);
}

static aki_status read_lowercase(void **data, const json_t *part, const char *path, aki_error *error)
{
    (void)part;
    normalizer *norm = mem_zalloc(1, sizeof *norm);
    if (norm == NULL || !normalizer_build(norm, (normalizer_flags){.lowercase = true})) {
        mem_free(norm);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a normalizer of '%s'", path);
    }
    *data = norm;
    return AKI_OK;
}

static bool run_lowercase(const void *data, const char *text, size_t length, buf *out)
{
    normalizer_state state = {0};
    const bool done = normalizer_run(data, &state, text, length, out) && normalizer_finish(&state, out);
    normalizer_state_free(&state);
    return done;
}

static bool cuts_at_space(const void *data)
{
    (void)data;
    return true;
}

const normal_kind normal_lowercase = {"Lowercase", read_lowercase, free_lowercase, run_lowercase,
                                      cuts_at_space};
