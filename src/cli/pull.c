/* akidb-embed pull: downloads a model and prints its folder. */
#include "cli/options/commands.h"

#include "base/error.h"
#include "base/memory.h"
#include "cli/message.h"
#include "cli/model_source.h"

#include <stdio.h>

int command_pull(const options *o)
{
    aki_error error;
    stop *s = NULL;
    char *folder = NULL;
    int code = EXIT_DONE;
    aki_status status = stop_open(&s, 0, &error);
    if (status == AKI_OK)
        status = model_locate(o, o->argument, true, s, message_log_sink(), &folder, &error);
    if (status == AKI_OK) {
        if (printf("%s\n", folder) < 0 || fflush(stdout) != 0)
            code = EXIT_FAILED;
    } else if (status == AKI_CANCELLED && s != NULL && stop_signal(s) != 0) {
        message_note("stopped; the same command goes on where this one stopped");
        code = 128 + stop_signal(s);
    } else {
        message_error(&error);
        code = status == AKI_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;
    }
    mem_free(folder);
    stop_close(s);
    return code;
}
