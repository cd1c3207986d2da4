/* Finds in JSON text what is not Unicode, and for which a parser refuses the whole text: bytes that are not UTF-8,
 * and escapes of half a surrogate pair, as in "\ud800". So that only the strings with such a fault need fail, it says
 * which elements of one list they are, and makes a copy in which the faults are replaced, so that it parses.
 *
 * The caller then puts the original back into each such string: json_fault.bytes at json_fault.offset of the parsed
 * string. */
#ifndef API_JSON_FAULTS_H
#define API_JSON_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct json_fault {
    size_t position; /* in the JSON text */
    size_t element;  /* of the list; SIZE_MAX = elsewhere */
    size_t offset;   /* in the parsed string */
    size_t length;   /* of bytes: 1, or 3 for half a pair, in the form that UTF-8 would have for it */
    char bytes[3];
} json_fault;

typedef struct json_faults {
    /* [count]: the first one of each element, rising; at most one elsewhere, after which the search ends */
    json_fault *faults;
    size_t count, room;
    char *repaired; /* [length of the text]; NULL where there is no fault */
} json_faults;

/* key: the name of the list, which is a field of the outermost object. Linear in length; allocates only where there
 * is a fault. False = out of memory. The caller frees *out either way. */
bool json_faults_find(json_faults *out, const char *text, size_t length, const char *key);
void json_faults_free(json_faults *faults);

#endif
