/* The input side of `embed` and `tokenize`: from the options to a reader, and what happens to texts that cannot be used. */
#ifndef CLI_BULK_TEXT_INPUT_H
#define CLI_BULK_TEXT_INPUT_H

#include "cli/options/options.h"
#include "cli/bulk/skipped_texts.h"
#include "cli/stop.h"
#include "cli/bulk/text_reader.h"

/* Errors as text_reader_open; AKI_INVALID_ARGUMENT for options that do not go together. */
AKI_MUST_CHECK aki_status text_input_open(text_reader **out, const options *o, const stop *s,
                                          aki_error *error);

/* The format, field, column and delimiter that the input is read with, as `resume_settings` want them. */
void text_input_describe(const options *o, const text_reader *reader, char *out, size_t room);

/* The format that "auto" means for a path: by its ending, in any case. */
text_format text_format_of(const char *path);

/* True when the options say that a record with this error is left out instead of ending the run. */
bool text_input_skips(const options *o, const aki_error *bad);
/* True when that holds for every error. */
bool text_input_skips_unusable(const options *o);

/* The path of the list of texts left out: --skipped, or beside an output that is a file. Free with mem_free; *path
 * NULL: no list. Errors: AKI_INVALID_ARGUMENT, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status text_input_list_path(const options *o, const output_file *output, char **path,
                                               aki_error *error);

/* Prints on stderr how many texts were truncated, if any were. */
void text_input_report(uint64_t texts, uint64_t truncated, size_t max_tokens);

/* The exit code of a run that reached the end of its input: EXIT_SKIPPED where texts were left out, apart from empty
 * ones with --skip-empty. */
int text_input_exit_code(const options *o, const skipped_counts *skipped);

#endif
