/* Fuzzes the models of `serve`: a models file, and what --model gives. The input is a pack: `file`, and `models` (one a line). */
#include "fuzz.h"
#include "scratch.h"

#include "cli/serve/model_list.h"

#include <string.h>

static void check_list(const model_list *list)
{
    aki_error error;
    FUZZ_CHECK(list->count > 0);
    FUZZ_CHECK(model_specs_check(list->specs, list->count, &error) == AKI_OK);
    for (size_t i = 0; i < list->count; i++) {
        const model_spec *spec = &list->specs[i];
        FUZZ_CHECK(spec->name[0] != '\0' && spec->source != NULL && spec->origin != NULL);
        FUZZ_CHECK(spec->aliases_count <= MODEL_ALIASES_MAX && spec->keep_alive_ms > 0);
        model_spec copy;
        FUZZ_CHECK(model_spec_copy(&copy, spec) && model_spec_loads_alike(&copy, spec));
        model_spec_free(&copy);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pack_part parts[] = {{.name = "file"}, {.name = "models"}};
    pack_read(data, size, parts, sizeof parts / sizeof parts[0]);
    pack_write_files(parts, 1);
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, "file");
    char *models = copy_text(parts[1].data, parts[1].size);
    const char *words[4], *environment[] = {NULL};
    int count = 0;
    if (parts[0].data != NULL) {
        words[count++] = "--models";
        words[count++] = path;
    }
    if (models != NULL && models[0] != '\0') {
        words[count++] = "--model";
        words[count++] = models;
    }
    options o;
    model_list list = {.specs = NULL};
    aki_error error = {.message = ""};
    /* A value of "--help" asks for help, and nothing else is read then. */
    if (options_resolve(&o, COMMAND_SERVE, count, words, environment, &error) == AKI_OK &&
        !option_on(&o, OPTION_HELP)) {
        if (model_list_read(&list, &o, &error) == AKI_OK)
            check_list(&list);
        else
            FUZZ_CHECK(error.status != AKI_OK && error.message[0] != '\0' && error.hint[0] != '\0');
        model_list_free(&list);
    }
    options_free(&o);
    free(models);
    return 0;
}
