/* Tells if a model's weights are, byte for byte, the published ones that the stored reference vector was made with. */
#ifndef CLI_SERVE_PUBLISHED_WEIGHTS_H
#define CLI_SERVE_PUBLISHED_WEIGHTS_H

#include <stdbool.h>

/* Reads the whole file. False as well where it cannot be read. */
bool published_weights_in(const char *folder);

#endif
