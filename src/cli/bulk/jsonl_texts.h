/* The texts of a JSONL file: one field of the object on each line. The object's "id", where there is one, is kept in
 * the bytes it was written with. Each line must be valid JSON; the values of other fields do not matter. Blank lines
 * are skipped. */
#ifndef CLI_BULK_JSONL_TEXTS_H
#define CLI_BULK_JSONL_TEXTS_H

#include "cli/bulk/text_record.h"

typedef struct jsonl_texts jsonl_texts;

/* The lines stay the caller's. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status jsonl_texts_open(jsonl_texts **out, line_source *lines, const char *field,
                                           aki_error *error);
void jsonl_texts_close(jsonl_texts *jsonl);

/* Sets the record. */
text_outcome jsonl_texts_next(jsonl_texts *jsonl, text_record *record, aki_error *error);

#endif
