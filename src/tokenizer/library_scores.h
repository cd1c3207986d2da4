/* The scores of a Unigram tokenizer as the `tokenizers` library reads them from tokenizer.json. Its JSON reader rounds
 * twice, once the digits to a double and once the division by a power of ten, so that one number in eight is off by a
 * last bit. Sums of scores decide between equal ways to cut a text, hence the ids depend on that bit. */
#ifndef TOKENIZER_LIBRARY_SCORES_H
#define TOKENIZER_LIBRARY_SCORES_H

#include <stddef.h>

/* The number at text[0..length), as JSON writes numbers. */
double library_scores_number(const char *text, size_t length);

/* text: all of tokenizer.json, which must be valid JSON. Writes the second element of each row of "vocab" in "model" to
 * scores, up to `count`, and returns how many it found. Rows are arrays of a string and a number. */
size_t library_scores_read(const char *text, size_t length, double *scores, size_t count);

#endif
