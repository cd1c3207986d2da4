/* Where huggingface_hub's environment variables lead. */
#ifndef HUB_ENVIRONMENT_H
#define HUB_ENVIRONMENT_H

/* The path with a leading "~" replaced by the home folder (as it is where that is unknown). Freed with mem_free; NULL =
 * out of memory. */
char *environment_expand_home(const char *path) __attribute__((malloc, warn_unused_result));

#endif
