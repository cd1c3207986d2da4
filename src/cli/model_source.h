/* The model that the options name: found or downloaded, with progress on a terminal and an end at Ctrl-C. */
#ifndef CLI_MODEL_SOURCE_H
#define CLI_MODEL_SOURCE_H

#include "akidb/embed.h"
#include "base/log.h"
#include "cli/options/options.h"
#include "cli/stop.h"
#include "hub/hub.h"

/* From the environment as huggingface_hub reads it, then from the options, which must outlive it. Free with
 * hub_settings_free. */
AKI_MUST_CHECK aki_status model_hub_settings(hub_settings *settings, const options *o, aki_error *error);

/* The folder with the model's files; free with mem_free. `pull`: ask the hub even where the cache has it. s may be NULL.
 * Errors as hub_resolve. */
AKI_MUST_CHECK aki_status model_locate(const options *o, const char *id, bool pull, stop *s, log_sink log,
                                       char **folder, aki_error *error);

/* Settings for aki_open and encoder_open; their strings live as long as the options. */
aki_settings model_open_settings(const options *o, log_sink log);

/* The name of the model that --model gives. */

/* The last part of a folder's path, or the id of a model of the hub. Slashes and "." at the end are left out. For a
 * path that ends in "..", or is "." or "~" alone, the folder's real name is looked up. A link keeps its own name. A snapshot in
 * the hub's cache, which is called by a commit, has the id of its model. To be freed with mem_free; NULL = out of memory. */
char *model_name_of(const char *model) __attribute__((malloc, warn_unused_result));

#endif
