/* Fuzzes the reader of CSV files. The first byte chooses the settings: bit 0 no header, bits 1-2 the delimiter, bits
 * 3-4 the column, bit 5 a short limit for lines, bit 6 the delimiter guessed from the first line. */
#include "text_records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = {',', ';', '\t', '|'};
    static const char *const columns[] = {NULL, "text", "2", "body"};
    if (size == 0)
        return 0;
    const text_reader_settings settings = {
        .format = TEXT_CSV,
        .field = "text",
        .csv = {.column = columns[data[0] >> 3 & 3],
                .delimiter = (data[0] & 64) != 0 ? '\0' : delimiters[data[0] >> 1 & 3],
                .usual_delimiter = ',',
                .header = (data[0] & 1) == 0},
        .max_line_bytes = (data[0] & 32) != 0 ? 64 : 8192,
    };
    check_texts(settings, data + 1, size - 1);
    return 0;
}
