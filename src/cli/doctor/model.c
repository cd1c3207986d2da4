#include "cli/doctor/report.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/model_source.h"
#include "cli/progress.h"
#include "hub/digest.h"
#include "kernels/precision.h"
#include "model/modules.h"
#include "serving/vector_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In a Hugging Face cache a file is a link to a blob that is named by its sha256. */
static bool promised_digest(const char *path, char hex[DIGEST_HEX_MAX + 1])
{
    char *real = realpath(path, NULL);
    const char *last = real != NULL ? strrchr(real, '/') : NULL;
    bool promised = last != NULL && digest_kind_of(last + 1) == DIGEST_SHA256;
    if (promised)
        snprintf(hex, DIGEST_HEX_MAX + 1, "%s", last + 1);
    free(real);
    return promised;
}

/* Reads the file once. *published: it is, byte for byte, that of the reference. */
static bool check_weights_file(doctor_report *report, const char *path, bool *published)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char found[DIGEST_HEX_MAX + 1], promised[DIGEST_HEX_MAX + 1], size[40];
    struct stat info;
    aki_error error;
    *published = false;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &info) != 0) {
        doctor_add(report, FINDING_FAIL, "files", "cannot open '%s': %s", path, strerror(errno));
        doctor_remedy(report, "Complete the folder, or download the model with `akidb-embed pull <id>`.");
        if (descriptor >= 0)
            close(descriptor);
        return false;
    }
    aki_status status = digest_file(descriptor, DIGEST_SHA256, NULL, NULL, found, &error);
    close(descriptor);
    if (status != AKI_OK) {
        doctor_add_error(report, "files", &error);
        return false;
    }
    *published = strcmp(found, reference_weights_sha256) == 0;
    progress_write_bytes((uint64_t)info.st_size, size, sizeof size);
    if (promised_digest(path, promised) && strcmp(found, promised) != 0) {
        doctor_add(report, FINDING_FAIL, "files", "%s is damaged: its sha256 is %s, the cache promises %s",
                   name, found, promised);
        doctor_remedy(report, "Remove the model's folder from the cache and run `akidb-embed pull` again.");
        return false;
    }
    doctor_add(report, FINDING_OK, "files", "%s %s, sha256 %.12s...%s", name, size, found,
               *published ? ", as published" : "");
    return true;
}

static bool check_weights(doctor_report *report, const char *folder, bool *published)
{
    weight_paths paths;
    aki_error error;
    bool readable = modules_find_weights(&paths, folder, &error) == AKI_OK;
    *published = false;
    if (!readable)
        doctor_add_error(report, "files", &error);
    for (size_t i = 0; i < paths.count && readable; i++)
        readable = check_weights_file(report, paths.items[i], published);
    weight_paths_free(&paths);
    return readable;
}

static bool claims_to_be_reference(const char *model)
{
    char *name = model_name_of(model);
    const char *slash = name != NULL ? strrchr(name, '/') : NULL;
    bool claims = name != NULL && strcmp(slash != NULL ? slash + 1 : name, reference_model) == 0;
    mem_free(name);
    return claims;
}

static void compare_with_reference(doctor_report *report, const float *vector, size_t dimension,
                                   aki_precision precision)
{
    double least = vector_least_cosine(precision);
    if (dimension != REFERENCE_DIMENSION) {
        doctor_add(report, FINDING_FAIL, "vector", "%zu values, %s has %d", dimension, reference_model,
                   REFERENCE_DIMENSION);
        doctor_remedy(report, "This is another model; name its own folder with --model.");
        return;
    }
    double cosine = vector_cosine(vector, reference_vector, dimension);
    if (cosine >= least) {
        doctor_add(report, FINDING_OK, "vector",
                   "cosine to sentence-transformers %.9f (at least %g asked for)", cosine, least);
        return;
    }
    doctor_add(report, FINDING_FAIL, "vector", "cosine to sentence-transformers %.9f, at least %g asked for",
               cosine, least);
    doctor_remedy(
        report,
        "Download the model again with `akidb-embed pull sentence-transformers/%s`; if it stays, try "
        "--cpu-tier with another tier and report it.",
        reference_model);
}

/* A vector of an embedding model, the scores of a classifier, or the weights of a sparse model, at their ids. */
static aki_status compute(aki_model *model, aki_text text, float *numbers, aki_error *error)
{
    const aki_embed_options how = {.pooling = AKI_POOLING_MODEL, .normalize = AKI_ON};
    if (aki_model_task(model) == AKI_TASK_EMBED)
        return aki_embed(model, &text, 1, &how, numbers, NULL, error);
    if (aki_model_task(model) == AKI_TASK_CLASSIFY)
        return aki_classify(model, &text, NULL, 1, NULL, numbers, NULL, error);
    aki_sparse_vector weights;
    const aki_status status = aki_embed_sparse(model, &text, 1, &how, &weights, error);
    memset(numbers, 0, aki_dimension(model) * sizeof *numbers);
    for (size_t i = 0; status == AKI_OK && i < weights.count; i++)
        numbers[weights.ids[i]] = weights.weights[i];
    aki_sparse_vectors_free(&weights, 1);
    return status;
}

static size_t count_weights(const float *numbers, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += numbers[i] > 0.0f;
    return found;
}

static void check_vector(doctor_report *report, aki_model *model, const aki_model_info *info, bool compare)
{
    aki_error error;
    size_t dimension = aki_dimension(model);
    aki_text text = {.data = reference_text, .length = strlen(reference_text)};
    float *vector = mem_alloc(dimension, sizeof *vector);
    aki_status status = vector != NULL ? compute(model, text, vector, &error)
                                       : error_set(&error, AKI_OUT_OF_MEMORY, "no memory for a vector");
    int64_t start = clock_monotonic_ns();
    if (status == AKI_OK) /* the first one also woke the threads up */
        status = compute(model, text, vector, &error);
    double ms = (double)(clock_monotonic_ns() - start) / NS_PER_MS;
    if (status != AKI_OK) {
        doctor_add_error(report, "vector", &error);
    } else if (aki_model_task(model) == AKI_TASK_CLASSIFY) {
        doctor_add(report, FINDING_OK, "scores", "a sentence of %zu bytes in %.2f ms, %zu labels",
                   text.length, ms, dimension);
    } else if (aki_model_task(model) == AKI_TASK_SPARSE) {
        doctor_add(report, FINDING_OK, "weights", "a sentence of %zu bytes in %.2f ms, %zu of %zu token ids",
                   text.length, ms, count_weights(vector, dimension), dimension);
    } else {
        doctor_add(report, FINDING_OK, "embedding", "a sentence of %zu bytes in %.2f ms, %zu values",
                   text.length, ms, dimension);
        if (compare)
            compare_with_reference(report, vector, dimension, info->precision);
        else
            doctor_add(report, FINDING_NOTE, "vector",
                       "finite and of length 1; there is no stored reference for this model");
    }
    mem_free(vector);
}

void doctor_check_model(doctor_report *report, const options *o, const char *folder, log_sink log)
{
    bool published;
    aki_error error;
    aki_model *model = NULL;
    bool claims = claims_to_be_reference(option_text(o, OPTION_MODEL)) || claims_to_be_reference(folder);
    if (!check_weights(report, folder, &published))
        return;
    if (claims && !published) {
        doctor_add(report, FINDING_WARN, "files", WEIGHT_FILE " is not the published file of %s",
                   reference_model);
        doctor_remedy(report, "If it was not changed on purpose, download it again.");
    }
    aki_settings settings = model_open_settings(o, log);
    int64_t start = clock_monotonic_ns();
    if (aki_open(&model, folder, &settings, &error) != AKI_OK) {
        doctor_add_error(report, "loading", &error);
        return;
    }
    double seconds = (double)(clock_monotonic_ns() - start) / NS_PER_S;
    aki_model_info info;
    char size[40];
    aki_model_describe(model, &info);
    progress_write_bytes(info.weight_bytes, size, sizeof size);
    doctor_add(report, FINDING_OK, "loading",
               "%s, %zu layers, hidden %zu, at most %zu tokens, weights %s in memory, %.2f s",
               info.architecture, info.layers, info.hidden_size, aki_max_tokens(model), size, seconds);
    doctor_add(report, FINDING_OK, "computing", "CPU tier %s, precision %s, %u thread%s, %s", info.cpu_tier,
               kernel_precision_name(info.precision), info.threads, info.threads == 1 ? "" : "s",
               info.threads_pinned ? "each tied to a CPU" : "free to move between CPUs");
    check_vector(report, model, &info, claims || published);
    aki_close(&model);
}
