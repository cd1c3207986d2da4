#include "cli/bulk/text_record.h"

#include "base/error.h"

void text_set_too_long(const line_source *lines, uint64_t line, aki_error *error)
{
    error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: longer than the %zu bytes allowed",
              line_source_name(lines), (unsigned long long)line, line_source_max_line_bytes(lines));
    error_hint(error, "Split the line, or allow more with --max-line-bytes.");
}

text_outcome text_set_no_tokens(const line_source *lines, uint64_t line, aki_error *error)
{
    error_set(error, AKI_NO_TOKENS,
              "%s line %llu: the text has no token: nothing of it is left for the model",
              line_source_name(lines), (unsigned long long)line);
    error_hint(error, "Leave such texts out of the input, or with --on-error skip.");
    return TEXT_BAD;
}

text_outcome text_outcome_of(line_outcome outcome)
{
    static const text_outcome outcomes[] = {[LINE_READ] = TEXT_READ,
                                            [LINE_TOO_LONG] = TEXT_BAD,
                                            [LINE_END] = TEXT_END,
                                            [LINE_STOPPED] = TEXT_STOPPED,
                                            [LINE_FAILED] = TEXT_FAILED};
    return outcomes[outcome];
}
