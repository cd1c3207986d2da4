/* Single values out of the kernel's text files. */
#ifndef CLI_PROC_VALUE_H
#define CLI_PROC_VALUE_H

#include <stddef.h>

/* Writes what stands behind "key : value" in a file of /proc, or "unknown". */
void proc_value(const char *path, const char *key, char *out, size_t room);

/* The name of the first CPU as the kernel gives it, or "unknown". */
void proc_cpu_name(char *out, size_t room);

#endif
