#include "tokenizer/split_stages.h"

#include "base/error.h"
#include "tokenizer/token_json.h"

#include <string.h>

static const split_kind *const kinds[] = {&split_whitespace, &split_metaspace,   &split_split,
                                          &split_digits,     &split_punctuation, &split_byte_level};

static aki_status read_one(split_stages *stages, const json_t *part, const char *path, aki_error *error)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const split_kind *kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && type != NULL; i++)
        if (strcmp(kinds[i]->type, type) == 0)
            kind = kinds[i];
    if (kind == NULL)
        return error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "'%s' has the \"pre_tokenizer\" type '%.100s'; with a Unigram or a BPE model this program runs "
            "WhitespaceSplit, Metaspace, Split, Digits, Punctuation, ByteLevel and a Sequence of them",
            path, type != NULL ? type : "(none)");
    aki_status status = kind->read(&stages->items[stages->count].data, part, path, error);
    if (status == AKI_OK)
        stages->items[stages->count++].kind = kind;
    return status;
}

aki_status split_stages_read(split_stages *stages, const json_t *part, const char *path, aki_error *error)
{
    stage_parts parts;
    *stages = (split_stages){0};
    aki_status status = stage_parts_read(&parts, part, "pre_tokenizer", "pretokenizers", path, error);
    for (size_t i = 0; status == AKI_OK && i < parts.count; i++)
        status = read_one(stages, parts.items[i], path, error);
    if (status != AKI_OK)
        split_stages_free(stages);
    return status;
}

bool split_stages_words(split_stages *stages, bool prefix)
{
    *stages = (split_stages){0};
    void *metaspace = metaspace_new("\xE2\x96\x81", 3, prefix ? METASPACE_ALWAYS : METASPACE_NEVER, true);
    if (metaspace == NULL)
        return false;
    stages->items[stages->count++].kind = &split_whitespace;
    stages->items[stages->count].kind = &split_metaspace;
    stages->items[stages->count++].data = metaspace;
    return true;
}

void split_stages_free(split_stages *stages)
{
    for (size_t i = 0; i < stages->count; i++)
        if (stages->items[i].kind->free != NULL)
            stages->items[i].kind->free(stages->items[i].data);
    *stages = (split_stages){0};
}

bool split_stages_cut_at_space(const split_stages *stages)
{
    return stages->count > 0 && stages->items[0].kind->cuts_at_space != NULL &&
           stages->items[0].kind->cuts_at_space(stages->items[0].data);
}

bool split_stages_byte_level(const split_stages *stages, bool *last)
{
    bool found = false;
    *last = true;
    for (size_t i = 0; i < stages->count; i++) {
        found = stages->items[i].kind == &split_byte_level;
        *last = *last && (!found || i + 1 == stages->count);
    }
    return found;
}

bool split_stages_ask_first(const split_stages *stages)
{
    for (size_t i = 0; i < stages->count; i++)
        if (stages->items[i].kind == &split_metaspace &&
            metaspace_prefix_of(stages->items[i].data) == METASPACE_FIRST)
            return true;
    return false;
}

void split_stages_drop_idle(split_stages *stages)
{
    size_t kept = 0;
    for (size_t i = 0; i < stages->count; i++) {
        const split_kind *kind = stages->items[i].kind;
        if (kind->idle != NULL && kind->idle(stages->items[i].data))
            kind->free(stages->items[i].data);
        else
            stages->items[kept++] = stages->items[i];
    }
    stages->count = kept;
}
