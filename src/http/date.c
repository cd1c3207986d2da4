#include "http/date.h"

#include "base/clock.h"

#include <stdio.h>
#include <time.h>

const char *http_date_text(http_date *date, int64_t wall_ns)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t second = (time_t)(wall_ns / NS_PER_S);
    struct tm t;
    if (second == date->second || gmtime_r(&second, &t) == NULL)
        return date->text;
    date->second = second;
    snprintf(date->text, sizeof date->text, "%s, %02u %s %04u %02u:%02u:%02u GMT",
             days[(unsigned)t.tm_wday % 7], (unsigned)t.tm_mday % 100, months[(unsigned)t.tm_mon % 12],
             (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
             (unsigned)t.tm_sec % 100);
    return date->text;
}
