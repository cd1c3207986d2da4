#include "telemetry/log_repeats.h"

#include <stdio.h>

/* FNV-1a (Fowler, Noll, Vo); texts end in a NUL, which is mixed in. */
static uint64_t mix(uint64_t hash, const char *text, bool without_digits)
{
    do {
        if (!without_digits || *text < '0' || *text > '9')
            hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    } while (*text++ != '\0');
    return hash;
}

static uint64_t hash_of(const log_event *event)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) + event->level;
    hash = mix(hash, event->target, false);
    return event->repeat_key != NULL ? mix(hash, event->repeat_key, false) : mix(hash, event->message, true);
}

static void open_window(log_repeats_kind *kind, uint64_t hash, const log_event *event, int64_t now_ns)
{
    *kind = (log_repeats_kind){
        .hash = hash, .until_ns = now_ns + LOG_REPEATS_WINDOW_NS, .count = 1, .level = event->level};
    snprintf(kind->target, sizeof kind->target, "%s", event->target);
    snprintf(kind->message, sizeof kind->message, "%.*s", (int)sizeof kind->message - 1, event->message);
}

bool log_repeats_admit(log_repeats *repeats, const log_event *event, int64_t now_ns)
{
    if (event->level < AKI_LOG_INFO || event->keep_repeats)
        return true;
    const uint64_t hash = hash_of(event);
    log_repeats_kind *unused = NULL;
    for (size_t i = 0; i < LOG_REPEATS_KINDS; i++) {
        log_repeats_kind *kind = &repeats->kinds[i];
        /* A window that is over with lines left out waits for its end to be told. */
        const bool over = kind->until_ns <= now_ns && kind->left_out == 0;
        if (!over && kind->hash == hash) {
            const bool admitted = ++kind->count <= LOG_REPEATS_MAX;
            kind->left_out += !admitted;
            return admitted;
        }
        if (over && unused == NULL)
            unused = kind;
    }
    if (unused != NULL)
        open_window(unused, hash, event, now_ns);
    return true;
}

bool log_repeats_take_ended(log_repeats *repeats, int64_t now_ns, log_repeats_kind *ended)
{
    for (size_t i = 0; i < LOG_REPEATS_KINDS; i++) {
        log_repeats_kind *kind = &repeats->kinds[i];
        if (kind->until_ns == 0 || kind->until_ns > now_ns)
            continue;
        *ended = *kind;
        *kind = (log_repeats_kind){0};
        if (ended->left_out > 0)
            return true;
    }
    return false;
}

int64_t log_repeats_next_ns(const log_repeats *repeats)
{
    int64_t next_ns = INT64_MAX;
    for (size_t i = 0; i < LOG_REPEATS_KINDS; i++) {
        const int64_t until_ns = repeats->kinds[i].until_ns;
        if (until_ns != 0 && until_ns < next_ns)
            next_ns = until_ns;
    }
    return next_ns;
}
