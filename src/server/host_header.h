/* The value of a Host header (RFC 9110 section 7.2): a name or an address, and a port. */
#ifndef SERVER_HOST_HEADER_H
#define SERVER_HOST_HEADER_H

#include <stdbool.h>

/* True for uri-host [":" port] of RFC 3986 and for the empty value, which stands for a target without authority. No user
 * name, path, list, or anything else. */
bool host_header_valid(const char *value);

/* True for a name with a dot in it, other than under "localhost" or of an address: one that somebody's name server
 * resolves, as it likes. */
bool host_header_is_domain(const char *value);

#endif
