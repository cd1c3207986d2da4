#include "cli/device_process.h"

#include "cli/options/commands.h"
#include "engine/device/process_serve.h"
#include "engine/device/process_wire.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
