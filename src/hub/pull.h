/* All files of a model, of one commit, into the cache. */
#ifndef HUB_PULL_H
#define HUB_PULL_H

#include "hub/cache_layout.h"
#include "hub/hub.h"

/* Asks the hub for settings->revision and makes its snapshot complete and valid; `commit` is what it turned out to
 * be. *hub_unavailable (on failure) tells whether a snapshot that is already there may stand in.
 * Errors: as hub_pull. */
AKI_MUST_CHECK aki_status pull_snapshot(const char *id, const hub_settings *settings,
                                        const cache_layout *layout, char commit[COMMIT_LENGTH + 1],
                                        bool *hub_unavailable, aki_error *error);

#endif
