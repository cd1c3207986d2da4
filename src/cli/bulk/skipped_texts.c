#include "cli/bulk/skipped_texts.h"

#include "base/error.h"
#include "base/json_text.h"
#include "cli/message.h"
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_PENDING_BYTES ((size_t)64 << 20)

typedef struct entry {
    uint64_t index, line;
    size_t start, length; /* in `text` */
} entry;

uint64_t skipped_total(const skipped_counts *counts)
{
    return counts->empty + counts->too_long + counts->unusable;
}

aki_status skipped_texts_open(skipped_texts *skipped, const char *path, bool asked_for, int stop_descriptor,
                              aki_error *error)
{
    *skipped = (skipped_texts){.asked_for = asked_for};
    buf_init(&skipped->text, MAX_PENDING_BYTES);
    buf_init(&skipped->entries, MAX_PENDING_BYTES);
    return path != NULL ? output_open(&skipped->file, path, stop_descriptor, error) : AKI_OK;
}

void skipped_texts_close(skipped_texts *skipped)
{
    output_close(skipped->file);
    buf_free(&skipped->text);
    buf_free(&skipped->entries);
    skipped->file = NULL;
}

aki_status skipped_texts_continue(skipped_texts *skipped, uint64_t bytes, aki_error *error)
{
    if (skipped->file == NULL || output_is_stream(skipped->file))
        return AKI_OK;
    if (output_found_bytes(skipped->file) < bytes) {
        error_set(error, AKI_IO_ERROR,
                  "'%s.partial' has fewer bytes than the interrupted run has listed in it",
                  output_name(skipped->file));
        error_hint(error, "Run the command as it was, or begin anew with --restart.");
        return AKI_IO_ERROR;
    }
    return output_continue(skipped->file, bytes, error);
}

uint64_t skipped_texts_bytes(const skipped_texts *skipped)
{
    return skipped->file != NULL ? output_bytes(skipped->file) : 0;
}

aki_status skipped_texts_add(skipped_texts *skipped, skipped_counts *counts, uint64_t index, uint64_t line,
                             const aki_error *why, aki_error *error)
{
    buf *out = &skipped->text;
    entry added = {.index = index, .line = line, .start = out->length};
    buf_printf(out, "{\"index\":%" PRIu64 ",\"line\":%" PRIu64 ",\"error\":\"%s\",\"message\":", index, line,
               aki_status_name(why->status));
    json_text_append_string(out, why->message);
    buf_append_string(out, "}\n");
    added.length = out->length - added.start;
    buf_append(&skipped->entries, &added, sizeof added);
    if (out->failed || skipped->entries.failed)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to list the texts that are left out");
    *(why->status == AKI_EMPTY_TEXT      ? &counts->empty
      : why->status == AKI_TEXT_TOO_LONG ? &counts->too_long
                                         : &counts->unusable) += 1;
    return AKI_OK;
}

static entry *entries_of(const skipped_texts *skipped)
{
    return (entry *)(void *)skipped->entries.data;
}

size_t skipped_texts_pending(const skipped_texts *skipped)
{
    return skipped->entries.length / sizeof(entry);
}

void skipped_texts_rewind(skipped_texts *skipped, uint64_t index)
{
    entry *entries = entries_of(skipped);
    size_t kept = 0, count = skipped_texts_pending(skipped);
    for (size_t i = 0; i < count; i++)
        if (entries[i].index < index)
            entries[kept++] = entries[i];
    skipped->entries.length = kept * sizeof *entries;
}

static int by_index(const void *a, const void *b)
{
    const entry *one = a, *other = b;
    return one->index < other->index ? -1 : one->index > other->index;
}

aki_status skipped_texts_write(skipped_texts *skipped, aki_error *error)
{
    entry *entries = entries_of(skipped);
    size_t count = skipped_texts_pending(skipped);
    if (count > 0) /* texts that are found too long when they are tokenized are added late */
        qsort(entries, count, sizeof *entries, by_index);
    aki_status status = AKI_OK;
    for (size_t i = 0; i < count && status == AKI_OK; i++) {
        if (skipped->shown < SKIPPED_SHOWN)
            skipped->lines[skipped->shown++] = entries[i].line;
        if (skipped->file != NULL)
            status =
                output_write(skipped->file, skipped->text.data + entries[i].start, entries[i].length, error);
    }
    buf_clear(&skipped->text);
    buf_clear(&skipped->entries);
    return status;
}

aki_status skipped_texts_sync(skipped_texts *skipped, aki_error *error)
{
    return skipped->file != NULL ? output_sync(skipped->file, error) : AKI_OK;
}

aki_status skipped_texts_finish(skipped_texts *skipped, aki_error *error)
{
    if (skipped->file == NULL)
        return AKI_OK;
    if (output_bytes(skipped->file) == 0 && !skipped->asked_for)
        return output_remove(skipped->file, error);
    return output_finish(skipped->file, error);
}

void skipped_texts_report(const skipped_texts *skipped, const skipped_counts *counts, uint64_t texts)
{
    char all[40], some[40];
    uint64_t total = skipped_total(counts);
    buf where;
    if (total == 0)
        return;
    buf_init(&where, 1000);
    for (size_t i = 0; i < skipped->shown; i++)
        buf_printf(&where, "%s%" PRIu64,
                   i > 0                ? ", "
                   : skipped->shown > 1 ? ": lines "
                                        : ": line ",
                   skipped->lines[i]);
    if (skipped->shown > 0 && total > skipped->shown)
        buf_printf(&where, " and %" PRIu64 " more", total - skipped->shown);
    progress_write_count(texts, all, sizeof all);
    progress_write_count(total, some, sizeof some);
    message_warning("%s of %s texts could not be used and were left out%s%s%s", some, all,
                    where.data != NULL ? where.data : "", skipped->file != NULL ? "; listed in " : "",
                    skipped->file != NULL ? output_name(skipped->file) : "");
    buf_free(&where);
}
