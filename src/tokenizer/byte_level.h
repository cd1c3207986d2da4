/* The alphabet of byte-level tokenizers (GPT-2's): each byte is written as a character that is visible, so that a
 * vocabulary of bytes can stand in a file of text. Printable bytes of Latin-1 are themselves, the others follow from
 * U+0100 on: a space is U+0120. */
#ifndef TOKENIZER_BYTE_LEVEL_H
#define TOKENIZER_BYTE_LEVEL_H

#include "base/buf.h"

#include <stdint.h>

uint32_t byte_level_character(uint8_t byte);
/* The byte that the character stands for, or -1. */
int byte_level_byte(uint32_t code_point);

/* Appends the bytes of text[0..length), valid UTF-8. False where a character stands for no byte, or out of memory
 * (out->failed); `out` is then as before. */
bool byte_level_bytes(const char *text, size_t length, buf *out);

#endif
