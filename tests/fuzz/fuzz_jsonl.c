/* Fuzzes the readers of JSONL and of lines. The first byte chooses the settings: bit 0 lines, bit 1 another field,
 * bit 2 a short limit for lines. */
#include "text_records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const text_reader_settings settings = {
        .format = (data[0] & 1) != 0 ? TEXT_LINES : TEXT_JSONL,
        .field = (data[0] & 2) != 0 ? "title" : "text",
        .max_line_bytes = (data[0] & 4) != 0 ? 64 : 8192,
    };
    check_texts(settings, data + 1, size - 1);
    return 0;
}
