/* The defaults of a server's settings: those of the options. */
#include "server/server.h"

#define SETTING(...) SETTING_ROW(server_settings, __VA_ARGS__),

static const option_row rows[] = {SERVICE_OPTIONS(OPTION_NOTHING, SETTING)};

void server_settings_init(server_settings *settings)
{
    *settings = (server_settings){.model_name = "default",
                                  .unix_socket_mode = HTTP_UNIX_SOCKET_MODE,
                                  .joins_traces = true,
                                  .keeps_exemplars = true};
    option_set_defaults(rows, sizeof rows / sizeof rows[0], settings);
    scheduler_resilience_init(&settings->resilience);
}
