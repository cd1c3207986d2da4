#include "tokenizer/normal_stages.h"

#include "base/error.h"
#include "base/utf8.h"
#include "tokenizer/token_json.h"

#include <string.h>

static const normal_kind *const kinds[] = {&normal_precompiled, &normal_replace,   &normal_strip,
                                           &normal_prepend,     &normal_lowercase, &normal_nfc,
                                           &normal_nfd,         &normal_nfkc,      &normal_nfkd};

static aki_status read_one(normal_stages *stages, const json_t *part, const char *path, aki_error *error)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const normal_kind *kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && type != NULL; i++)
        if (strcmp(kinds[i]->type, type) == 0)
            kind = kinds[i];
    if (kind == NULL)
        return error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "'%s' has the \"normalizer\" type '%.100s'; with a Unigram or a BPE model this "
            "program runs Precompiled, Replace, Strip, Prepend, Lowercase, NFC, NFD, NFKC, NFKD and a "
            "Sequence of them",
            path, type != NULL ? type : "(none)");
    aki_status status = kind->read(&stages->items[stages->count].data, part, path, error);
    if (status == AKI_OK)
        stages->items[stages->count++].kind = kind;
    return status;
}

aki_status normal_stages_read(normal_stages *stages, const json_t *part, const char *path, aki_error *error)
{
    stage_parts parts;
    *stages = (normal_stages){0};
    aki_status status = stage_parts_read(&parts, part, "normalizer", "normalizers", path, error);
    for (size_t i = 0; status == AKI_OK && i < parts.count; i++)
        status = read_one(stages, parts.items[i], path, error);
    if (status != AKI_OK)
        normal_stages_free(stages);
    return status;
}

void normal_stages_free(normal_stages *stages)
{
    for (size_t i = 0; i < stages->count; i++)
        stages->items[i].kind->free(stages->items[i].data);
    *stages = (normal_stages){0};
}

void normal_stages_keep_precompiled(normal_stages *stages)
{
    normal_stages kept = {0};
    for (size_t i = 0; i < stages->count; i++) {
        if (stages->items[i].kind == &normal_precompiled && kept.count == 0)
            kept.items[kept.count++] = stages->items[i];
        else
            stages->items[i].kind->free(stages->items[i].data);
    }
    *stages = kept;
}

bool normal_stages_keep_start(const normal_stages *stages)
{
    for (size_t i = 0; i < stages->count; i++)
        if (stages->items[i].kind->first == NULL)
            return false;
    return true;
}

size_t normal_stages_first(const normal_stages *stages, const char *text, size_t length)
{
    uint32_t code_point;
    return stages->count > 0 ? stages->items[0].kind->first(stages->items[0].data, text, length)
                             : utf8_decode(text, &code_point);
}

bool normal_stages_cut_at_space(const normal_stages *stages)
{
    for (size_t i = 0; i < stages->count; i++)
        if (stages->items[i].kind->cuts_at_space == NULL ||
            !stages->items[i].kind->cuts_at_space(stages->items[i].data))
            return false;
    return true;
}

bool normal_stages_run(const normal_stages *stages, const char *text, size_t length, buf buffers[2],
                       const char **result, size_t *result_length)
{
    *result = text;
    *result_length = length;
    for (size_t i = 0; i<stages->count && * result_length> 0; i++) {
        buf *out = &buffers[i % 2];
        buf_clear(out);
        if (!stages->items[i].kind->run(stages->items[i].data, *result, *result_length, out))
            return false;
        *result = out->data;
        *result_length = out->length;
    }
    return true;
}
