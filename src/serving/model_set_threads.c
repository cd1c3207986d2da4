/* The threads of a set: one that closes models and watches the time, and some that load. */
#include "serving/model_set_internal.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"

#include <errno.h>

static void earlier(int64_t *next_ns, int64_t due_ns)
{
    if (due_ns < *next_ns)
        *next_ns = due_ns;
}

/* Moves the waiters whose time has passed to `late`. */
static void expire_waiters(model_set *set, model_entry *e, int64_t now_ns, model_waiter **late,
                           int64_t *next_ns)
{
    bool any = false;
    for (model_waiter **at = &e->waiters; *at != NULL;) {
        model_waiter *waiter = *at;
        if (waiter->deadline_ns > now_ns) {
            earlier(next_ns, waiter->deadline_ns);
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = *late;
        *late = waiter;
        any = true;
    }
    /* Nobody wants it any more. */
    if (any && e->waiters == NULL && !e->asked && e->load == LOAD_QUEUED) {
        e->load = LOAD_NONE;
        pthread_cond_broadcast(&set->changed);
    }
}

static bool unload_idle(model_set *set, model_entry *e, int64_t now_ns, int64_t *next_ns)
{
    if (e->current == NULL || e->current->users > 0 || e->idle_until_ns == NEVER || entry_is_kept(set, e))
        return false;
    if (e->idle_until_ns > now_ns) {
        earlier(next_ns, e->idle_until_ns);
        return false;
    }
    e->idle_unloads++;
    log_write(&set->settings.log, AKI_LOG_INFO, MODEL_SET_TARGET,
              "unloading %s, which has had no request for its keep-alive time", e->name);
    entry_retire(set, e);
    return true;
}

/* A model that is to be there is tried again without being asked for. */
static bool retry_kept(model_set *set, model_entry *e, int64_t now_ns, int64_t *next_ns)
{
    if (!entry_is_kept(set, e) || e->current != NULL || e->load != LOAD_NONE || e->failure.status == AKI_OK)
        return false;
    if (e->retry_ns > now_ns) {
        earlier(next_ns, e->retry_ns);
        return false;
    }
    e->asked = true;
    entry_want(set, e);
    return true;
}

bool model_timers_run(model_set *set, int64_t *next_ns)
{
    const int64_t now_ns = model_set_now(set);
    model_waiter *late = NULL;
    bool did = false;
    *next_ns = NEVER;
    for (size_t i = 0; i < set->entries_count && !set->stopping; i++) {
        model_entry *e = &set->entries[i];
        expire_waiters(set, e, now_ns, &late, next_ns);
        did |= unload_idle(set, e, now_ns, next_ns);
        did |= retry_kept(set, e, now_ns, next_ns);
    }
    if (late == NULL)
        return did;
    pthread_mutex_unlock(&set->lock);
    model_waiters_call(late);
    pthread_mutex_lock(&set->lock);
    return true;
}

static void wait_until(model_set *set, int64_t until_ns)
{
    if (until_ns == NEVER) {
        pthread_cond_wait(&set->changed, &set->lock);
    } else {
        const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
        pthread_cond_timedwait(&set->changed, &set->lock, &until);
    }
}

static void *keep(void *argument)
{
    model_set *set = argument;
    int64_t next_ns = NEVER;
    pthread_mutex_lock(&set->lock);
    while (!set->stopping)
        if (!model_close_next(set) && !model_timers_run(set, &next_ns))
            wait_until(set, next_ns);
    pthread_mutex_unlock(&set->lock);
    return NULL;
}

static void *load(void *argument)
{
    model_set *set = argument;
    pthread_mutex_lock(&set->lock);
    while (!set->stopping)
        if (!model_load_next(set))
            wait_until(set, NEVER);
    pthread_mutex_unlock(&set->lock);
    return NULL;
}

aki_status model_set_start(model_set *set, aki_error *error)
{
    const size_t count = set->settings.loads > 0 ? set->settings.loads + 1 : 0;
    set->threads = mem_alloc(count, sizeof *set->threads);
    if (set->threads == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the threads that load models");
    for (; set->threads_count < count; set->threads_count++)
        if (!thread_start(&set->threads[set->threads_count], set->threads_count == 0 ? keep : load, set,
                          set->threads_count == 0 ? "aki-models" : "aki-model-load"))
            return error_set_errno(error, AKI_OUT_OF_MEMORY, errno,
                                   "cannot start a thread that loads models");
    return AKI_OK;
}

void model_set_stop_threads(model_set *set)
{
    for (size_t i = 0; i < set->threads_count; i++)
        pthread_join(set->threads[i], NULL);
    mem_free(set->threads);
    set->threads = NULL;
    set->threads_count = 0;
}

bool model_set_turn(model_set *set)
{
    int64_t next_ns;
    pthread_mutex_lock(&set->lock);
    const bool did = model_close_next(set) || model_timers_run(set, &next_ns) || model_load_next(set);
    pthread_mutex_unlock(&set->lock);
    return did;
}
