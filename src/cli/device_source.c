#include "cli/device_source.h"

#include "cli/options/commands.h"
#include "engine/device/process_wire.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static bool is_socket(int descriptor)
{
    struct stat about;
    return fstat(descriptor, &about) == 0 && S_ISSOCK(about.st_mode);
}

bool device_process_is_meant(const char *command)
{
    return strcmp(command, PROCESS_COMMAND) == 0;
}

int device_process_run(int count, const char *const *arguments)
{
    char *end = NULL;
    const long precision = count == 2 ? strtol(arguments[0], &end, 10) : -1;
    if (precision < 0 || precision > AKI_PRECISION_INT4 || *end != '\0' || !is_socket(PROCESS_CONTROL)) {
        fputs("akidb-embed: `" PROCESS_COMMAND "` is for `serve` to start\n", stderr);
        return EXIT_USAGE;
    }
    /* The terminal and service managers signal the server's whole group: it is for the server to say when this ends. */
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_IGN);
    const bool served = process_serve(arguments[1], (aki_precision)precision);
    _exit(served ? EXIT_DONE : EXIT_FAILED); /* whatever the device's threads are doing */
}
