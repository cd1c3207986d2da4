#include "cli/model_name.h"

#include "base/memory.h"
#include "hub/cache_layout.h"
#include "hub/hub.h"
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

/* Of models--<namespace>--<name>/snapshots/<commit>, as the hub's cache lays it out. */
static bool id_of_snapshot(const char *path, char id[REPO_ID_MAX + 1])
{
    static const char snapshots[] = "/snapshots";
    size_t length = (size_t)(last_part(path) - path); /* up to the commit, with the slash before it */
    if (length < sizeof snapshots ||
        strncmp(path + length - sizeof snapshots, snapshots, sizeof snapshots - 1) != 0)
        return false;
    char *repo = mem_copy_text(path, length - sizeof snapshots);
    bool is_one = repo != NULL && cache_repo_to_id(last_part(repo), id);
    mem_free(repo);
    return is_one;
}

static char *name_of_folder(char *path)
{
    char real[PATH_MAX], id[REPO_ID_MAX + 1];
    trim(path);
    if (id_of_snapshot(path, id))
        return mem_copy_string(id);
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
