/* Options of the engine: precision, instructions, threads, devices. base/option.h explains the rows. */
#ifndef ENGINE_OPTION_LIST_H
#define ENGINE_OPTION_LIST_H

#include "base/option.h"
#include "engine/settings.h"

#define ENGINE_COMPUTING_OPTIONS(OPTION, SETTING)                                                            \
    OPTION(PRECISION, "precision", "Computing", CHOICE, BY_COMPUTERS, .choices = "auto|fp32|bf16|int8|int4", \
           .default_text = "auto",                                                                           \
           .help = "arithmetic of the forward pass; auto is the fastest whose vectors stay "                 \
                   "within the documented accuracy gate, int8 is faster still and less exact, "              \
                   "int4 keeps weights in 4 bits for memory and is the least exact")                         \
    OPTION(CPU_TIER, "cpu-tier", "Computing", TEXT, BY_COMPUTERS, .default_text = "auto",                    \
           .value_name = "TIER",                                                                             \
           .help = "CPU instructions to use; `akidb-embed doctor` lists what this machine has")              \
    OPTION(THREADS, "threads", "Computing", NUMBER, BY_COMPUTERS, .maximum = 1024, .zero_word = "auto",      \
           .default_text = "auto",                                                                           \
           .help = "threads that compute; auto is one per core that the process may use")                    \
    OPTION(PIN, "pin", "Computing", CHOICE, BY_COMPUTERS, .choices = "auto|on|off", .default_text = "auto",  \
           .help = "tie each of these threads to a CPU of its own; auto does where they take "               \
                   "all cores and no cgroup limits the process")                                             \
    OPTION(WEIGHTS_CACHE, "weights-cache", "Computing", PATH, BY_COMPUTERS, .value_name = "FOLDER",          \
           .help = "existing folder that keeps the packed weights of int8 and int4 for the next "            \
                   "start; without it they are computed at every start")                                     \
    OPTION(PREFIX_CACHE_MB, "prefix-cache-mb", "Computing", NUMBER, BY_COMPUTERS, .maximum = 1000000,        \
           .default_text = OPTION_QUOTED(SETTINGS_DEFAULT_PREFIX_CACHE_MB),                                  \
           .help = "megabytes for each causal model to keep what texts begin with in common, such as "       \
                   "an instruction, so that it is computed once; 0 keeps nothing, as `bench` does where "    \
                   "the option is not given")

#define ENGINE_DEVICE_OPTIONS(OPTION, SETTING)                                                               \
    OPTION(DEVICE, "device", "Devices", TEXT, BY_SERVE | BY_DOCTOR, .default_text = "auto",                  \
           .value_name = "auto|cpu|NAME",                                                                    \
           .help = "what computes: auto is the plugin's device where it is usable here and "                 \
                   "better than the CPU; NAME is looked for beside the program and in its "                  \
                   "library folder where no plugin is named")                                                \
    OPTION(DEVICE_PLUGIN, "device-plugin", "Devices", PATH, BY_SERVE | BY_DOCTOR, .value_name = "FILE",      \
           .help = "shared object with a device; root or this user must own it, and nobody else "            \
                   "may write it")

#endif
