/* W3C Baggage: what a caller hands along with its trace, as names and values.
 *
 * Source: https://www.w3.org/TR/baggage/. At most 64 members and 8192 bytes are read, a member whole or not at all. Nothing of it
 * is to be trusted. Properties behind a semicolon are left out, as nothing here asks for them. */
#ifndef TELEMETRY_BAGGAGE_H
#define TELEMETRY_BAGGAGE_H

#include <stdbool.h>
#include <stddef.h>

#define BAGGAGE_MAX_MEMBERS 64
#define BAGGAGE_MAX_BYTES 8192 /* of the headers, joined by commas */

typedef struct baggage_member {
    const char *key, *value; /* value: percent-decoded, valid UTF-8 */
} baggage_member;

typedef struct baggage {
    baggage_member members[BAGGAGE_MAX_MEMBERS];
    size_t count;
    size_t header_bytes;              /* of the members read so far */
    size_t used;                      /* of text */
    char text[BAGGAGE_MAX_BYTES * 3]; /* a byte that is no UTF-8 becomes U+FFFD, which has three */
} baggage;

void baggage_begin(baggage *b);
/* Adds the members of one baggage header; several are called for in their order. Damaged members are left out, and of a
 * repeated key the last value counts. */
void baggage_add(baggage *b, const char *header);
/* The value, or NULL. */
const char *baggage_value(const baggage *b, const char *key);

#endif
