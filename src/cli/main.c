#include "cli/options/commands.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    return cli_run(argc, (const char *const *)argv, (const char *const *)environ);
}
