/* How the model that --model names is called. */
#ifndef CLI_MODEL_NAME_H
#define CLI_MODEL_NAME_H

/* The last part of a folder's path, or the id of a model of the hub. Slashes and "." at the end are left out; for a path
 * that ends in "..", or is "." or "~" alone, the folder is looked up. A link keeps its own name. To be freed with mem_free; NULL = out
 * of memory. */
char *model_name_of(const char *model) __attribute__((malloc, warn_unused_result));

#endif
