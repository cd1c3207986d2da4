#include "cli/device_source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* From the program's folder to that of its plugins. */
static const char *const folders[] = {"", "../" AKI_LIBRARY_FOLDER "/akidb-embed/"};

/* A name that cannot lead out of a folder. */
static bool is_plain(const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            return false;
    return *name != '\0';
}

static bool find(char *found, size_t size, const char *name)
{
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return false;
    program[length] = '\0';
    char *last = strrchr(program, '/');
    if (last == NULL)
        return false;
    last[1] = '\0';
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const int needed = snprintf(found, size, "%s%sakidb-embed-%s.so", program, folders[i], name);
        if (needed > 0 && (size_t)needed < size && access(found, F_OK) == 0)
            return true;
    }
    return false;
}

void device_source_read(device_source *source, const options *o)
{
    device_choice *choice = &source->choice;
    *choice = (device_choice){.name = option_text(o, OPTION_DEVICE),
                              .plugin = option_text(o, OPTION_DEVICE_PLUGIN)};
    const bool is_named =
        strcmp(choice->name, DEVICE_CHOICE_AUTO) != 0 && strcmp(choice->name, DEVICE_CHOICE_CPU) != 0;
    if (choice->plugin == NULL && is_named && is_plain(choice->name) &&
        find(source->found, sizeof source->found, choice->name))
        choice->plugin = source->found;
}
