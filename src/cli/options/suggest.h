/* "Did you mean ...?": the nearest of some names to a mistyped one. */
#ifndef CLI_OPTIONS_SUGGEST_H
#define CLI_OPTIONS_SUGGEST_H

#include <stddef.h>

#define SUGGEST_MAX_BYTES 64 /* longer names have no neighbours */

/* Least number of insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string
 * alignment), or SUGGEST_MAX_BYTES when one is longer than that. */
size_t suggest_distance(const char *a, const char *b);

/* True when the two are near enough that one may be a slip for the other. */
int suggest_near(const char *typed, const char *name);

#endif
