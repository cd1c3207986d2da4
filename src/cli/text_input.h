/* The input side of `embed` and `tokenize`: from the options to a reader, and what happens to texts that cannot be used. */
#ifndef CLI_TEXT_INPUT_H
#define CLI_TEXT_INPUT_H

#include "cli/options.h"
#include "cli/stop.h"
#include "cli/text_reader.h"

/* Errors as text_reader_open; AKI_INVALID_ARGUMENT for options that do not go together. */
AKI_MUST_CHECK aki_status text_input_open(text_reader **out, const options *o, const stop *s,
                                          aki_error *error);

/* The format that "auto" means for a path: by its ending, in any case. */
text_format text_format_of(const char *path);

/* True when the options say that a record with this error is left out instead of ending the run. */
bool text_input_skips(const options *o, const aki_error *bad);

/* Says on stderr how many texts were left out or cut, where any were. */
void text_input_report(uint64_t texts, uint64_t skipped, uint64_t truncated, size_t max_tokens);

#endif
