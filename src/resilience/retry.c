#include "resilience/retry.h"

#include "base/clock.h"

const retry_settings retry_defaults = {.attempts = RETRY_DEFAULT_ATTEMPTS,
                                       .first_delay_ns = RETRY_DEFAULT_DELAY_MS * NS_PER_MS,
                                       .delay_max_ns = 5 * NS_PER_S};

int64_t retry_longest_delay_ns(const retry_settings *settings, unsigned attempts_made)
{
    int64_t delay_ns = settings->first_delay_ns;
    for (unsigned i = 1; i < attempts_made && delay_ns > 0 && delay_ns < settings->delay_max_ns; i++)
        delay_ns = delay_ns <= settings->delay_max_ns / 2 ? delay_ns * 2 : settings->delay_max_ns;
    return delay_ns < settings->delay_max_ns ? delay_ns : settings->delay_max_ns;
}

retry_decision retry_decide(const retry_settings *settings, retry_budget *budget, jitter *noise,
                            const retry_failure *failure, int64_t now_ns, int64_t deadline_ns)
{
    if (!retry_cause_is_retried(failure->cause))
        return (retry_decision){.verdict = RETRY_NOT_OF_USE};
    if (failure->attempts_made >= settings->attempts)
        return (retry_decision){.verdict = RETRY_ATTEMPTS_SPENT};
    int64_t delay_ns = jitter_between(noise, 0, retry_longest_delay_ns(settings, failure->attempts_made));
    const int64_t needed_ns = failure->cause == RETRY_TIMEOUT ? failure->duration_ns : 0;
    if (now_ns >= deadline_ns || delay_ns + needed_ns >= deadline_ns - now_ns)
        return (retry_decision){.verdict = RETRY_DEADLINE_TOO_NEAR};
    if (budget != NULL && !retry_budget_take(budget, now_ns))
        return (retry_decision){.verdict = RETRY_BUDGET_SPENT};
    return (retry_decision){.verdict = RETRY_AGAIN, .delay_ns = delay_ns};
}

retry_cause retry_cause_of(aki_status status)
{
    switch (status) {
    case AKI_DEADLINE_EXCEEDED:
        return RETRY_TIMEOUT;
    case AKI_NOT_FINITE:
        return RETRY_DEVICE_UNAVAILABLE;
    case AKI_INVALID_ARGUMENT:
    case AKI_EMPTY_TEXT:
    case AKI_INVALID_UTF8:
    case AKI_TEXT_TOO_LONG:
    case AKI_NO_TOKENS:
        return RETRY_INVALID_INPUT;
    case AKI_OUT_OF_MEMORY:
        return RETRY_OUT_OF_MEMORY;
    case AKI_CANCELLED:
        return RETRY_CANCELLED;
    default:
        return RETRY_OTHER;
    }
}

bool retry_cause_is_retried(retry_cause cause)
{
    static const bool again[] = {
#define RETRY_CAUSE_AGAIN(symbol, name, is_retried) is_retried,
        RETRY_CAUSES(RETRY_CAUSE_AGAIN)
#undef RETRY_CAUSE_AGAIN
    };
    return cause < RETRY_CAUSE_COUNT && again[cause];
}

const char *retry_cause_name(retry_cause cause)
{
    static const char *const names[] = {
#define RETRY_CAUSE_NAME(symbol, name, is_retried) name,
        RETRY_CAUSES(RETRY_CAUSE_NAME)
#undef RETRY_CAUSE_NAME
    };
    return cause < RETRY_CAUSE_COUNT ? names[cause] : "unknown";
}

const char *retry_verdict_name(retry_verdict verdict)
{
    static const char *const names[] = {"again", "not_of_use", "attempts_spent", "deadline_too_near",
                                        "budget_spent"};
    return verdict < RETRY_VERDICT_COUNT ? names[verdict] : "unknown";
}
