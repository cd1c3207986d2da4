#include "engine/device/process_device.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "engine/device/process_wire.h"
#include "model/file_hashes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TARGET "device"
/* For a process to load the model and open the device. */
#define START_S 60
/* Descriptors from here on are in nobody's way when the process gets its own. */
#define HIGH_DESCRIPTOR 10
/* A process that has computed nothing yet may only be slow at it; to end it again and again would help nobody. */
#define YOUNG_NS (10 * NS_PER_S)

struct process_device {
    const device_plugin *plugin;
    const device_model *model;
    uint64_t fingerprint;
    cpus_mask cpus; /* of the thread that opened the device; a lane's thread may be tied to one CPU */
    log_sink log;
    pthread_mutex_t lock; /* of all below */
    pid_t pid;            /* 0 = none */
    int control;
    unsigned number; /* of processes so far */
    int64_t begun_ns;
    atomic_uint answered; /* number of the process that last answered a pass; without the lock */
};

typedef struct process_state {
    process_device *device;
    unsigned number; /* of the process that has it */
    int socket;
    process_memory memory;
} process_state;

process_device *process_device_make(const device_plugin *plugin, const device_model *m)
{
    process_device *d = mem_zalloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->plugin = plugin;
    d->model = m;
    d->control = -1;
    d->fingerprint = model_fingerprint(m->config, m->weights, SIZE_MAX);
    cpus_read_mask(&d->cpus);
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

/* With the lock held. */
static void end_process(process_device *d)
{
    if (d->control >= 0)
        close(d->control);
    if (d->pid > 0) {
        kill(d->pid, SIGKILL);
        while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    d->control = -1;
    d->pid = 0;
}

/* Ends the process of that number, unless a newer one is there. */
static void lose(process_device *d, unsigned number)
{
    pthread_mutex_lock(&d->lock);
    if (d->number == number)
        end_process(d);
    pthread_mutex_unlock(&d->lock);
}

/* The program, with two descriptors and no signal blocked. */
static int spawn(const process_device *d, int control, int plugin, pid_t *pid)
{
    char precision[16];
    snprintf(precision, sizeof precision, "%d", (int)d->model->precision);
    const char *arguments[] = {"akidb-embed", PROCESS_COMMAND, precision, d->model->folder, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    error = posix_spawn_file_actions_adddup2(&actions, control, PROCESS_CONTROL);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, plugin, PROCESS_PLUGIN);
    if (error == 0)
        error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    if (error == 0)
        error = posix_spawnattr_setsigmask(&attributes, &none);
    if (error == 0)
        error = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, (char *const *)arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* With the lock held. False with the reason. */
static bool begin_process(process_device *d, process_hello *hello, char *message)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "no socket for its process: %s", strerror(errno));
        return false;
    }
    const struct timeval limit = {.tv_sec = START_S};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const int control = fcntl(pair[1], F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
    const int plugin = fcntl(d->plugin->descriptor, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
    pid_t pid = 0;
    const int error = control < 0 || plugin < 0 ? EMFILE : spawn(d, control, plugin, &pid);
    close(pair[1]);
    if (control >= 0)
        close(control);
    if (plugin >= 0)
        close(plugin);
    d->control = pair[0];
    d->pid = error == 0 ? pid : 0;
    d->number++;
    d->begun_ns = clock_monotonic_ns();
    if (error != 0)
        snprintf(message, DEVICE_MESSAGE_BYTES, "its process cannot be started: %s", strerror(error));
    else if (!process_tell(d->control, &d->cpus, sizeof d->cpus) ||
             !process_receive(d->control, hello, sizeof *hello))
        snprintf(message, DEVICE_MESSAGE_BYTES, "its process ended, or did not answer, when it was started");
    else if (hello->score > 0 && hello->fingerprint != d->fingerprint)
        snprintf(message, DEVICE_MESSAGE_BYTES, "the model's files have changed since they were loaded");
    else
        return true;
    end_process(d);
    return false;
}

/* With the lock held. */
static device_status ask_to_open(process_device *d, char *message)
{
    const process_request request = {0};
    process_answer answer;
    if (!process_tell(d->control, &request, sizeof request) ||
        !process_receive(d->control, &answer, sizeof answer)) {
        snprintf(message, DEVICE_MESSAGE_BYTES,
                 "its process ended, or did not answer, when it opened the device");
        return DEVICE_UNAVAILABLE;
    }
    memcpy(message, answer.message, DEVICE_MESSAGE_BYTES);
    if (answer.status == DEVICE_OK)
        log_write(&d->log, AKI_LOG_INFO, LOG_TARGET, "process %ld: %s", (long)d->pid, message);
    return answer.status;
}

int process_device_score(process_device *d, char *message)
{
    process_hello hello;
    pthread_mutex_lock(&d->lock);
    const bool begun = begin_process(d, &hello, message);
    pthread_mutex_unlock(&d->lock);
    if (!begun)
        return 0;
    memcpy(message, hello.message, DEVICE_MESSAGE_BYTES);
    return hello.score;
}

device_status process_device_open(process_device *d, const log_sink *log, char *message)
{
    d->log = *log;
    pthread_mutex_lock(&d->lock);
    const device_status status = ask_to_open(d, message);
    pthread_mutex_unlock(&d->lock);
    return status;
}

void process_device_close(void *device)
{
    process_device *d = device;
    end_process(d);
    pthread_mutex_destroy(&d->lock);
    mem_free(d);
}

/* A process that is there, open. With the lock held. */
static device_status need_process(process_device *d, char *message)
{
    process_hello hello;
    if (d->pid > 0)
        return DEVICE_OK;
    if (!begin_process(d, &hello, message))
        return DEVICE_UNAVAILABLE;
    device_status status = DEVICE_UNAVAILABLE;
    if (hello.score > 0)
        status = ask_to_open(d, message);
    else
        memcpy(message, hello.message, DEVICE_MESSAGE_BYTES);
    if (status != DEVICE_OK)
        end_process(d);
    return status;
}

static bool send_request(int control, const process_request *request, const int descriptors[2])
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } extra = {0};
    struct iovec part = {.iov_base = (void *)request, .iov_len = sizeof *request};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = extra.bytes, .msg_controllen = sizeof extra.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&m);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, 2 * sizeof(int));
    ssize_t sent;
    do
        sent = sendmsg(control, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *request;
}

static void destroy(process_state *s)
{
    if (s->socket >= 0)
        close(s->socket);
    if (s->memory.base != NULL)
        munmap(s->memory.base, s->memory.bytes);
    mem_free(s);
}

/* What the state and the process share. *theirs: the process' ends. */
static bool make_shared(process_state *s, size_t max_tokens, int theirs[2])
{
    int pair[2];
    const size_t hidden = s->device->model->config->hidden_size;
    if (!process_memory_place(&s->memory, NULL, max_tokens, hidden))
        return false;
    theirs[1] = memfd_create("akidb-embed-device", MFD_CLOEXEC);
    if (theirs[1] < 0 || ftruncate(theirs[1], (off_t)s->memory.bytes) != 0)
        return false;
    void *base = mmap(NULL, s->memory.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, theirs[1], 0);
    if (base == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        if (base != MAP_FAILED)
            munmap(base, s->memory.bytes);
        return false;
    }
    s->socket = pair[0];
    theirs[0] = pair[1];
    return process_memory_place(&s->memory, base, max_tokens, hidden);
}

/* Hands the process its ends and waits for its answer. The lock is held only until the process is there. */
static device_status ask_for_state(process_state *s, size_t max_tokens, const int theirs[2], char *message)
{
    process_device *d = s->device;
    const process_request request = {.max_tokens = max_tokens};
    pthread_mutex_lock(&d->lock);
    const device_status status = need_process(d, message);
    s->number = d->number;
    const bool sent = status == DEVICE_OK && send_request(d->control, &request, theirs);
    pthread_mutex_unlock(&d->lock);
    close(theirs[0]); /* so that the process alone holds it, and its end is seen */
    close(theirs[1]);
    if (status != DEVICE_OK)
        return status;
    process_answer answer;
    if (!sent || !process_receive(s->socket, &answer, sizeof answer)) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "its process has ended");
        answer.status = DEVICE_UNAVAILABLE;
    } else {
        memcpy(message, answer.message, DEVICE_MESSAGE_BYTES);
    }
    if (answer.status == DEVICE_UNAVAILABLE)
        lose(d, s->number);
    return answer.status;
}

device_status process_device_state_open(void **out, void *device, size_t max_tokens, char *message)
{
    *out = NULL;
    int theirs[2] = {-1, -1};
    process_state *s = mem_zalloc(1, sizeof *s);
    if (s != NULL) {
        s->device = device;
        s->socket = -1;
    }
    if (s == NULL || !make_shared(s, max_tokens, theirs)) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "no memory to share for passes of %zu tokens", max_tokens);
        if (theirs[1] >= 0)
            close(theirs[1]);
        if (s != NULL)
            destroy(s);
        return DEVICE_OUT_OF_MEMORY;
    }
    const device_status status = ask_for_state(s, max_tokens, theirs, message);
    if (status != DEVICE_OK) {
        destroy(s);
        return status;
    }
    *out = s;
    return DEVICE_OK;
}

void process_device_state_close(void *state)
{
    destroy(state);
}

device_status process_device_forward(void *device, void *state, const device_batch *batch,
                                     const float **output, device_times *times, char *message)
{
    process_state *s = state;
    const size_t tokens = batch->offsets[batch->texts];
    const process_pass pass = {.texts = batch->texts, .typed = batch->second != NULL};
    process_answer answer;
    memcpy(s->memory.ids, batch->token_ids, tokens * sizeof *batch->token_ids);
    memcpy(s->memory.offsets, batch->offsets, (batch->texts + 1) * sizeof *batch->offsets);
    if (batch->pooling != NULL)
        memcpy(s->memory.pooling, batch->pooling, batch->texts * sizeof *batch->pooling);
    if (pass.typed)
        memcpy(s->memory.second, batch->second, batch->texts * sizeof *batch->second);
    if (!process_tell(s->socket, &pass, sizeof pass) || !process_receive(s->socket, &answer, sizeof answer)) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "its process has ended");
        lose(device, s->number);
        return DEVICE_UNAVAILABLE;
    }
    if (answer.status == DEVICE_OK)
        atomic_store(&s->device->answered, s->number);
    *times = answer.times;
    *output = s->memory.output;
    memcpy(message, answer.message, DEVICE_MESSAGE_BYTES);
    if (answer.status == DEVICE_UNAVAILABLE)
        lose(device, s->number);
    return answer.status;
}

/* Where the lock is taken a process is being started or ended, which is what the call waits for. The call itself reaps the process:
 * until then its number is no other's. */
void process_device_abandon(process_device *d)
{
    if (pthread_mutex_trylock(&d->lock) != 0)
        return;
    if (d->pid > 0 &&
        (atomic_load(&d->answered) == d->number || clock_monotonic_ns() - d->begun_ns > YOUNG_NS))
        kill(d->pid, SIGKILL);
    pthread_mutex_unlock(&d->lock);
}

bool process_device_memory(void *device, size_t *used, size_t *total)
{
    (void)device;
    (void)used;
    (void)total;
    return false;
}
