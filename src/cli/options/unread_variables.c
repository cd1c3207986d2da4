#include "cli/options/unread_variables.h"

#include "cli/options/options.h"

#include <stdio.h>
#include <string.h>

#define MISTYPED_DISTANCE_MAX 2

/* Of the Rust service; docs/MIGRATION.md has the same table. */
static const struct former_variable {
    const char *name, *meant;
} former_variables[] = {
    {"AKIDB_REST_PORT", "AKIDB_PORT"},
    {"AKIDB_LOG_LEVEL", "AKIDB_LOG"},
    {"AKIDB_EMBEDDING_MODEL", "AKIDB_MODEL"},
    {"AKIDB_EMBEDDING_PROVIDER", NULL},
    {"AKIDB_EMBEDDING_PYTHON_PATH", NULL},
    {"AKIDB_METRICS_ENABLED", NULL},
    {"AKIDB_GRPC_PORT", NULL},
    {"AKIDB_DB_PATH", NULL},
    {"AKIDB_VECTOR_PERSISTENCE_ENABLED", NULL},
};

static bool is_former(unread_variable *found)
{
    for (size_t i = 0; i < sizeof former_variables / sizeof former_variables[0]; i++) {
        if (strcmp(found->name, former_variables[i].name) == 0) {
            found->meant = former_variables[i].meant;
            return true;
        }
    }
    return false;
}

static bool is_mistyped(unread_variable *found)
{
    size_t nearest = MISTYPED_DISTANCE_MAX + 1;
    found->meant = NULL;
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        const char *variable = option_table[id].variable;
        if (variable == NULL)
            continue;
        if (strcmp(found->name, variable) == 0)
            return false;
        size_t distance = suggest_distance(found->name, variable);
        if (distance < nearest) {
            nearest = distance;
            found->meant = variable;
        }
    }
    return found->meant != NULL;
}

bool unread_variables_next(const char *const *environment, size_t *cursor, unread_variable *found)
{
    while (environment[*cursor] != NULL) {
        const char *entry = environment[(*cursor)++];
        size_t length = strcspn(entry, "=");
        if (strncmp(entry, "AKIDB_", 6) != 0 || length >= sizeof found->name)
            continue;
        snprintf(found->name, sizeof found->name, "%.*s", (int)length, entry);
        if (is_former(found) || is_mistyped(found))
            return true;
    }
    return false;
}
