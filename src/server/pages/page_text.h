/* Text that the server writes into a page: its state, what it serves, and calls to copy, so that "/" can be read without a
 * script.
 *
 * Where the service has API keys, a page tells no more than the health routes do. */
#ifndef SERVER_PAGES_PAGE_TEXT_H
#define SERVER_PAGES_PAGE_TEXT_H

#include "server/exchange.h"

/* Appends the text with each {{name}} replaced by what it stands for. An unknown name is left as it is. */
void page_text_write(const exchange *x, const char *text, buf *out);

#endif
