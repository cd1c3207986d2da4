/* Options of the program itself. base/option.h explains the rows. */
#ifndef CLI_OPTIONS_OPTION_LIST_H
#define CLI_OPTIONS_OPTION_LIST_H

#include "base/option.h"

#define GENERAL_OPTIONS(OPTION, SETTING)                                                                     \
    OPTION(SERVER, "server", "General", TEXT, BY_MODELS, .value_name = "URL",                                \
           .help = "address of a running service, whose models are listed as well")                          \
    OPTION(JSON, "json", "General", SWITCH, BY_MODELS | BY_DOCTOR | BY_BENCH, .default_text = "false",       \
           .help = "print JSON for programs instead of text for people")                                     \
    OPTION(CONFIG, "config", "General", PATH, BY_ALL, .value_name = "FILE",                                  \
           .help = "config file with lines `key = value`")

/* Flags without variable or config key. */
#define GENERAL_FLAG_OPTIONS(FLAG)                                                                           \
    FLAG(PRINT_CONFIG, "print-config", "General", BY_ALL,                                                    \
         "print the values in force and where each comes from, in the form of a config file, and exit")      \
    FLAG(HELP, "help", "General", BY_ALL, "print this help and exit")                                        \
    FLAG(VERSION, "version", "General", BY_ALL, "print the version and exit")

#endif
