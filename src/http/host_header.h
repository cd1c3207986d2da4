/* The value of a Host header (RFC 9110 section 7.2): a name or an address, and a port. */
#ifndef HTTP_HOST_HEADER_H
#define HTTP_HOST_HEADER_H

#include <stdbool.h>

/* True for uri-host [":" port] of RFC 3986, and for the empty value, which stands for a target without authority.
 * False for anything else, such as a user name, a path or a list. */
bool host_header_valid(const char *value);

/* True for a domain name, which some name server may resolve to any address: a name with a dot, but not an address
 * and not under "localhost". */
bool host_header_is_domain(const char *value);

#endif
