/* Members of a JSON object as ranges of the text, in a text that is checked as a whole (RFC 8259).
 *
 * A parser that builds values converts numbers to its own types: it refuses whole numbers beyond 64 bits, and writes
 * 0.1 and 1e3 back in other words. Here a value stays the bytes that it was written with, to be passed on unchanged
 * or decoded one at a time. Nothing is allocated. Checked are UTF-8, the grammar, the form of escapes and the depth
 * of nesting. Not checked are the size of numbers, names that occur twice, and surrogates without their other half. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Depth of nested arrays and objects. */
#define JSON_SCAN_MAX_DEPTH 2048

typedef struct json_scan {
    const char *text;
    size_t length, at;
    bool begun;
    /* After JSON_SCAN_FAULT: */
    /* of the byte that cannot stand there, from 1; at the end of the text its last byte */
    size_t fault_column;
    const char *fault; /* "':' expected", static storage */
} json_scan;

typedef struct json_member {
    const char *name; /* between the quotes, escapes as they were written */
    size_t name_length;
    const char *value; /* without white space around it */
    size_t value_length;
} json_member;

typedef enum json_scan_outcome {
    JSON_SCAN_MEMBER,
    JSON_SCAN_END,        /* after the last member: all of the text is valid */
    JSON_SCAN_NOT_OBJECT, /* valid, but another kind of value */
    JSON_SCAN_FAULT,
} json_scan_outcome;

/* The text stays the caller's. */
void json_scan_begin(json_scan *scan, const char *text, size_t length);
/* Fills *member for JSON_SCAN_MEMBER. After any other outcome the scan is over. */
json_scan_outcome json_scan_next(json_scan *scan, json_member *member);

#endif
