/* The public settings, checked and with every default filled in. */
#ifndef ENGINE_SETTINGS_H
#define ENGINE_SETTINGS_H

#include "akidb/embed.h"

#define SETTINGS_MAX_THREADS 1024
/* A pass of this many tokens reads each weight panel once for a few hundred rows, and its activations stay in L2. */
#define SETTINGS_DEFAULT_PASS_TOKENS 512
#define SETTINGS_MAX_PASS_TOKENS 16384
/* Two entries of 280 tokens each of a model with 28 layers and 8 heads of 128 for keys, in fp32. */
#define SETTINGS_DEFAULT_PREFIX_CACHE_MB 128
#define SETTINGS_DEFAULT_PREFIX_CACHE_BYTES ((size_t)SETTINGS_DEFAULT_PREFIX_CACHE_MB * 1000000)

/* given NULL = all defaults. Fields beyond given->struct_size keep their defaults. Error: AKI_INVALID_ARGUMENT. */
AKI_MUST_CHECK aki_status settings_complete(aki_settings *complete, const aki_settings *given,
                                            aki_error *error);
/* True where the caller said how long passes may be. After settings_complete has accepted them. */
bool settings_give_pass_tokens(const aki_settings *given);

#endif
