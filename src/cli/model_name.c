#include "cli/model_name.h"

#include "base/memory.h"
#include "hub/environment.h"
#include "hub/repo_id.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Cuts "/" and "/." off the end; "/" itself stays. */
static void trim(char *path)
{
    size_t length = strlen(path);
    while (length > 1 && (path[length - 1] == '/' || (path[length - 1] == '.' && path[length - 2] == '/')))
        length--;
    path[length] = '\0';
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static bool names_no_folder(const char *part)
{
    return strcmp(part, ".") == 0 || strcmp(part, "..") == 0;
}

static char *name_of_folder(char *path)
{
    char real[PATH_MAX];
    trim(path);
    const char *part = last_part(path);
    if (names_no_folder(part) && realpath(path, real) != NULL)
        part = last_part(real);
    return mem_copy_string(part);
}

char *model_name_of(const char *model)
{
    struct stat info;
    char *path = environment_expand_home(model);
    if (path == NULL)
        return NULL;
    bool is_folder = repo_id_looks_like_path(model) || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
    char *name = is_folder ? name_of_folder(path) : mem_copy_string(model);
    mem_free(path);
    return name;
}
