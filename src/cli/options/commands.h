/* The commands of the program: one table for dispatch, help and docs. */
#ifndef CLI_OPTIONS_COMMANDS_H
#define CLI_OPTIONS_COMMANDS_H

#include "cli/options/options.h"

/* Exit codes, as --help lists them. An interrupted run exits with 128 + the signal's number. */
#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_SKIPPED 3 /* embed, rerank, tokenize: done, but --on-error skip has left texts out */

typedef struct cli_command {
    const char *name;
    const char *summary; /* one line for the list of commands */
    /* what must stand beside the options, as help shows it ("<id>"); NULL = nothing may */
    const char *argument;
    /* word that may stand beside the options, and then one argument behind it; NULL = none */
    const char *verb;
    const char *verb_argument; /* as help shows it */
    const char *argument_hint; /* what to do when it is missing or one too many */
    const char *description;   /* paragraphs, each line at most 100 columns */
    const char *examples;      /* lines, each indented by two */
    int (*run)(const options *o);
} cli_command;

/* [COMMAND_TOTAL] */
extern const cli_command command_table[];

int command_serve(const options *o);
int command_embed(const options *o);
int command_rerank(const options *o);
int command_tokenize(const options *o);
int command_pull(const options *o);
int command_models(const options *o);
int command_doctor(const options *o);
int command_bench(const options *o);

/* COMMAND_TOTAL = none of this name. */
command_id command_by_name(const char *name);

/* The whole program but for main: parses, runs, returns the exit code. */
int cli_run(int argc, const char *const *argv, const char *const *environment);

#endif
