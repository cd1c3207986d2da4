/* Shared by fuzz_csv and fuzz_jsonl: a file of texts is read to its end, and again from the middle. */
#ifndef FUZZ_TEXT_RECORDS_H
#define FUZZ_TEXT_RECORDS_H

#include "fuzz.h"
#include "scratch.h"

#include "base/json_scan.h"
#include "base/utf8.h"
#include "cli/bulk/text_reader.h"

#include <string.h>

#define RECORDS_FILE "texts"
#define RECORDS_MAX 100000

/* The outcome of reading one record. */
typedef struct record_mark {
    text_outcome outcome;
    uint64_t line;
    size_t length;
    line_position behind;
} record_mark;

static inline void check_record(const text_record *record)
{
    size_t bad;
    FUZZ_CHECK(record->length > 0 && utf8_valid(record->text, record->length, &bad));
    if (record->id == NULL)
        return;
    json_scan scan;
    json_member member;
    json_scan_begin(&scan, record->id, strlen(record->id));
    json_scan_outcome outcome = json_scan_next(&scan, &member);
    while (outcome == JSON_SCAN_MEMBER) /* an id may be an object */
        outcome = json_scan_next(&scan, &member);
    FUZZ_CHECK(outcome != JSON_SCAN_FAULT && strchr(record->id, '\n') == NULL);
}

static inline record_mark read_record(text_reader *reader)
{
    text_record record = {.text = NULL};
    aki_error error = {.message = ""};
    record_mark mark = {.outcome = text_reader_next(reader, &record, &error)};
    FUZZ_CHECK(mark.outcome != TEXT_STOPPED);
    if (mark.outcome == TEXT_READ) {
        check_record(&record);
        mark.line = record.line;
        mark.length = record.length;
    } else if (mark.outcome != TEXT_END) {
        FUZZ_CHECK(error.message[0] != '\0' && error.hint[0] != '\0');
    }
    mark.behind = text_reader_position(reader);
    return mark;
}

static inline bool goes_on(record_mark mark)
{
    return mark.outcome == TEXT_READ || mark.outcome == TEXT_BAD;
}

/* A run that resumes behind a record must read what the first run read from there. */
static inline void check_from(const text_reader_settings *settings, const record_mark *marks, size_t count,
                              size_t from)
{
    text_reader *reader = NULL;
    aki_error error;
    FUZZ_CHECK(text_reader_open(&reader, settings, &error) == AKI_OK);
    FUZZ_CHECK(text_reader_seek(reader, marks[from].behind, &error) == AKI_OK);
    for (size_t i = from + 1; i < count; i++) {
        const record_mark again = read_record(reader);
        FUZZ_CHECK(again.outcome == marks[i].outcome && again.line == marks[i].line &&
                   again.length == marks[i].length && again.behind.offset == marks[i].behind.offset &&
                   again.behind.line == marks[i].behind.line);
    }
    text_reader_close(reader);
}

/* Reads data[0..size) with the settings. */
static inline void check_texts(text_reader_settings settings, const uint8_t *data, size_t size)
{
    static record_mark marks[RECORDS_MAX];
    char path[SCRATCH_PATH_MAX];
    scratch_write(RECORDS_FILE, data, size);
    scratch_path(path, RECORDS_FILE);
    settings.path = path;
    settings.stop_descriptor = -1;
    text_reader *reader = NULL;
    aki_error error = {.message = ""};
    if (text_reader_open(&reader, &settings, &error) != AKI_OK) {
        FUZZ_CHECK(reader == NULL && error.message[0] != '\0' && error.hint[0] != '\0');
        return;
    }
    size_t count = 0;
    do {
        FUZZ_CHECK(count < RECORDS_MAX);
        marks[count] = read_record(reader);
        FUZZ_CHECK(count == 0 || marks[count].behind.offset >= marks[count - 1].behind.offset);
    } while (goes_on(marks[count++]));
    text_reader_close(reader);
    if (count > 1)
        check_from(&settings, marks, count, (count - 1) / 2);
}

#endif
