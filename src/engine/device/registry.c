#include "engine/device/registry.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/device/cpu_device.h"
#include "engine/device/process_device.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define LOG_TARGET "device"

struct device {
    device_plugin plugin;
    device_api api; /* the plugin's, what it lacks being zero; or, in its name, a process' */
    void *self;
    char description[DEVICE_MESSAGE_BYTES];
    pthread_mutex_t lock;
    pthread_cond_t back;
    atomic_uint life;
    unsigned out; /* calls given up that have not come back */
    void *stays;  /* when they did not by the end */
};

static void destroy(device *d)
{
    if (d->self != NULL)
        d->api.close(d->self);
    device_plugin_unload(&d->plugin);
    pthread_cond_destroy(&d->back);
    pthread_mutex_destroy(&d->lock);
    mem_free(d);
}

static device *make(const device_plugin *plugin)
{
    device *d = mem_zalloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->plugin = *plugin;
    const size_t bytes = plugin->api->struct_size;
    memcpy(&d->api, plugin->api, bytes < sizeof d->api ? bytes : sizeof d->api);
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&d->back, &attributes);
    pthread_condattr_destroy(&attributes);
    return d;
}

/* Puts a process between. */
static bool isolate(device *d, const device_model *m)
{
    d->self = process_device_make(&d->plugin, m);
    d->api.close = process_device_close;
    d->api.state_open = process_device_state_open;
    d->api.state_close = process_device_state_close;
    d->api.forward = process_device_forward;
    d->api.memory = process_device_memory;
    return d->self != NULL;
}

/* description: why not. */
static device_status open_self(device *d, const device_model *m, const log_sink *log)
{
    const device_host host = {.log = log != NULL ? *log : (log_sink){0}, .read_tensor = tensor_read_f32};
    char message[DEVICE_MESSAGE_BYTES] = "";
    const device_status status = d->api.isolated ? process_device_open(d->self, &host.log, message)
                                                 : d->api.open(&d->self, m, &host, message);
    if (status != DEVICE_OK) {
        if (!d->api.isolated)
            d->self = NULL;
        memcpy(d->description, message, sizeof message);
    }
    return status;
}

/* A device that pools knows some ways only, and never several side by side. */
static aki_status check_pooling(const device_api *api, const device_model *m, aki_error *error)
{
    if (!api->pools || m->heads == NULL)
        return AKI_OK;
    const model_head *pooling = &m->heads->steps[0];
    if (pooling->poolings_count == 1 && device_has_pooling(pooling->poolings[0]))
        return AKI_OK;
    return error_set(error, AKI_UNAVAILABLE,
                     "device %s cannot be used for this model: it pools by cls, max or mean only, and the "
                     "model's pooling is %s%s",
                     api->name, model_pooling_name(pooling->poolings[0]),
                     pooling->poolings_count > 1 ? " with others beside it" : "");
}

/* Pairs of texts have two token types, which not every device takes. */
static aki_status check_types(const device_api *api, const device_model *m, aki_error *error)
{
    if (api->token_types || m->heads == NULL || m->heads->task == MODEL_TASK_EMBED ||
        m->config->token_types < 2)
        return AKI_OK;
    return error_set(error, AKI_UNAVAILABLE,
                     "device %s cannot be used for this model: it takes no pairs of texts", api->name);
}

/* A static model is read, not computed. */
static aki_status check_layers(const device_api *api, const device_model *m, aki_error *error)
{
    if (m->config == NULL || !model_is_static(m->config))
        return AKI_OK;
    return error_set(error, AKI_UNAVAILABLE,
                     "device %s cannot be used for this model: it is static and has no layers to compute",
                     api->name);
}

aki_status device_open(device **out, device_plugin *plugin, int least, const device_model *m,
                       const log_sink *log, aki_error *error)
{
    *out = NULL;
    device *d = make(plugin);
    if (d == NULL || (d->api.isolated && !isolate(d, m))) {
        if (d != NULL)
            destroy(d);
        else
            device_plugin_unload(plugin);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a device");
    }
    const char *name = d->api.name;
    aki_status status = check_layers(&d->api, m, error);
    if (status == AKI_OK)
        status = check_pooling(&d->api, m, error);
    if (status == AKI_OK)
        status = check_types(&d->api, m, error);
    int score = 0;
    if (status == AKI_OK)
        score =
            d->api.isolated ? process_device_score(d->self, d->description) : d->api.score(m, d->description);
    d->description[sizeof d->description - 1] = '\0';
    if (status == AKI_OK && score <= 0)
        status = error_set(error, AKI_UNAVAILABLE, "device %s cannot be used here: %s", name, d->description);
    else if (status == AKI_OK && score <= least)
        status = error_set(error, AKI_UNAVAILABLE, "device %s is no better than the CPU here", name);
    if (status == AKI_OK) {
        const device_status opened = open_self(d, m, log);
        d->description[sizeof d->description - 1] = '\0';
        if (opened != DEVICE_OK)
            status = error_set(error, opened == DEVICE_OUT_OF_MEMORY ? AKI_OUT_OF_MEMORY : AKI_UNAVAILABLE,
                               "device %s cannot be opened: %s", name, d->description);
    }
    if (status != AKI_OK)
        destroy(d);
    else
        *out = d;
    return status;
}

static aki_status check_name(const device_choice *choice, const device_api *api, aki_error *error)
{
    if (strcmp(choice->name, DEVICE_CHOICE_AUTO) == 0 ||
        (api != NULL && strcmp(choice->name, api->name) == 0))
        return AKI_OK;
    aki_status status =
        error_set(error, AKI_INVALID_ARGUMENT, "there is no device \"%s\"; there are: cpu%s%s", choice->name,
                  api != NULL ? ", " : "", api != NULL ? api->name : "");
    error_hint(error, "Name one of these, or the plugin that has the device.");
    return status;
}

aki_status device_choose(device **out, const device_choice *choice, const device_model *m,
                         const log_sink *log, aki_error *error)
{
    *out = NULL;
    if (strcmp(choice->name, DEVICE_CHOICE_CPU) == 0)
        return AKI_OK;
    if (choice->plugin == NULL)
        return check_name(choice, NULL, error);
    device_plugin plugin;
    aki_status status = device_plugin_load(&plugin, choice->plugin, error);
    if (status != AKI_OK)
        return status;
    status = check_name(choice, plugin.api, error);
    if (status != AKI_OK) {
        device_plugin_unload(&plugin);
        return status;
    }
    const bool is_auto = strcmp(choice->name, DEVICE_CHOICE_AUTO) == 0;
    char cpu_message[DEVICE_MESSAGE_BYTES];
    aki_error own;
    status = device_open(out, &plugin, is_auto ? device_cpu_api.score(m, cpu_message) : 0, m, log, &own);
    if (status == AKI_OK) {
        log_write(log, AKI_LOG_INFO, LOG_TARGET, "passes go to device %s", device_interface(*out)->name);
        return AKI_OK;
    }
    if (is_auto && status == AKI_UNAVAILABLE) {
        log_write(log, AKI_LOG_WARN, LOG_TARGET, "%s; passes go to the CPU", own.message);
        return AKI_OK;
    }
    if (status == AKI_UNAVAILABLE)
        error_hint(&own,
                   "See to it that the device can be used, or choose the CPU with --device cpu or auto.");
    if (error != NULL)
        *error = own;
    return status;
}

bool device_close(device *d, int64_t wait_ms, void *stays)
{
    if (d == NULL)
        return true;
    const int64_t until_ns = clock_monotonic_ns() + wait_ms * NS_PER_MS;
    const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&d->lock);
    while (d->out > 0 && pthread_cond_timedwait(&d->back, &d->lock, &until) != ETIMEDOUT)
        ;
    const bool all_back = d->out == 0;
    d->stays = stays;
    pthread_mutex_unlock(&d->lock);
    if (all_back)
        destroy(d);
    return all_back;
}

const device_api *device_interface(const device *d)
{
    return &d->api;
}

void *device_self(const device *d)
{
    return d->self;
}

const char *device_description(const device *d)
{
    return d->description;
}

unsigned device_life(device *d)
{
    return atomic_load(&d->life);
}

void device_end_life(device *d, unsigned life)
{
    atomic_compare_exchange_strong(&d->life, &life, life + 1);
}

void device_start_anew(device *d)
{
    device_end_life(d, device_life(d));
    if (d->api.isolated)
        process_device_abandon(d->self);
}

void device_give_up(device *d)
{
    pthread_mutex_lock(&d->lock);
    d->out++;
    pthread_mutex_unlock(&d->lock);
    if (d->api.isolated)
        process_device_abandon(d->self);
}

void device_came_back(device *d)
{
    pthread_mutex_lock(&d->lock);
    d->out--;
    pthread_cond_signal(&d->back);
    pthread_mutex_unlock(&d->lock);
}

unsigned device_calls_out(device *d)
{
    pthread_mutex_lock(&d->lock);
    const unsigned out = d->out;
    pthread_mutex_unlock(&d->lock);
    return out;
}
