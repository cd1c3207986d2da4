/* Fuzzes the file of API keys. The input is a pack: `file`, and `key`, which is looked up. */
#include "fuzz.h"
#include "scratch.h"

#include "http/api_keys.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pack_part parts[] = {{.name = "file"}, {.name = "key"}};
    pack_read(data, size, parts, sizeof parts / sizeof parts[0]);
    pack_write_files(parts, 1);
    char path[SCRATCH_PATH_MAX], name[API_KEY_NAME_MAX + 1] = "";
    scratch_path(path, "file");
    api_keys *keys = NULL;
    aki_error error = {.message = ""};
    const log_sink silent = {.write = NULL};
    if (api_keys_open(&keys, path, silent, &error) != AKI_OK) {
        FUZZ_CHECK(keys == NULL && error.message[0] != '\0' && error.hint[0] != '\0');
        return 0;
    }
    FUZZ_CHECK(api_keys_count(keys) > 0 && api_keys_count(keys) <= API_KEYS_MAX);
    char *key = copy_text(parts[1].data, parts[1].size);
    unsigned roles = 0;
    if (api_keys_find(keys, key, name, &roles))
        FUZZ_CHECK(roles != 0 && (roles & ~API_ROLES_ANY) == 0 && name[0] != '\0' &&
                   memchr(name, '\0', sizeof name) != NULL);
    free(key);
    FUZZ_CHECK(api_keys_reload(keys, &error) == AKI_OK);
    api_keys_close(keys);
    return 0;
}
