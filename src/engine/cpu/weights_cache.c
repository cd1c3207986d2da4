#include "engine/cpu/weights_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/xxhash64.h"
#include "model/file_hashes.h"

#define MAGIC "AKIWGHT"
#define VERSION 2

/* All that calibration and packing read; of the word embeddings the rows that calibration takes. */
static uint64_t hash_model(const cpu_device *device, const model_weights *weights)
{
    return model_fingerprint(&device->config, weights, cpu_calibration_tokens(&device->config));
}

/* For each matrix a byte, whether it is in the precision asked for, and the factors where it has some. */
static size_t choices_bytes(const cpu_device *device)
{
    size_t bytes = device->matrix_count;
    for (size_t m = 0; m < device->matrix_count; m++)
        if (device->matrices[m].factors != NULL)
            bytes += device->matrices[m].inputs * sizeof(float);
    return bytes;
}

static void exchange(void *choice, unsigned char **at, size_t bytes, bool to_device)
{
    if (to_device)
        memcpy(choice, *at, bytes);
    else
        memcpy(*at, choice, bytes);
    *at += bytes;
}

static void exchange_choices(const cpu_device *device, unsigned char *at, bool to_device)
{
    for (size_t m = 0; m < device->matrix_count; m++) {
        cpu_matrix *matrix = &device->matrices[m];
        unsigned char int8 = matrix->int8;
        exchange(&int8, &at, 1, to_device);
        matrix->int8 = device->int8 != NULL && int8 != 0;
        if (matrix->factors != NULL)
            exchange(matrix->factors, &at, matrix->inputs * sizeof(float), to_device);
    }
}

static size_t count_kept(const cpu_device *device)
{
    size_t kept = 0;
    for (size_t m = 0; device->int8 != NULL && m < device->matrix_count; m++)
        kept += !device->matrices[m].int8;
    return kept;
}

/* As before a calibration. */
static void forget(cpu_device *device)
{
    mem_free(device->packed);
    device->packed = NULL;
    device->packed_bytes = device->kept_from_int8 = 0;
    for (size_t m = 0; m < device->matrix_count; m++)
        device->matrices[m].int8 = device->int8 != NULL;
}

static uint64_t checksum(const unsigned char *choices, size_t bytes, const cpu_device *device)
{
    return xxhash64(xxhash64(device->packed_bytes, choices, bytes), device->packed, device->packed_bytes);
}

void weights_cache_find(weights_cache_entry *entry, const char *folder, const cpu_device *device,
                        const model_weights *weights)
{
    memset(entry, 0, sizeof *entry);
    weights_cache_header *key = &entry->key;
    memcpy(key->magic, MAGIC, sizeof key->magic);
    key->version = VERSION;
    key->precision = (uint32_t)device->precision;
    key->number = (uint32_t)device->linear->number;
    key->column_step = (uint32_t)device->linear->column_step;
    snprintf(key->program, sizeof key->program, "%s", AKI_VERSION);
    snprintf(key->tier, sizeof key->tier, "%s", device->kernels->name);
    key->model = hash_model(device, weights);
    key->choices_bytes = choices_bytes(device);
    char name[32];
    snprintf(name, sizeof name, "%016" PRIx64 ".weights", xxhash64(0, key, sizeof *key));
    entry->path = path_join(folder, name);
}

/* NULL or what was wrong. */
static const char *read_whole(int descriptor, void *into, size_t bytes)
{
    for (unsigned char *at = into; bytes > 0;) {
        const ssize_t got = read(descriptor, at, bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return strerror(errno);
        if (got == 0)
            return "it is cut short";
        at += got;
        bytes -= (size_t)got;
    }
    return NULL;
}

static const char *check_header(const weights_cache_header *header, const weights_cache_header *key,
                                uint64_t file_bytes)
{
    weights_cache_header same = *header;
    same.packed_bytes = same.checksum = 0;
    if (memcmp(header->magic, key->magic, sizeof key->magic) != 0)
        return "it holds no packed weights";
    if (header->version != key->version)
        return "its layout has another version";
    if (memcmp(&same, key, sizeof same) != 0)
        return "it belongs to other weights";
    const uint64_t before = sizeof *header + key->choices_bytes;
    return file_bytes < before || file_bytes - before != header->packed_bytes ? "its size is wrong" : NULL;
}

static const char *load_from(int descriptor, const weights_cache_header *key, cpu_device *device,
                             unsigned char *choices)
{
    struct stat info;
    weights_cache_header header;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode))
        return "it is not a regular file";
    const char *wrong = read_whole(descriptor, &header, sizeof header);
    if (wrong == NULL)
        wrong = check_header(&header, key, (uint64_t)info.st_size);
    if (wrong == NULL)
        wrong = read_whole(descriptor, choices, key->choices_bytes);
    if (wrong != NULL)
        return wrong;
    exchange_choices(device, choices, true);
    if (cpu_place_packed(device, NULL) != AKI_OK)
        return "there is no memory for it";
    if (device->packed_bytes != header.packed_bytes)
        return "its size is wrong";
    wrong = read_whole(descriptor, device->packed, device->packed_bytes);
    if (wrong == NULL && checksum(choices, key->choices_bytes, device) != header.checksum)
        wrong = "its checksum is wrong";
    return wrong;
}

bool weights_cache_load(const weights_cache_entry *entry, cpu_device *device, const log_sink *log)
{
    if (entry->path == NULL)
        return false;
    const int descriptor = open(entry->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0 && errno == ENOENT) {
        log_write(log, AKI_LOG_DEBUG, "device", "packed weights are not in the cache yet: '%s'", entry->path);
        return false;
    }
    unsigned char *choices = NULL;
    const char *wrong = descriptor < 0 ? strerror(errno) : NULL;
    if (wrong == NULL && (choices = mem_alloc(entry->key.choices_bytes, 1)) == NULL)
        wrong = "there is no memory for it";
    if (wrong == NULL && (wrong = load_from(descriptor, &entry->key, device, choices)) != NULL)
        forget(device);
    mem_free(choices);
    if (descriptor >= 0)
        close(descriptor);
    if (wrong != NULL) {
        log_write(log, AKI_LOG_WARN, "device", "cannot use the packed weights in '%s': %s; they are rebuilt",
                  entry->path, wrong);
        return false;
    }
    device->kept_from_int8 = count_kept(device);
    log_write(log, AKI_LOG_DEBUG, "device", "packed weights are taken from the cache: '%s'", entry->path);
    return true;
}

void weights_cache_store(const weights_cache_entry *entry, const cpu_device *device,
                         const model_weights *weights, const log_sink *log)
{
    if (entry->path == NULL || hash_model(device, weights) != entry->key.model)
        return;
    weights_cache_header header = entry->key;
    unsigned char *choices = mem_alloc(header.choices_bytes, 1);
    if (choices == NULL)
        return;
    exchange_choices(device, choices, false);
    header.packed_bytes = device->packed_bytes;
    header.checksum = checksum(choices, header.choices_bytes, device);
    const struct iovec parts[] = {
        {&header, sizeof header}, {choices, header.choices_bytes}, {device->packed, device->packed_bytes}};
    aki_error error;
    if (file_write_parts_atomic(entry->path, parts, 3, &error) != AKI_OK)
        log_write(log, AKI_LOG_WARN, "device", "packed weights are not kept for the next start: %s",
                  error.message);
    else
        log_write(log, AKI_LOG_DEBUG, "device", "packed weights are kept for the next start: '%s'",
                  entry->path);
    mem_free(choices);
}

void weights_cache_close(weights_cache_entry *entry)
{
    mem_free(entry->path);
    entry->path = NULL;
}
