#include "engine/device/process_wire.h"

#include "base/cpus.h"
#include "base/error.h"
#include "base/thread.h"
#include "engine/device/plugin.h"
#include "model/file_hashes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct server {
    model *files;
    device_plugin plugin;
    device_model model;
    void *device;
    char logged[DEVICE_MESSAGE_BYTES]; /* last, while the device was opened */
} server;

/* A state's thread has it from its start on. */
typedef struct served_state {
    const server *owner;
    int socket, memory;
    size_t max_tokens;
} served_state;

static void note_log(void *cookie, aki_log_level level, const char *target, const char *message)
{
    (void)level;
    (void)target;
    server *s = cookie;
    snprintf(s->logged, sizeof s->logged, "%.*s", DEVICE_MESSAGE_BYTES - 1, message);
}

/* The plugin's score, or 0 with why there is none. */
static void find_score(server *s, const char *folder, process_hello *hello)
{
    aki_error error;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", PROCESS_PLUGIN);
    if (model_open(&s->files, folder, &error) != AKI_OK ||
        device_plugin_load(&s->plugin, path, &error) != AKI_OK) {
        snprintf(hello->message, sizeof hello->message, "%.*s", DEVICE_MESSAGE_BYTES - 1, error.message);
        return;
    }
    s->model.config = model_configuration(s->files);
    s->model.weights = model_weights_of(s->files);
    hello->fingerprint = model_fingerprint(s->model.config, s->model.weights, SIZE_MAX);
    hello->score = s->plugin.api->score(&s->model, hello->message);
}

static bool open_device(server *s)
{
    process_answer answer = {0};
    const device_host host = {.log = {.write = note_log, .cookie = s}, .read_tensor = tensor_read_f32};
    answer.status = s->plugin.api->open(&s->device, &s->model, &host, answer.message);
    if (answer.status == DEVICE_OK && model_damaged(s->files)) {
        answer.status = DEVICE_FAILED;
        snprintf(answer.message, sizeof answer.message, "the weight file was cut while the device read it");
    }
    if (answer.status == DEVICE_OK)
        memcpy(answer.message, s->logged, sizeof answer.message);
    model_drop_pages(s->files);
    return process_tell(PROCESS_CONTROL, &answer, sizeof answer);
}

static void serve_passes(const served_state *s, void *state, const process_memory *memory)
{
    const device_api *api = s->owner->plugin.api;
    process_pass pass;
    process_answer answer = {0};
    while (process_receive(s->socket, &pass, sizeof pass)) {
        const device_batch batch = {.token_ids = memory->ids,
                                    .offsets = memory->offsets,
                                    .texts = pass.texts,
                                    .pooling = memory->pooling,
                                    .second = pass.typed ? memory->second : NULL};
        const float *output = NULL;
        answer = (process_answer){0};
        answer.status = api->forward(s->owner->device, state, &batch, &output, &answer.times, answer.message);
        if (answer.status == DEVICE_OK) {
            const size_t rows = api->pools ? pass.texts : memory->offsets[pass.texts];
            memcpy(memory->output, output, rows * s->owner->model.config->hidden_size * sizeof *output);
        }
        if (!process_tell(s->socket, &answer, sizeof answer))
            break;
    }
}

static void *serve_state(void *argument)
{
    served_state *s = argument;
    const device_api *api = s->owner->plugin.api;
    process_memory memory = {0};
    process_answer answer = {.status = DEVICE_OUT_OF_MEMORY};
    void *state = NULL, *base = MAP_FAILED;
    if (process_memory_place(&memory, NULL, s->max_tokens, s->owner->model.config->hidden_size))
        base = mmap(NULL, memory.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->memory, 0);
    close(s->memory);
    if (base == MAP_FAILED) {
        snprintf(answer.message, sizeof answer.message, "no memory to share for passes of %zu tokens",
                 s->max_tokens);
    } else {
        process_memory_place(&memory, base, s->max_tokens, s->owner->model.config->hidden_size);
        answer.status = api->state_open(&state, s->owner->device, s->max_tokens, answer.message);
    }
    if (process_tell(s->socket, &answer, sizeof answer) && answer.status == DEVICE_OK)
        serve_passes(s, state, &memory);
    if (answer.status == DEVICE_OK)
        api->state_close(state);
    if (base != MAP_FAILED)
        munmap(base, memory.bytes);
    close(s->socket);
    mem_free(s);
    return NULL;
}

/* Of a message that brings the two descriptors of a state, or none. False = the end. */
static bool receive_request(process_request *request, int descriptors[2])
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } extra;
    struct iovec part = {.iov_base = request, .iov_len = sizeof *request};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = extra.bytes, .msg_controllen = sizeof extra.bytes};
    ssize_t got;
    do
        got = recvmsg(PROCESS_CONTROL, &m, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof *request)
        return false;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&m);
    descriptors[0] = descriptors[1] = -1;
    if (header != NULL && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(2 * sizeof(int)))
        memcpy(descriptors, CMSG_DATA(header), 2 * sizeof(int));
    return true;
}

/* The asker sees by its socket when this fails. */
static void begin_state(const server *s, size_t max_tokens, const int descriptors[2])
{
    pthread_t thread;
    served_state *state = mem_zalloc(1, sizeof *state);
    if (state != NULL) {
        *state = (served_state){
            .owner = s, .socket = descriptors[0], .memory = descriptors[1], .max_tokens = max_tokens};
        if (thread_start(&thread, serve_state, state, "aki-device")) {
            pthread_detach(thread);
            return;
        }
    }
    mem_free(state);
    close(descriptors[0]);
    close(descriptors[1]);
}

bool process_serve(const char *folder, aki_precision precision)
{
    static server s; /* the threads that are left at the end still use it */
    cpus_mask cpus;
    process_hello hello = {0};
    process_request request;
    int descriptors[2];
    s.model = (device_model){.folder = folder, .precision = precision};
    if (!process_receive(PROCESS_CONTROL, &cpus, sizeof cpus))
        return false;
    cpus_apply_mask(&cpus);
    find_score(&s, folder, &hello);
    if (!process_tell(PROCESS_CONTROL, &hello, sizeof hello) || hello.score <= 0)
        return hello.score <= 0;
    if (!receive_request(&request, descriptors) || request.max_tokens != 0)
        return true;
    if (!open_device(&s))
        return false;
    while (receive_request(&request, descriptors) && descriptors[0] >= 0)
        begin_state(&s, request.max_tokens, descriptors);
    return true;
}
