/* The safetensors reader and the binding of small models' tensors on any bytes. Checks what a reader of the entries
 * relies on: they lie in the file and cover it, and every element can be read. */
#include "fuzz.h"

#include "model/families.h"
#include "model/safetensors.h"
#include "model/weights.h"

#include <string.h>

#define STEP 64

static size_t elements(const safetensors_entry *entry)
{
    size_t count = 1;
    for (size_t i = 0; i < entry->rank; i++)
        count *= entry->shape[i];
    return count;
}

static void read_all(const model_tensor *tensor)
{
    float values[STEP];
    size_t count = tensor->rows * tensor->columns;
    for (size_t first = 0; first < count; first += STEP)
        tensor_read_f32(tensor, first, count - first < STEP ? count - first : STEP, values);
}

static void check_entries(const safetensors *file, const uint8_t *data, size_t size)
{
    static const struct {
        const char *name;
        model_dtype dtype;
    } readable[] = {{"F32", MODEL_F32}, {"F16", MODEL_F16}, {"BF16", MODEL_BF16}};
    size_t covered = 0, first = size;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const safetensors_entry *entry = safetensors_at(file, i);
        FUZZ_CHECK(safetensors_find(file, entry->name) == entry);
        FUZZ_CHECK(entry->begin >= 8 && entry->begin <= entry->end && entry->end <= size);
        FUZZ_CHECK(entry->rank <= MODEL_MAX_RANK && strlen(entry->name) == entry->name_length);
        covered += entry->end - entry->begin;
        first = entry->begin < first ? entry->begin : first;
        for (size_t j = 0; j < sizeof readable / sizeof readable[0]; j++) {
            if (strcmp(readable[j].name, entry->dtype) != 0)
                continue;
            model_tensor tensor = {data + entry->begin, readable[j].dtype, 1, elements(entry)};
            read_all(&tensor);
        }
    }
    FUZZ_CHECK(safetensors_count(file) == 0 || covered == size - first);
}

static void check_binding(const model_family *family, const safetensors *file, const uint8_t *data)
{
    const model_config config = {.family = family,
                                 .vocabulary_size = 3,
                                 .hidden_size = 2,
                                 .layers = 1,
                                 .heads = 1,
                                 .head_size = 2,
                                 .intermediate_size = 3,
                                 .max_positions = 2,
                                 .token_types = 1};
    model_weights weights;
    aki_error error = {.message = ""};
    if (weights_bind(&weights, &config, file, data, "file", &error) == AKI_OK) {
        for (size_t i = 0; i < MODEL_OUTER_TENSORS; i++)
            read_all(&weights.tensors[i]);
        for (size_t i = 0; i < MODEL_LAYER_TENSORS; i++)
            read_all(&weights.layers[0].tensors[i]);
    } else {
        FUZZ_CHECK(error.message[0] != '\0' && error.hint[0] != '\0');
    }
    weights_free(&weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    safetensors *file = NULL;
    aki_error error = {.message = ""};
    if (safetensors_parse(&file, data, size, "file", &error) == AKI_OK) {
        check_entries(file, data, size);
        check_binding(&family_bert, file, data);
        check_binding(&family_distilbert, file, data);
        check_binding(&family_mpnet, file, data);
        check_binding(&family_gemma3_text, file, data);
        check_binding(&family_gte, file, data);
        check_binding(&family_modernbert, file, data);
        check_binding(&family_nomic_bert, file, data);
    } else {
        FUZZ_CHECK(file == NULL && error.message[0] != '\0' && error.hint[0] != '\0');
    }
    safetensors_close(file);
    return 0;
}
