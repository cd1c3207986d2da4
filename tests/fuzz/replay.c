/* Runs a harness over files and over all files of folders: regressions without a fuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

static size_t replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    struct stat info;
    FUZZ_CHECK(fstat(fileno(file), &info) == 0);
    size_t size = (size_t)info.st_size;
    /* A block of exactly that size: a sanitizer sees reading beyond it. */
    uint8_t *data = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(data != NULL && fread(data, 1, size, file) == size);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static size_t replay(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return replay_file(path);
    size_t count = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[PATH_MAX];
        if (entry->d_name[0] == '.')
            continue;
        FUZZ_CHECK(snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < (int)sizeof name);
        count += replay_file(name);
    }
    closedir(folder);
    return count;
}

int main(int count, char **arguments)
{
    size_t replayed = 0;
    for (int i = 1; i < count; i++)
        replayed += replay(arguments[i]);
    printf("%zu inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
