/* The table of all options, put together from the rooms' lists. */
#include "cli/options/options.h"

#include "server/server.h"

const option_row option_table[OPTION_TOTAL] = {
#define TABLE_OPTION(ID, ...) [OPTION_##ID] = OPTION_ROW(ID, __VA_ARGS__),
#define TABLE_SETTING(ID, ...) [OPTION_##ID] = SETTING_ROW(server_settings, ID, __VA_ARGS__),
#define TABLE_FLAG(ID, name, heading, who, explanation)                                                      \
    [OPTION_##ID] = {.flag = name,                                                                           \
                     .section = heading,                                                                     \
                     .type = OPTION_TYPE_SWITCH,                                                             \
                     .commands = who,                                                                        \
                     .default_text = "false",                                                                \
                     .help = explanation},
    PROGRAM_OPTIONS(TABLE_OPTION, TABLE_SETTING) GENERAL_FLAG_OPTIONS(TABLE_FLAG)};
