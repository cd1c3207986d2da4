#include "model/families.h"

#include <stdio.h>
#include <string.h>

#define FAMILY(name) &family_##name,
static const model_family *const families[] = {MODEL_FAMILIES(FAMILY)};
#define FAMILIES (sizeof families / sizeof families[0])

static bool is_of(const model_family *f, const char *code, const char *repository)
{
    return code != NULL && f->code != NULL && strcmp(f->code, code) == 0 &&
           (f->repository == NULL || (repository != NULL && strstr(repository, f->repository) != NULL));
}

const model_family *model_family_find(const char *type, const char *code, const char *repository)
{
    const model_family *found = NULL;
    for (size_t i = 0; i < FAMILIES; i++) {
        const model_family *f = families[i];
        if (strcmp(f->type, type) != 0)
            continue;
        if (is_of(f, code, repository))
            return f;
        found = found == NULL ? f : found;
    }
    return found;
}

void model_family_list(char *list, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < FAMILIES && used < room; i++)
        if (i == 0 || strcmp(families[i]->type, families[i - 1]->type) != 0)
            used += (size_t)snprintf(list + used, room - used, "%s%s", i > 0 ? ", " : "", families[i]->type);
}
