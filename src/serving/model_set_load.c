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

size_t use_bytes(const model_use *use)
{
    size_t bytes = use->memory.own_bytes;
    for (size_t i = 0; i < ENCODER_SHARES; i++)
        bytes += use->memory.shares[i].bytes;
    return bytes;
}

/* True where a model before this one in the list is counted and has the share as well. */
static bool is_counted(const model_set *set, const model_use *before, const void *share)
{
    for (const model_use *use = set->uses; use != before; use = use->next)
        for (size_t i = 0; i < ENCODER_SHARES && !use->left_out; i++)
            if (use->memory.shares[i].of == share)
                return true;
    return false;
}

size_t model_set_taken(const model_set *set)
{
    size_t bytes = 0;
    for (size_t i = 0; i < set->entries_count; i++)
        bytes += set->entries[i].reserved;
    for (const model_use *use = set->uses; use != NULL; use = use->next) {
        bytes += use->left_out ? 0 : use->memory.own_bytes;
        for (size_t i = 0; i < ENCODER_SHARES && !use->left_out; i++)
            if (!is_counted(set, use, use->memory.shares[i].of))
                bytes += use->memory.shares[i].bytes;
    }
    return bytes;
}

/* Which models stay counted. */
typedef enum remaining {
    LEFT_NEEDED,     /* without retired models, which go by themselves */
    LEFT_UNEVICTED,  /* without those that can be evicted for the entry, too */
    LEFT_WITHOUT_IT, /* without the entry's own model, too */
    LEFT_KEPT        /* models of other entries that stay whatever happens */
} remaining;

static size_t taken_with(model_set *set, const model_entry *e, remaining what)
{
    for (model_use *use = set->uses; use != NULL; use = use->next) {
        const model_entry *of = use->owner;
        use->left_out = (what >= LEFT_NEEDED && use->retired) ||
                        (what >= LEFT_UNEVICTED && use == of->current && is_evictable(set, e, of)) ||
                        (what >= LEFT_WITHOUT_IT && of == e) ||
                        (what == LEFT_KEPT && (use != of->current || !entry_is_kept(set, of)));
    }
    size_t bytes = model_set_taken(set);
    for (model_use *use = set->uses; use != NULL; use = use->next)
        use->left_out = false;
    return bytes;
}

/* Of models that stay whatever happens. */
static size_t kept_bytes(model_set *set, const model_entry *e)
{
    size_t reserved = 0;
    for (size_t i = 0; i < set->entries_count; i++)
        reserved += set->entries[i].reserved;
    return taken_with(set, e, LEFT_KEPT) - reserved;
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
    const size_t budget = set->settings.budget_bytes, all = model_set_taken(set);
    if (budget == 0 || (all <= budget && bytes <= budget - all))
        return ROOM_NOW;
    if (bytes > budget || kept_bytes(set, e) > budget - bytes)
        return ROOM_NEVER;
    if (!may_evict)
        return ROOM_LATER;
    const size_t limit = budget - bytes;
    room outcome = ROOM_LATER;
    if (taken_with(set, e, LEFT_UNEVICTED) > limit) {
        /* Requests in flight hold the rest. The model's own predecessor makes room where that is enough. */
        if (e->current == NULL || taken_with(set, e, LEFT_WITHOUT_IT) > limit)
            return ROOM_LATER;
        entry_retire(set, e);
        outcome = ROOM_MADE;
    }
    for (model_entry *oldest;
         taken_with(set, e, LEFT_NEEDED) > limit && (oldest = least_recent(set, e)) != NULL;) {
        oldest->evictions++;
        log_write(&set->settings.log, AKI_LOG_INFO, MODEL_SET_TARGET,
                  "unloading %s (%zu MB) to make room for %s (%zu MB)", oldest->name,
                  use_bytes(oldest->current) / MEGABYTE, e->name, bytes / MEGABYTE);
        entry_retire(set, oldest);
        outcome = ROOM_MADE;
    }
    return outcome;
}

static void explain_too_big(model_set *set, const model_entry *e, size_t bytes, aki_error *error)
{
    const size_t budget = set->settings.budget_bytes, kept = kept_bytes(set, e);
    error_set(error, AKI_OUT_OF_MEMORY,
              "the model %s takes about %zu MB; the budget for models is %zu MB, of which those that stay "
              "loaded take %zu MB",
              e->name, bytes / MEGABYTE, budget / MEGABYTE, kept / MEGABYTE);
    error_hint(error, "Raise --models-memory-mb, pin fewer models, or take a narrower precision.");
}

/* ---- A load ------------------------------------------------------------------------------------------------------- */

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
    e->reserved = 0;
    e->load = LOAD_NONE;
    e->asked = false;
    if (e->configured && e->again) {
        e->asked = true;
        entry_want(set, e);
    }
    e->again = false;
    pthread_cond_broadcast(&set->changed);
    for (model_waiter *waiter = e->waiters; e->current != NULL && waiter != NULL; waiter = waiter->next) {
        waiter->use = e->current;
        e->current->users++;
    }
    return e->load == LOAD_NONE || e->current != NULL ? entry_take_waiters(e) : NULL;
}

static model_waiter *fail(model_set *set, model_entry *e, const aki_error *error)
{
    if (set->stopping || !e->configured)
        return end_load(set, e);
    e->misjudged = false;
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
    e->current = use;
    e->opened++;
    e->loads++;
    e->load_ns += took_ns;
    e->known_bytes = use_bytes(use);
    e->measured = true;
    e->misjudged = false;
    e->failed = 0;
    e->retry_ns = 0;
    e->failure = (aki_error){0};
    e->last_use_ns = model_set_now(set);
    const int64_t keep_ms = e->spec.keep_alive_ms;
    e->idle_until_ns =
        entry_is_kept(set, e) || keep_ms >= NEVER / NS_PER_MS ? NEVER : e->last_use_ns + keep_ms * NS_PER_MS;
    log_write(&set->settings.log, AKI_LOG_INFO, MODEL_SET_TARGET,
              "loaded %s in %.2f s: %zu MB, %zu MB in all", e->name, (double)took_ns / NS_PER_S,
              use_bytes(use) / MEGABYTE, model_set_taken(set) / MEGABYTE);
}

/* Puts an opened model among the others, in the place of what was reserved for it. False, and it is not there: it takes more than
 * that, and the budget does not have it. */
static bool count_in(model_set *set, model_entry *e, model_use *use)
{
    const size_t budget = set->settings.budget_bytes, with_reserve = model_set_taken(set);
    const size_t reserved = e->reserved;
    e->reserved = 0;
    use->owner = e;
    use->next = set->uses;
    set->uses = use;
    const size_t now = model_set_taken(set);
    if (now <= with_reserve || budget == 0 || now <= budget)
        return true;
    set->uses = use->next;
    e->reserved = reserved;
    return false;
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
        status = driver->open(driver->cookie, spec, folder, &use->model, &use->memory, &error);
    pthread_mutex_lock(&set->lock);
    if (status != AKI_OK) {
        mem_free(use);
        return fail(set, e, &error);
    }
    if (e->configured && !set->stopping && count_in(set, e, use)) {
        publish(set, e, use, model_set_now(set) - start_ns);
        return end_load(set, e);
    }
    /* It takes more than was expected: from the beginning, with the room that it needs. */
    e->known_bytes = use_bytes(use);
    e->measured = e->misjudged = true;
    pthread_mutex_unlock(&set->lock);
    driver->close(driver->cookie, use->model);
    mem_free(use);
    pthread_mutex_lock(&set->lock);
    e->again |= e->configured && !set->stopping;
    return end_load(set, e);
}

/* A loaded model of another name that has the same weights; NULL = none. */
static const model_use *twin_of(const model_set *set, const model_entry *e)
{
    for (size_t i = 0; i < set->entries_count; i++) {
        const model_entry *of = &set->entries[i];
        if (of != e && of->current != NULL && model_spec_same_weights(&of->spec, &e->spec))
            return of->current;
    }
    return NULL;
}

/* The bytes to reserve before a load. A model that was loaded before: what it took then. Another one: the most that it may take, but no more
 * than the budget can free; it is refused as too big only where the bytes that it certainly takes exceed the budget. */
static size_t bytes_to_reserve(model_set *set, const model_entry *e, const model_guess *guess)
{
    const model_use *twin = e->misjudged ? NULL : twin_of(set, e);
    if (twin != NULL)
        return twin->memory.own_bytes;
    if (e->measured)
        return e->known_bytes > guess->least_bytes ? e->known_bytes : guess->least_bytes;
    const size_t budget = set->settings.budget_bytes, kept = kept_bytes(set, e);
    const size_t left = kept < budget ? budget - kept : 0;
    return budget > 0 && guess->least_bytes <= left && left < guess->most_bytes ? left : guess->most_bytes;
}

/* Finds out how much the model takes, then reserves that or leaves the load in the queue. Lets the lock go. */
static model_waiter *begin_load(model_set *set, model_entry *e, bool may_evict)
{
    const model_driver *driver = &set->settings.driver;
    model_spec spec;
    char *folder = NULL;
    model_guess guess = {0};
    aki_error error;
    e->load = LOAD_TAKEN;
    if (!model_spec_copy(&spec, &e->spec)) {
        error_set(&error, AKI_OUT_OF_MEMORY, "no memory for a model");
        return fail(set, e, &error);
    }
    pthread_mutex_unlock(&set->lock);
    const aki_status status = driver->find(driver->cookie, &spec, &folder, &guess, &error);
    pthread_mutex_lock(&set->lock);
    model_waiter *waiters = NULL;
    if (status != AKI_OK) {
        waiters = fail(set, e, &error);
    } else if (!e->configured || set->stopping) {
        waiters = end_load(set, e);
    } else {
        const size_t bytes = bytes_to_reserve(set, e, &guess);
        switch (make_room(set, e, bytes, may_evict)) {
        case ROOM_NOW:
            e->reserved = bytes;
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
    model_use *use = set->uses;
    while (use != NULL && (!use->retired || use->users > 0 || use->closing))
        use = use->next;
    if (use == NULL)
        return false;
    use->closing = true; /* it stays in the list, for its memory is taken until it is closed */
    if (driver->retire != NULL)
        driver->retire(driver->cookie, use->model);
    pthread_mutex_unlock(&set->lock);
    driver->close(driver->cookie, use->model);
    pthread_mutex_lock(&set->lock);
    model_use **at = &set->uses;
    while (*at != use)
        at = &(*at)->next;
    *at = use->next;
    use->owner->opened--;
    mem_free(use);
    pthread_cond_broadcast(&set->changed);
    return true;
}
