/* Loading, and the budget: what is unloaded to make room, and when a load has to wait for it. */
#include "serving/model_set_internal.h"

#include "base/error.h"
#include "base/memory.h"

#define MEGABYTE 1000000
/* After the first failed load; doubled by each one that follows, up to the second. */
#define FIRST_PAUSE_NS NS_PER_S
#define LONGEST_PAUSE_NS (300 * NS_PER_S)

/* ---- Room ------------------------------------------------------------------------------------------------------- */

/* A model that may be unloaded to make room for `e`. */
static bool is_evictable(const model_set *set, const model_entry *e, const model_entry *of)
{
    return of != e && of->current != NULL && of->current->users == 0 && !entry_is_kept(set, of);
}

static model_entry *least_recent(model_set *set, const model_entry *e)
{
    model_entry *oldest = NULL;
    for (size_t i = 0; i < set->entries_count; i++) {
        model_entry *of = &set->entries[i];
        if (is_evictable(set, e, of) && (oldest == NULL || of->last_use_ns < oldest->last_use_ns))
            oldest = of;
    }
    return oldest;
}

/* Bytes that will be free without another eviction: those of retired models. */
static size_t leaving_bytes(const model_set *set)
{
    size_t bytes = 0;
    for (const model_use *use = set->uses; use != NULL; use = use->next)
        bytes += use->retired ? use->bytes : 0;
    return bytes;
}

static size_t evictable_bytes(const model_set *set, const model_entry *e)
{
    size_t bytes = 0;
    for (size_t i = 0; i < set->entries_count; i++)
        if (is_evictable(set, e, &set->entries[i]))
            bytes += set->entries[i].current->bytes;
    return bytes;
}

/* Of models that stay whatever happens. */
static size_t kept_bytes(const model_set *set, const model_entry *e)
{
    size_t bytes = 0;
    for (size_t i = 0; i < set->entries_count; i++)
        if (&set->entries[i] != e && set->entries[i].current != NULL && entry_is_kept(set, &set->entries[i]))
            bytes += set->entries[i].current->bytes;
    return bytes;
}

typedef enum room {
    ROOM_NOW,
    ROOM_MADE,  /* once the models that were retired for it are closed */
    ROOM_LATER, /* when something else changes */
    ROOM_NEVER
} room;

/* Unloads what has to go so that `e` gets so many bytes, as far as may_evict lets it. Nothing goes where that would not be
 * enough. */
static room make_room(model_set *set, model_entry *e, size_t bytes, bool may_evict)
{
    const size_t budget = set->settings.budget_bytes;
    if (budget == 0 || (set->bytes <= budget && bytes <= budget - set->bytes))
        return ROOM_NOW;
    const size_t kept = kept_bytes(set, e);
    if (bytes > budget || kept > budget - bytes)
        return ROOM_NEVER;
    if (!may_evict)
        return ROOM_LATER;
    size_t after = set->bytes - leaving_bytes(set);
    room outcome = ROOM_LATER;
    const size_t others = evictable_bytes(set, e), own = e->current != NULL ? e->current->bytes : 0;
    if (after > budget - bytes && after - others > budget - bytes) {
        /* Requests in flight hold the rest. The model's own predecessor makes room where that is enough. */
        if (own == 0 || after - others - own > budget - bytes)
            return ROOM_LATER;
        entry_retire(set, e);
        after -= own;
        outcome = ROOM_MADE;
    }
    for (model_entry *oldest; after > budget - bytes && (oldest = least_recent(set, e)) != NULL;) {
        after -= oldest->current->bytes;
        oldest->evictions++;
        log_write(&set->settings.log, AKI_LOG_INFO, MODEL_SET_TARGET,
                  "unloading %s (%zu MB) to make room for %s (%zu MB)", oldest->name,
                  oldest->current->bytes / MEGABYTE, e->name, bytes / MEGABYTE);
        entry_retire(set, oldest);
        outcome = ROOM_MADE;
    }
    return outcome;
}

static void explain_too_big(const model_set *set, const model_entry *e, size_t bytes, aki_error *error)
{
    const size_t budget = set->settings.budget_bytes, kept = kept_bytes(set, e);
    error_set(error, AKI_OUT_OF_MEMORY,
              "the model %s takes about %zu MB; the budget for models is %zu MB, of which those that stay "
              "loaded take %zu MB",
              e->name, bytes / MEGABYTE, budget / MEGABYTE, kept / MEGABYTE);
    error_hint(error, "Raise --models-memory-mb, pin fewer models, or take a narrower precision.");
}

/* ---- A load ------------------------------------------------------------------------------------------------------- */

static void unreserve(model_set *set, model_entry *e)
{
    set->bytes -= e->reserved;
    e->reserved = 0;
}

static int64_t pause_of(unsigned failed)
{
    int64_t pause_ns = FIRST_PAUSE_NS;
    for (unsigned i = 1; i < failed && pause_ns < LONGEST_PAUSE_NS; i++)
        pause_ns *= 2;
    return pause_ns < LONGEST_PAUSE_NS ? pause_ns : LONGEST_PAUSE_NS;
}

/* The load has ended, well or not. Returns the waiters, to be called without the lock. */
static model_waiter *end_load(model_set *set, model_entry *e)
{
    unreserve(set, e);
    e->load = LOAD_NONE;
    e->asked = false;
    if (e->configured && e->again) {
        e->asked = true;
        entry_want(set, e);
    }
    e->again = false;
    pthread_cond_broadcast(&set->changed);
    return e->load == LOAD_NONE || e->current != NULL ? entry_take_waiters(e) : NULL;
}

static model_waiter *fail(model_set *set, model_entry *e, const aki_error *error)
{
    if (set->stopping || !e->configured)
        return end_load(set, e);
    e->failures++;
    e->failed++;
    e->failure = *error;
    const int64_t pause_ns = pause_of(e->failed);
    e->retry_ns = model_set_now(set) + pause_ns;
    log_write(
        &set->settings.log, AKI_LOG_ERROR, MODEL_SET_TARGET,
        "the model %s could not be loaded%s: %s. %s (failures in a row: %u; not tried again for %lld s)",
        e->name, e->current != NULL ? " anew, and stays as it was" : "", error->message, error->hint,
        e->failed, (long long)(pause_ns / NS_PER_S));
    return end_load(set, e);
}

static void publish(model_set *set, model_entry *e, model_use *use, int64_t took_ns)
{
    entry_retire(set, e);
    use->next = set->uses;
    set->uses = use;
    set->bytes += use->bytes;
    e->current = use;
    e->opened++;
    e->loads++;
    e->load_ns += took_ns;
    e->known_bytes = use->bytes;
    e->failed = 0;
    e->retry_ns = 0;
    e->failure = (aki_error){0};
    e->last_use_ns = model_set_now(set);
    const int64_t keep_ms = e->spec.keep_alive_ms;
    e->idle_until_ns =
        entry_is_kept(set, e) || keep_ms >= NEVER / NS_PER_MS ? NEVER : e->last_use_ns + keep_ms * NS_PER_MS;
    log_write(&set->settings.log, AKI_LOG_INFO, MODEL_SET_TARGET,
              "loaded %s in %.2f s: %zu MB, %zu MB in all", e->name, (double)took_ns / NS_PER_S,
              use->bytes / MEGABYTE, set->bytes / MEGABYTE);
}

/* Opens the model whose room is reserved. Lets the lock go. */
static model_waiter *open_model(model_set *set, model_entry *e, const model_spec *spec, const char *folder)
{
    const model_driver *driver = &set->settings.driver;
    model_use *use = mem_zalloc(1, sizeof *use);
    const int64_t start_ns = model_set_now(set);
    aki_error error;
    aki_status status = AKI_OK;
    pthread_mutex_unlock(&set->lock);
    if (use == NULL)
        status = error_set(&error, AKI_OUT_OF_MEMORY, "no memory for a model");
    else
        status = driver->open(driver->cookie, spec, folder, &use->model, &use->bytes, &error);
    pthread_mutex_lock(&set->lock);
    if (status != AKI_OK) {
        mem_free(use);
        return fail(set, e, &error);
    }
    use->owner = e;
    const size_t reserved = e->reserved;
    unreserve(set, e);
    const bool fits = use->bytes <= reserved || make_room(set, e, use->bytes, false) == ROOM_NOW;
    if (fits && e->configured && !set->stopping) {
        publish(set, e, use, model_set_now(set) - start_ns);
        return end_load(set, e);
    }
    /* It takes more than was expected: from the beginning, with the room that it needs. */
    e->known_bytes = use->bytes;
    pthread_mutex_unlock(&set->lock);
    driver->close(driver->cookie, use->model);
    mem_free(use);
    pthread_mutex_lock(&set->lock);
    e->again |= e->configured && !set->stopping;
    return end_load(set, e);
}

/* Finds out how much the model takes, then reserves that or leaves the load in the queue. Lets the lock go. */
static model_waiter *begin_load(model_set *set, model_entry *e, bool may_evict)
{
    const model_driver *driver = &set->settings.driver;
    model_spec spec;
    char *folder = NULL;
    size_t bytes = 0;
    aki_error error;
    e->load = LOAD_TAKEN;
    if (!model_spec_copy(&spec, &e->spec)) {
        error_set(&error, AKI_OUT_OF_MEMORY, "no memory for a model");
        return fail(set, e, &error);
    }
    pthread_mutex_unlock(&set->lock);
    const aki_status status = driver->find(driver->cookie, &spec, &folder, &bytes, &error);
    pthread_mutex_lock(&set->lock);
    model_waiter *waiters = NULL;
    if (status != AKI_OK) {
        waiters = fail(set, e, &error);
    } else if (!e->configured || set->stopping) {
        waiters = end_load(set, e);
    } else {
        if (e->known_bytes > bytes)
            bytes = e->known_bytes;
        switch (make_room(set, e, bytes, may_evict)) {
        case ROOM_NOW:
            e->reserved = bytes;
            set->bytes += bytes;
            waiters = open_model(set, e, &spec, folder);
            break;
        case ROOM_MADE:
        case ROOM_LATER:
            e->load = LOAD_QUEUED;
            e->known_bytes = bytes > 0 ? bytes : 1;
            pthread_cond_broadcast(&set->changed);
            break;
        case ROOM_NEVER:
            explain_too_big(set, e, bytes, &error);
            waiters = fail(set, e, &error);
            break;
        }
    }
    mem_free(folder);
    model_spec_free(&spec);
    return waiters;
}

/* The load that was queued first of those after `turn`; NULL = none. */
static model_entry *next_queued(model_set *set, uint64_t turn)
{
    model_entry *first = NULL;
    for (size_t i = 0; i < set->entries_count; i++) {
        model_entry *e = &set->entries[i];
        if (e->load == LOAD_QUEUED && e->turn > turn && (first == NULL || e->turn < first->turn))
            first = e;
    }
    return first;
}

bool model_load_next(model_set *set)
{
    uint64_t turn = 0;
    bool may_evict = true; /* what waits for room is not to lose it to those behind it */
    for (model_entry *e; !set->stopping && (e = next_queued(set, turn)) != NULL; turn = e->turn) {
        const room found = e->known_bytes > 0 ? make_room(set, e, e->known_bytes, may_evict) : ROOM_NOW;
        if (found == ROOM_MADE)
            return true;
        if (found == ROOM_LATER) {
            may_evict = false;
            continue;
        }
        model_waiter *waiters = begin_load(set, e, may_evict);
        pthread_mutex_unlock(&set->lock);
        model_waiters_call(waiters);
        pthread_mutex_lock(&set->lock);
        return true;
    }
    return false;
}

/* ---- Closing ----------------------------------------------------------------------------------------------------- */

bool model_close_next(model_set *set)
{
    const model_driver *driver = &set->settings.driver;
    model_use **at = &set->uses;
    while (*at != NULL && !((*at)->retired && (*at)->users == 0))
        at = &(*at)->next;
    model_use *use = *at;
    if (use == NULL)
        return false;
    *at = use->next;
    if (driver->retire != NULL)
        driver->retire(driver->cookie, use->model);
    pthread_mutex_unlock(&set->lock);
    driver->close(driver->cookie, use->model);
    pthread_mutex_lock(&set->lock);
    set->bytes -= use->bytes;
    use->owner->opened--;
    mem_free(use);
    pthread_cond_broadcast(&set->changed);
    return true;
}
