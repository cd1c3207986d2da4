/* The options of a call, held against what the model has. */
#ifndef ENGINE_EMBED_OPTIONS_H
#define ENGINE_EMBED_OPTIONS_H

#include "model/model.h"

/* As encoder_read_options. */
AKI_MUST_CHECK aki_status embed_options_read(const aki_embed_options *options, const model *m,
                                             aki_text *prompt, aki_error *error);

#endif
