/* The texts of a JSONL file: one field of the object on each line, and its "id" where there is one, in the bytes it was written
 * with. The line must be valid JSON; what stands in other fields does not matter. Blank lines count for nothing. */
#ifndef CLI_JSONL_TEXTS_H
#define CLI_JSONL_TEXTS_H

#include "cli/text_record.h"

typedef struct jsonl_texts jsonl_texts;

/* The lines stay the caller's. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status jsonl_texts_open(jsonl_texts **out, line_source *lines, const char *field,
                                           aki_error *error);
void jsonl_texts_close(jsonl_texts *jsonl);

/* Sets the record. */
text_outcome jsonl_texts_next(jsonl_texts *jsonl, text_record *record, aki_error *error);

#endif
