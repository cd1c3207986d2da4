#include "cli/options/suggest.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    if (rows >= SUGGEST_MAX_BYTES || columns >= SUGGEST_MAX_BYTES)
        return SUGGEST_MAX_BYTES;
    size_t table[3][SUGGEST_MAX_BYTES + 1]; /* the rows i - 2, i - 1 and i, at i % 3 */
    for (size_t j = 0; j <= columns; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *now = table[i % 3];
        const size_t *before = table[(i - 1) % 3];
        const size_t *before_that = table[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before_that[j - 2] + 1);
        }
    }
    return table[rows % 3][columns];
}

int suggest_near(const char *typed, const char *name)
{
    size_t length = strlen(typed);
    if (length >= 3 && strncmp(typed, name, length) == 0)
        return 1;
    return suggest_distance(typed, name) <= (length < 3 ? 1 : 1 + length / 4);
}
