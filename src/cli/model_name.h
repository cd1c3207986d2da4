/* The name of the model that --model gives. */
#ifndef CLI_MODEL_NAME_H
#define CLI_MODEL_NAME_H

/* The last part of a folder's path, or the id of a model of the hub. Slashes and "." at the end are left out. For a
 * path that ends in "..", or is "." or "~" alone, the folder's real name is looked up. A link keeps its own name. A snapshot in
 * the hub's cache, which is called by a commit, has the id of its model. To be freed with mem_free; NULL = out of memory. */
char *model_name_of(const char *model) __attribute__((malloc, warn_unused_result));

#endif
