#include "server/memory_promise.h"

#include "serving/memory_budget.h"
#include "server/service.h"
#include "serving/watchdog.h"

aki_status memory_promise_claim(server *s, size_t bytes, const char *what, aki_error *error)
{
    memory_budget budget = watchdog_budget(s->watchdog);
    const size_t before = atomic_fetch_add(&s->promised_bytes, bytes);
    if (budget.room_bytes != SIZE_MAX)
        budget.room_bytes -= before < budget.room_bytes ? before : budget.room_bytes;
    const aki_status status = memory_budget_allows(&budget, bytes, what, error);
    if (status != AKI_OK)
        memory_promise_return(s, bytes);
    return status;
}

void memory_promise_return(server *s, size_t bytes)
{
    atomic_fetch_sub(&s->promised_bytes, bytes);
}

bool memory_promise_take(exchange *x, size_t bytes, const char *what)
{
    aki_error error;
    if (memory_promise_claim(x->owner, bytes, what, &error) == AKI_OK) {
        x->promised_bytes += bytes;
        return true;
    }
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
    memory_promise_return(x->owner, x->promised_bytes);
    x->promised_bytes = 0;
}
