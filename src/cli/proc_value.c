#include "cli/proc_value.h"

#include <stdio.h>
#include <string.h>

void proc_value(const char *path, const char *key, char *out, size_t room)
{
    char line[512];
    snprintf(out, room, "unknown");
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, key, strlen(key)) != 0)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(out, room, "%s", colon);
        break;
    }
    if (file != NULL)
        fclose(file);
}

void proc_cpu_name(char *out, size_t room)
{
    proc_value("/proc/cpuinfo", "model name", out, room);
}
