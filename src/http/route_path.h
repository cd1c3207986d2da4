/* Paths of routes, in which one {name} may stand for one or more characters. */
#ifndef HTTP_ROUTE_PATH_H
#define HTTP_ROUTE_PATH_H

#include <stdbool.h>
#include <stddef.h>

bool route_path_matches(const char *pattern, const char *path);
/* Writes what the path has in the place of {name}, percent-decoded, cut to room - 1 bytes; "" where the pattern has none, or is
 * not matched. */
void route_path_value(const char *pattern, const char *path, char *out, size_t room);

#endif
