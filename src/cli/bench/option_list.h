/* Options of the benchmark. base/option.h explains the rows. */
#ifndef CLI_BENCH_OPTION_LIST_H
#define CLI_BENCH_OPTION_LIST_H

#include "base/option.h"

#define BENCH_OPTIONS(OPTION, SETTING)                                                                       \
    OPTION(LENGTH, "length", "Benchmark", NUMBER, BY_BENCH, .minimum = 3, .maximum = 65536,                  \
           .help = "tokens of each text, [CLS] and [SEP] included; without it 16, mixed "                    \
                   "lengths, 128 and 256")                                                                   \
    OPTION(CORPUS, "corpus", "Benchmark", PATH, BY_BENCH, .value_name = "FILE",                              \
           .help = "measure with the lines of this file, at most 65,536 and 64 MiB, instead of "             \
                   "the built-in prose; - is stdin")                                                         \
    OPTION(SECONDS, "seconds", "Benchmark", NUMBER, BY_BENCH, .minimum = 1, .maximum = 3600,                 \
           .default_text = "3",                                                                              \
           .help = "how long each length is measured; a slow machine takes longer, for at least "            \
                   "three rounds are made")                                                                  \
    OPTION(ALL_PRECISIONS, "all-precisions", "Benchmark", SWITCH, BY_BENCH, .default_text = "false",         \
           .help = "measure every precision that this CPU, or the tier of --cpu-tier, has, one "             \
                   "after the other")

#endif
