/* The entries of Accept and Accept-Encoding headers (RFC 9110 section 12.5), with their weights.
 *
 *     accept_entry entry;
 *     for (const char *at = value; accept_next(&at, &entry);)
 *         if (accept_is(&entry, "text/html") && entry.weight > best) … */
#ifndef BASE_ACCEPT_H
#define BASE_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct accept_entry {
    const char *name; /* [length], without parameters */
    size_t length;
    const char *end; /* behind the parameters */
    double weight;   /* 0 to 1; 0 where it is no such number */
} accept_entry;

/* The next entry of a list that may be NULL; false after the last. */
bool accept_next(const char **at, accept_entry *entry);

/* In any letter case. */
bool accept_is(const accept_entry *entry, const char *name);

/* True where the entry has the parameter name=value; *value is where the value begins, and ends before entry->end. */
bool accept_parameter(const accept_entry *entry, const char *name, const char **value);

/* The greatest weight of the entries with one of the names, NULL-terminated; 0 where there is none. */
double accept_weight(const char *list, const char *const *names);

#endif
