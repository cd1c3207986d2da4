/* White space at the ends of a text, as `tokenizers` knows it (unicode_spaces). Texts are valid UTF-8. */
#ifndef TOKENIZER_WHITE_SPACE_H
#define TOKENIZER_WHITE_SPACE_H

#include <stddef.h>

/* Bytes of white space that the text begins with. */
size_t white_space_before(const char *text, size_t length);
/* The length without the white space that the text ends with. */
size_t white_space_trimmed(const char *text, size_t length);

#endif
