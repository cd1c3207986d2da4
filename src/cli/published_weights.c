#include "cli/published_weights.h"

#include "hub/digest.h"
#include "server/reference_vector.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool published_weights_in(const char *folder)
{
    char path[PATH_MAX], digest[DIGEST_HEX_MAX + 1] = "";
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool read = digest_file(descriptor, DIGEST_SHA256, NULL, NULL, digest, NULL) == AKI_OK;
    close(descriptor);
    return read && strcmp(digest, reference_weights_sha256) == 0;
}
