#include "server/memory_promise.h"

#include "serving/memory_budget.h"
#include "server/service.h"
#include "serving/watchdog.h"

bool memory_promise_take(exchange *x, size_t bytes, const char *what)
{
    memory_budget budget = watchdog_budget(x->owner->watchdog);
    const size_t before = atomic_fetch_add(&x->owner->promised_bytes, bytes);
    if (budget.room_bytes != SIZE_MAX)
        budget.room_bytes -= before < budget.room_bytes ? before : budget.room_bytes;
    aki_error error;
    if (memory_budget_allows(&budget, bytes, what, &error) == AKI_OK) {
        x->promised_bytes += bytes;
        return true;
    }
    atomic_fetch_sub(&x->owner->promised_bytes, bytes);
    http_error_from(&x->error, &error);
    return false;
}

bool memory_promise_body(exchange *x, size_t body_bytes)
{
    const size_t needed =
        body_bytes * MEMORY_PROMISE_PER_BODY_BYTE; /* at most 3 GiB: no body is larger than 1 GiB */
    return needed <= x->promised_bytes ||
           memory_promise_take(x, needed - x->promised_bytes, "the request's body");
}

void memory_promise_end(exchange *x)
{
    atomic_fetch_sub(&x->owner->promised_bytes, x->promised_bytes);
    x->promised_bytes = 0;
}
