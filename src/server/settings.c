#include "server/settings.h"

#include "http/front.h"

#define ROW(...) SETTING_ROW(server_settings, __VA_ARGS__),

static const option_row setting_rows[] = {SERVICE_OPTIONS(OPTION_NOTHING, ROW)};

void server_settings_init(server_settings *settings)
{
    *settings = (server_settings){.model_name = "default",
                                  .unix_socket_mode = HTTP_UNIX_SOCKET_MODE,
                                  .joins_traces = true,
                                  .keeps_exemplars = true};
    option_set_defaults(setting_rows, sizeof setting_rows / sizeof setting_rows[0], settings);
    scheduler_resilience_init(&settings->resilience);
}
