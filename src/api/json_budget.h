/* A look over JSON text before it is parsed, so that a body cannot cost many times its size: a parser spends some
 * hundred bytes on each `[]`, a body may hold millions of them, and no valid request does. */
#ifndef API_JSON_BUDGET_H
#define API_JSON_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

typedef struct json_cost {
    size_t values; /* upper bound of the values: opening brackets and commas outside strings, plus one */
    size_t depth;  /* deepest nesting */
} json_cost;

/* Linear in length, allocates nothing, takes any bytes. Stops early once values exceed max_values. */
json_cost json_cost_of(const char *text, size_t length, size_t max_values);

#endif
