#include "cli/serve/published_weights.h"

#include "hub/digest.h"
#include "model/modules.h"
#include "serving/reference_vector.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool published_weights_in(const char *folder)
{
    char digest[DIGEST_HEX_MAX + 1] = "";
    weight_paths paths;
    int descriptor = -1;
    if (modules_find_weights(&paths, folder, NULL) == AKI_OK && paths.count == 1)
        descriptor = open(paths.items[0], O_RDONLY | O_CLOEXEC);
    weight_paths_free(&paths);
    if (descriptor < 0)
        return false;
    bool read = digest_file(descriptor, DIGEST_SHA256, NULL, NULL, digest, NULL) == AKI_OK;
    close(descriptor);
    return read && strcmp(digest, reference_weights_sha256) == 0;
}
