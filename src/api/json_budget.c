#include "api/json_budget.h"

#include <string.h>

/* Behind the closing quote of the string whose first character is at `at`; the end where it is not closed. */
static const char *skip_string(const char *at, const char *end)
{
    while (at < end) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (quote == NULL)
            return end;
        const char *run = quote; /* of backslashes before the quote */
        while (run > at && run[-1] == '\\')
            run--;
        at = quote + 1;
        if ((quote - run) % 2 == 0)
            return at;
    }
    return end;
}

json_cost json_cost_of(const char *text, size_t length, size_t max_values)
{
    json_cost cost = {.values = 1};
    size_t depth = 0;
    const char *at = text, *end = text + length;
    while (at < end && cost.values <= max_values) {
        char c = *at++;
        if (c == '"') {
            at = skip_string(at, end);
        } else if (c == '[' || c == '{') {
            cost.values++;
            if (++depth > cost.depth)
                cost.depth = depth;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        } else if (c == ',') {
            cost.values++;
        }
    }
    return cost;
}
