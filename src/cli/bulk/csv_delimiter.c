#include "cli/bulk/csv_delimiter.h"

#include <string.h>

#define CANDIDATES (sizeof CSV_DELIMITERS - 1)

typedef struct fit {
    size_t columns;  /* 0: the line cannot be read with this delimiter */
    bool has_wanted; /* a column has the name that is looked for */
} fit;

/* True when the delimiter occurs outside quotes. A quote opens a quoted column behind any candidate, because the
 * delimiter is not known yet. */
static bool stands_outside_quotes(char delimiter, const char *line, size_t length)
{
    bool in_quotes = false, at_start = true;
    for (size_t i = 0; i < length; i++) {
        if (in_quotes && line[i] == '"' && i + 1 < length && line[i + 1] == '"')
            i++; /* stands for a quote */
        else if (line[i] == '"' && (in_quotes || at_start))
            in_quotes = !in_quotes;
        else if (!in_quotes && line[i] == delimiter)
            return true;
        at_start = !in_quotes && line[i] != '\0' && strchr(CSV_DELIMITERS, line[i]) != NULL;
    }
    return false;
}

static fit try_delimiter(char delimiter, const char *line, size_t length, const char *wanted)
{
    csv_row row;
    fit found = {.columns = 0};
    if (!stands_outside_quotes(delimiter, line, length))
        return found;
    csv_row_init(&row, delimiter, length + 1);
    csv_row_begin(&row);
    csv_outcome outcome = csv_row_add(&row, line, length, 0);
    if (outcome == CSV_COMPLETE || outcome == CSV_MORE) /* MORE: the last column goes on in the next line */
        found.columns = csv_row_columns(&row) + (outcome == CSV_MORE);
    for (size_t i = 0; outcome == CSV_COMPLETE && i < found.columns; i++) {
        size_t name_length;
        const char *name = csv_row_column(&row, i, &name_length);
        found.has_wanted |= name_length == strlen(wanted) && memcmp(name, wanted, name_length) == 0;
    }
    csv_row_free(&row);
    return found;
}

/* Rates a delimiter: higher is better; 0: it does not divide the line. */
static size_t score_of(const fit *found, bool header, char delimiter, char usual)
{
    if (found->columns < 2)
        return 0;
    if (usual == '\t' && delimiter == usual)
        return 3 * CSV_MAX_COLUMNS;
    if (!header)
        return 1;
    return found->columns + (found->has_wanted ? CSV_MAX_COLUMNS : 0);
}

char csv_delimiter_guess(const char *line, size_t length, const char *wanted, bool header, char usual,
                         char among[4])
{
    size_t best = 0, ties = 0;
    memset(among, '\0', 4);
    for (size_t i = 0; i < CANDIDATES; i++) {
        char delimiter = CSV_DELIMITERS[i];
        fit found = try_delimiter(delimiter, line, length, wanted);
        size_t score = score_of(&found, header, delimiter, usual);
        if (score == 0 || score < best)
            continue;
        ties = score > best ? 0 : ties;
        best = score;
        if (ties < 3)
            among[ties] = delimiter;
        ties++;
    }
    return best == 0 ? usual : ties == 1 ? among[0] : '\0';
}

const char *csv_delimiter_name(char delimiter)
{
    static const char *const names[] = {"comma", "semicolon", "tab", "pipe"};
    const char *at = strchr(CSV_DELIMITERS, delimiter);
    return names[at - CSV_DELIMITERS];
}
