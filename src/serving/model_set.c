/* Names, acquiring and waiting, and what operators ask for. */
#include "serving/model_set.h"

#include "base/error.h"
#include "base/memory.h"
#include "serving/model_set_internal.h"

#include <string.h>

const char *model_phase_name(model_phase phase)
{
    static const char *const names[MODEL_PHASES] = {"known", "loading", "ready", "draining", "failed"};
    return names[phase];
}

static int64_t monotonic(void *cookie)
{
    (void)cookie;
    return clock_monotonic_ns();
}

int64_t model_set_now(const model_set *set)
{
    return set->settings.now_ns(set->settings.now_cookie);
}

aki_status model_set_open(model_set **out, const model_set_settings *settings, aki_error *error)
{
    *out = NULL;
    model_set *set = mem_zalloc(1, sizeof *set);
    if (set == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the set of models");
    set->settings = *settings;
    if (set->settings.now_ns == NULL)
        set->settings.now_ns = monotonic;
    pthread_mutex_init(&set->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&set->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = set;
    return AKI_OK;
}

void model_set_stop(model_set *set)
{
    pthread_mutex_lock(&set->lock);
    set->stopping = true;
    model_waiter *waiters = NULL;
    for (size_t i = 0; i < set->entries_count; i++) {
        model_waiter **end = &waiters;
        while (*end != NULL)
            end = &(*end)->next;
        *end = entry_take_waiters(&set->entries[i]);
    }
    pthread_cond_broadcast(&set->changed);
    pthread_mutex_unlock(&set->lock);
    model_waiters_call(waiters);
    model_set_stop_threads(set);
    pthread_mutex_lock(&set->lock);
    for (model_use *use = set->uses; use != NULL; use = use->next)
        set->settings.driver.stop(set->settings.driver.cookie, use->model);
    pthread_mutex_unlock(&set->lock);
}

void model_set_close(model_set *set)
{
    if (set == NULL)
        return;
    if (!set->stopping)
        model_set_stop(set);
    while (set->uses != NULL) {
        model_use *use = set->uses;
        set->uses = use->next;
        set->settings.driver.close(set->settings.driver.cookie, use->model);
        mem_free(use);
    }
    for (size_t i = 0; i < set->entries_count; i++) {
        model_spec_free(&set->entries[i].spec);
        mem_free(set->entries[i].name);
    }
    pthread_cond_destroy(&set->changed);
    pthread_mutex_destroy(&set->lock);
    mem_free(set);
}

/* ---- Entries ---------------------------------------------------------------------------------------------- */

bool entry_is_kept(const model_set *set, const model_entry *e)
{
    return e->configured && (e->spec.pinned || e == &set->entries[set->order[0]]);
}

static model_phase phase_of(const model_entry *e)
{
    if (e->current != NULL)
        return MODEL_READY;
    if (e->load != LOAD_NONE)
        return MODEL_LOADING;
    if (e->opened > 0)
        return MODEL_DRAINING;
    return e->failure.status != AKI_OK ? MODEL_FAILED : MODEL_KNOWN;
}

void entry_want(model_set *set, model_entry *e)
{
    if (e->load != LOAD_NONE || set->stopping)
        return;
    e->load = LOAD_QUEUED;
    e->turn = ++set->turns;
    pthread_cond_broadcast(&set->changed);
}

model_waiter *entry_take_waiters(model_entry *e)
{
    model_waiter *list = e->waiters;
    e->waiters = NULL;
    return list;
}

void model_waiters_call(model_waiter *list)
{
    for (model_waiter *next; list != NULL; list = next) {
        next = list->next; /* the waiter may be gone after the call */
        list->done(list);
    }
}

void entry_retire(model_set *set, model_entry *e)
{
    if (e->current == NULL)
        return;
    e->current->retired = true;
    e->current = NULL;
    e->idle_until_ns = NEVER;
    pthread_cond_broadcast(&set->changed);
}

static model_entry *entry_of_name(model_set *set, const char *name)
{
    for (size_t i = 0; i < set->entries_count; i++)
        if (strcmp(set->entries[i].name, name) == 0)
            return &set->entries[i];
    return NULL;
}

static bool has_alias(const model_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->aliases_count; i++)
        if (strcmp(spec->aliases[i], name) == 0)
            return true;
    return false;
}

/* The part of a name behind its last '/', where it has one. */
static bool ends_in(const char *name, const char *part)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL && strcmp(slash + 1, part) == 0;
}

static model_entry *find(model_set *set, const char *name)
{
    if (set->configured_count == 0)
        return NULL;
    if (name == NULL)
        return &set->entries[set->order[0]];
    model_entry *by_part = NULL;
    size_t parts = 0;
    for (size_t i = 0; i < set->configured_count; i++) {
        model_entry *e = &set->entries[set->order[i]];
        if (strcmp(e->name, name) == 0 || has_alias(&e->spec, name))
            return e;
        if (ends_in(e->name, name)) {
            by_part = e;
            parts++;
        }
    }
    return parts == 1 ? by_part : NULL;
}

/* ---- Configuration ---------------------------------------------------------------------------------------- */

/* The entry of that name, made where there is none yet. NULL: no memory. */
static model_entry *make_entry(model_set *set, const char *name)
{
    model_entry *e = entry_of_name(set, name);
    if (e != NULL)
        return e;
    e = &set->entries[set->entries_count];
    *e = (model_entry){.name = mem_copy_string(name), .index = set->entries_count, .idle_until_ns = NEVER};
    if (e->name == NULL)
        return NULL;
    set->entries_count++;
    return e;
}

static size_t count_new(model_set *set, const model_spec *specs, size_t count)
{
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++)
        fresh += entry_of_name(set, specs[i].name) == NULL;
    return fresh;
}

/* Takes the spec over. Lock held. */
static void take_spec(model_set *set, model_entry *e, model_spec *spec)
{
    const bool alike = e->configured && model_spec_loads_alike(&e->spec, spec);
    const bool was_loaded = e->current != NULL;
    model_spec_free(&e->spec);
    e->spec = *spec;
    *spec = (model_spec){0};
    e->configured = true;
    if (alike)
        return;
    e->failed = 0;
    e->retry_ns = 0;
    e->failure = (aki_error){0};
    e->known_bytes = 0;
    e->measured = e->misjudged = false;
    e->again = e->load == LOAD_TAKEN;
    if (was_loaded) {
        e->asked = true;
        entry_want(set, e);
    }
}

static void remove_entry(model_set *set, model_entry *e, model_waiter **waiters)
{
    e->configured = false;
    model_spec_free(&e->spec);
    e->failure = (aki_error){0};
    if (e->load == LOAD_QUEUED)
        e->load = LOAD_NONE;
    model_waiter **end = waiters;
    while (*end != NULL)
        end = &(*end)->next;
    *end = entry_take_waiters(e);
    entry_retire(set, e);
}

/* Lock held; `copies` are taken over. */
static aki_status install(model_set *set, model_spec *copies, size_t count, model_waiter **waiters,
                          aki_error *error)
{
    if (set->entries_count + count_new(set, copies, count) > MODEL_SPECS_MAX) {
        error_set(error, AKI_INVALID_ARGUMENT, "more than %d model names since the start", MODEL_SPECS_MAX);
        error_hint(error, "Restart the service: names that were removed still count.");
        return AKI_INVALID_ARGUMENT;
    }
    size_t order[MODEL_SPECS_MAX];
    for (size_t i = 0; i < count; i++) {
        const model_entry *e = make_entry(set, copies[i].name);
        if (e == NULL)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the list of models");
        order[i] = (size_t)(e - set->entries);
    }
    bool stays[MODEL_SPECS_MAX] = {false};
    for (size_t i = 0; i < count; i++)
        stays[order[i]] = true;
    for (size_t i = 0; i < set->entries_count; i++)
        if (set->entries[i].configured && !stays[i])
            remove_entry(set, &set->entries[i], waiters);
    memcpy(set->order, order, count * sizeof order[0]);
    set->configured_count = count;
    for (size_t i = 0; i < count; i++)
        take_spec(set, &set->entries[order[i]], &copies[i]);
    for (size_t i = 0; i < count; i++) {
        model_entry *e = &set->entries[order[i]];
        if (entry_is_kept(set, e) && e->current == NULL) {
            e->asked = true;
            entry_want(set, e);
        }
    }
    return AKI_OK;
}

aki_status model_set_configure(model_set *set, const model_spec *specs, size_t count, aki_error *error)
{
    aki_status status = model_specs_check(specs, count, error);
    if (status != AKI_OK)
        return status;
    model_spec *copies = mem_zalloc(count, sizeof *copies);
    size_t copied = 0;
    while (copies != NULL && copied < count && model_spec_copy(&copies[copied], &specs[copied]))
        copied++;
    model_waiter *waiters = NULL;
    if (copies == NULL || copied < count) {
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the list of models");
    } else {
        pthread_mutex_lock(&set->lock);
        status = install(set, copies, count, &waiters, error);
        pthread_mutex_unlock(&set->lock);
    }
    model_waiters_call(waiters);
    for (size_t i = 0; i < copied; i++)
        model_spec_free(&copies[i]);
    mem_free(copies);
    return status;
}

aki_status model_set_attach(model_set *set, served_model *model, const encoder_memory *memory,
                            aki_error *error)
{
    model_use *use = mem_zalloc(1, sizeof *use);
    if (use == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a model");
    pthread_mutex_lock(&set->lock);
    model_entry *e = &set->entries[set->order[0]];
    *use = (model_use){.owner = e, .model = model, .memory = *memory, .next = set->uses};
    set->uses = use;
    e->current = use;
    e->opened++;
    e->loads++;
    e->load = LOAD_NONE;
    pthread_mutex_unlock(&set->lock);
    return AKI_OK;
}

/* ---- Acquiring ------------------------------------------------------------------------------------------------ */

static model_answer refuse(const model_set *set, const model_entry *e, int64_t *retry_ms, aki_error *error)
{
    const int64_t left_ns = e->retry_ns - model_set_now(set);
    *retry_ms = left_ns > 0 ? left_ns / NS_PER_MS + 1 : 1;
    if (error != NULL)
        *error = e->failure;
    return MODEL_REFUSED;
}

/* Lock held. */
static model_answer acquire(model_set *set, model_entry *e, bool loads, model_use **out, int64_t *retry_ms,
                            aki_error *error)
{
    if (e == NULL)
        return MODEL_UNKNOWN;
    if (e->current != NULL) {
        *out = e->current;
        e->current->users++;
        e->last_use_ns = model_set_now(set);
        return MODEL_ACQUIRED;
    }
    if (set->stopping) {
        error_set(error, AKI_CANCELLED, "the service is stopping and takes no new work");
        *retry_ms = 0;
        return MODEL_REFUSED;
    }
    if (e->load == LOAD_NONE && e->failure.status != AKI_OK && (!loads || model_set_now(set) < e->retry_ns))
        return refuse(set, e, retry_ms, error);
    if (loads)
        entry_want(set, e);
    return MODEL_NOT_LOADED;
}

model_answer model_set_acquire(model_set *set, const char *name, bool loads, model_use **out,
                               int64_t *retry_ms, aki_error *error)
{
    *out = NULL;
    pthread_mutex_lock(&set->lock);
    const model_answer answer = acquire(set, find(set, name), loads, out, retry_ms, error);
    pthread_mutex_unlock(&set->lock);
    return answer;
}

static void keep(const model_set *set, model_entry *e, int64_t keep_alive_ms)
{
    if (keep_alive_ms == MODEL_KEEP_UNCHANGED)
        keep_alive_ms = e->spec.keep_alive_ms;
    if (!entry_is_kept(set, e) && e->configured)
        e->idle_until_ns =
            keep_alive_ms >= NEVER / NS_PER_MS ? NEVER : model_set_now(set) + keep_alive_ms * NS_PER_MS;
}

void model_release(model_set *set, model_use *use, int64_t keep_alive_ms)
{
    if (use == NULL)
        return;
    pthread_mutex_lock(&set->lock);
    model_entry *e = use->owner;
    use->users--;
    e->last_use_ns = model_set_now(set);
    if (use == e->current)
        keep(set, e, keep_alive_ms);
    /* A load may wait for room, a retired model for its last user, and the time of the next one to be idle has changed. */
    if (use->users == 0 && (use->retired || set->settings.budget_bytes > 0 || e->idle_until_ns != NEVER))
        pthread_cond_broadcast(&set->changed);
    pthread_mutex_unlock(&set->lock);
}

void model_use_count(model_set *set, model_use *use)
{
    pthread_mutex_lock(&set->lock);
    use->owner->requests++;
    pthread_mutex_unlock(&set->lock);
}

served_model *model_use_model(const model_use *use)
{
    return use->model;
}

const char *model_use_name(const model_use *use)
{
    return use->owner->name;
}

size_t model_use_index(const model_use *use)
{
    return use->owner->index;
}

bool model_set_wait(model_set *set, const char *name, model_waiter *waiter)
{
    pthread_mutex_lock(&set->lock);
    model_entry *e = find(set, name);
    const bool waits = e != NULL && e->current == NULL && e->load != LOAD_NONE && !set->stopping;
    if (waits) {
        e->waits++;
        waiter->next = e->waiters;
        waiter->use = NULL;
        e->waiters = waiter;
        pthread_cond_broadcast(&set->changed); /* its deadline may be the next one */
    }
    pthread_mutex_unlock(&set->lock);
    return waits;
}

/* ---- Operators ------------------------------------------------------------------------------------------------- */

static aki_status ask(model_set *set, const char *name, void (*act)(model_set *, model_entry *),
                      aki_error *error)
{
    aki_status status = AKI_OK;
    pthread_mutex_lock(&set->lock);
    model_entry *e = find(set, name);
    if (e == NULL)
        status = error_set(error, AKI_MODEL_NOT_FOUND, "there is no model \"%.128s\" here", name);
    else
        act(set, e);
    pthread_mutex_unlock(&set->lock);
    return status;
}

static void load_now(model_set *set, model_entry *e)
{
    e->retry_ns = 0;
    e->asked = true;
    entry_want(set, e);
}

static void act_load(model_set *set, model_entry *e)
{
    if (e->current == NULL)
        load_now(set, e);
}

static void act_unload(model_set *set, model_entry *e)
{
    e->idle_unloads += e->current != NULL;
    entry_retire(set, e);
}

static void act_reload(model_set *set, model_entry *e)
{
    if (e->load == LOAD_TAKEN)
        e->again = true;
    else
        load_now(set, e);
}

aki_status model_set_load(model_set *set, const char *name, aki_error *error)
{
    return ask(set, name, act_load, error);
}

aki_status model_set_unload(model_set *set, const char *name, aki_error *error)
{
    return ask(set, name, act_unload, error);
}

aki_status model_set_reload(model_set *set, const char *name, aki_error *error)
{
    return ask(set, name, act_reload, error);
}

/* ---- Looking -------------------------------------------------------------------------------------------------- */

static model_view view_of(const model_set *set, const model_entry *e)
{
    size_t in_use = 0, bytes = e->reserved;
    for (const model_use *use = set->uses; use != NULL; use = use->next)
        if (use->owner == e) {
            in_use += use->users;
            bytes += use_bytes(use);
        }
    return (model_view){.name = e->name,
                        .source = e->spec.source,
                        .spec = &e->spec,
                        .phase = phase_of(e),
                        .kept = entry_is_kept(set, e),
                        .index = e->index,
                        .bytes = bytes,
                        .in_use = in_use,
                        .requests = e->requests,
                        .loads = e->loads,
                        .failures = e->failures,
                        .evictions = e->evictions,
                        .idle_unloads = e->idle_unloads,
                        .waits = e->waits,
                        .last_use_ns = e->last_use_ns,
                        .idle_until_ns = e->idle_until_ns,
                        .load_ns = e->load_ns,
                        .retry_ns = e->retry_ns,
                        .failure = e->failure.status != AKI_OK ? e->failure.message : NULL,
                        .model = e->current != NULL ? e->current->model : NULL};
}

void model_set_look(model_set *set, void (*see)(void *cookie, const model_view *view), void *cookie)
{
    pthread_mutex_lock(&set->lock);
    for (size_t i = 0; i < set->configured_count; i++) {
        const model_view view = view_of(set, &set->entries[set->order[i]]);
        see(cookie, &view);
    }
    pthread_mutex_unlock(&set->lock);
}

void model_set_each(model_set *set, void (*see)(void *cookie, served_model *model), void *cookie)
{
    model_set_sum(set, NULL, see, cookie);
}

void model_set_sum(model_set *set, void (*begin)(void *cookie),
                   void (*see)(void *cookie, served_model *model), void *cookie)
{
    pthread_mutex_lock(&set->lock);
    if (begin != NULL)
        begin(cookie);
    for (const model_use *use = set->uses; use != NULL; use = use->next)
        if (!use->closing)
            see(cookie, use->model);
    pthread_mutex_unlock(&set->lock);
}

void model_set_default(model_set *set, void (*see)(void *cookie, served_model *model), void *cookie)
{
    pthread_mutex_lock(&set->lock);
    const model_entry *e = find(set, NULL);
    if (e != NULL && e->current != NULL)
        see(cookie, e->current->model);
    pthread_mutex_unlock(&set->lock);
}

const char *model_set_name(model_set *set, const char *name)
{
    pthread_mutex_lock(&set->lock);
    const model_entry *e = find(set, name);
    pthread_mutex_unlock(&set->lock);
    return e != NULL ? e->name : NULL;
}

const char *model_set_default_name(model_set *set)
{
    return model_set_name(set, NULL);
}

size_t model_set_count(model_set *set)
{
    pthread_mutex_lock(&set->lock);
    const size_t count = set->configured_count;
    pthread_mutex_unlock(&set->lock);
    return count;
}

size_t model_set_bytes(model_set *set)
{
    pthread_mutex_lock(&set->lock);
    const size_t bytes = model_set_taken(set);
    pthread_mutex_unlock(&set->lock);
    return bytes;
}

bool model_set_settled(model_set *set)
{
    pthread_mutex_lock(&set->lock);
    bool settled = true;
    for (size_t i = 0; i < set->configured_count; i++) {
        const model_entry *e = &set->entries[set->order[i]];
        settled = settled && (e->current != NULL || e->failure.status != AKI_OK || !entry_is_kept(set, e));
    }
    pthread_mutex_unlock(&set->lock);
    return settled;
}
