#include "http/fault.h"

#include <stdarg.h>
#include <stdio.h>

bool http_fault_set(http_fault *fault, http_fault_kind kind, const char *format, ...)
{
    if (fault->kind != HTTP_FAULT_NONE)
        return false;
    fault->kind = kind;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
    return false;
}
