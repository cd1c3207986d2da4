/* Options about the hub: which model, and where it is kept. base/option.h explains the rows. */
#ifndef HUB_OPTION_LIST_H
#define HUB_OPTION_LIST_H

#include "base/option.h"

#define HUB_OPTIONS(OPTION, SETTING)                                                                         \
    OPTION(MODEL, "model", "Model", TEXT, BY_MODEL_READERS,                                                  \
           .default_text = "sentence-transformers/all-MiniLM-L6-v2", .value_name = "ID|FOLDER",              \
           .repeats = BY_SERVE,                                                                              \
           .help = "model to use: a name on the Hugging Face hub, or a folder with the model's "             \
                   "files; `serve` takes it several times, each with options of its own behind "             \
                   "commas: name=N, alias=A, precision=P, prompt=N, pin=true, keep_alive=10m")               \
    OPTION(REVISION, "revision", "Model", TEXT, BY_MODEL_READERS | BY_PULL, .default_text = "main",          \
           .value_name = "NAME", .help = "branch, tag or commit of the model on the hub")                    \
    OPTION(CACHE_FOLDER, "cache-folder", "Model", PATH, BY_MODEL_READERS | BY_PULL | BY_MODELS,              \
           .value_name = "FOLDER",                                                                           \
           .help = "where downloaded models are kept; without it HF_HUB_CACHE, else "                        \
                   "$HF_HOME/hub, else ~/.cache/huggingface/hub")                                            \
    OPTION(OFFLINE, "offline", "Model", SWITCH, BY_MODEL_READERS | BY_PULL,                                  \
           .help = "never touch the network: take the model from a folder or from the cache; "               \
                   "without it HF_HUB_OFFLINE decides")

#endif
