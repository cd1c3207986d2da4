#include "model/families.h"

#include <stdio.h>
#include <string.h>

static const model_family *const families[] = {
    &family_bert,  &family_camembert,  &family_distilbert, &family_electra,
    &family_mpnet, &family_nomic_bert, &family_roberta,    &family_xlm_roberta,
};
#define FAMILIES (sizeof families / sizeof families[0])

const model_family *model_family_find(const char *type)
{
    for (size_t i = 0; i < FAMILIES; i++)
        if (strcmp(families[i]->type, type) == 0)
            return families[i];
    return NULL;
}

void model_family_list(char *list, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < FAMILIES && used < room; i++)
        used += (size_t)snprintf(list + used, room - used, "%s%s", i > 0 ? ", " : "", families[i]->type);
}
