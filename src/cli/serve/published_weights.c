#include "cli/serve/published_weights.h"

#include "base/memory.h"
#include "hub/digest.h"
#include "model/modules.h"
#include "serving/reference_vector.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool published_weights_in(const char *folder)
{
    char *path = NULL, digest[DIGEST_HEX_MAX + 1] = "";
    if (modules_find_weights(&path, folder, NULL) != AKI_OK)
        return false;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    mem_free(path);
    if (descriptor < 0)
        return false;
    bool read = digest_file(descriptor, DIGEST_SHA256, NULL, NULL, digest, NULL) == AKI_OK;
    close(descriptor);
    return read && strcmp(digest, reference_weights_sha256) == 0;
}
