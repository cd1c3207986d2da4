#include "base/accept.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool accept_parameter(const accept_entry *entry, const char *name, const char **value)
{
    const size_t length = strlen(name);
    const char *end = entry->end;
    for (const char *p = entry->name + entry->length;
         p < end && (p = memchr(p, ';', (size_t)(end - p))) != NULL;) {
        p++;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if ((size_t)(end - p) > length && strncasecmp(p, name, length) == 0 && p[length] == '=') {
            *value = p + length + 1;
            return true;
        }
    }
    return false;
}

static double weight_of(const accept_entry *entry)
{
    const char *value;
    if (!accept_parameter(entry, "q", &value))
        return 1;
    char *stop;
    const double weight = strtod(value, &stop);
    return stop != value && weight >= 0 && weight <= 1 ? weight : 0;
}

bool accept_next(const char **at, accept_entry *entry)
{
    if (*at == NULL)
        return false;
    *at += strspn(*at, " \t,");
    if (**at == '\0')
        return false;
    *entry = (accept_entry){.name = *at, .length = strcspn(*at, " \t,;"), .end = *at + strcspn(*at, ",")};
    entry->weight = weight_of(entry);
    *at = entry->end;
    return true;
}

bool accept_is(const accept_entry *entry, const char *name)
{
    return strlen(name) == entry->length && strncasecmp(entry->name, name, entry->length) == 0;
}

double accept_weight(const char *list, const char *const *names)
{
    double best = 0;
    accept_entry entry;
    for (const char *at = list; accept_next(&at, &entry);)
        for (size_t i = 0; names[i] != NULL; i++)
            if (accept_is(&entry, names[i]) && entry.weight > best)
                best = entry.weight;
    return best;
}
