/* Fuzzes config file, environment and flags of a command, together. The input is a pack: `command` (its number),
 * `file` (the config file), `environment` and `arguments` (one a line). */
#include "fuzz.h"
#include "scratch.h"

#include "cli/options/options.h"
#include "cli/serve/serve_options.h"

#include <string.h>

#define MOST_WORDS 32

/* Cuts the text at its newlines; words[..] ends with NULL. */
static int cut_lines(char *text, const char *words[MOST_WORDS + 1], int count)
{
    char *rest;
    for (char *word = strtok_r(text, "\n", &rest); word != NULL && count < MOST_WORDS;
         word = strtok_r(NULL, "\n", &rest))
        words[count++] = word;
    words[count] = NULL;
    return count;
}

static void check_values(const options *o)
{
    for (option_id id = 0; id < OPTION_TOTAL; id++) {
        const option_row *row = &option_table[id];
        if (!option_taken_by(id, o->command) || row->type == OPTION_TYPE_TEXT ||
            row->type == OPTION_TYPE_PATH)
            continue;
        const option_value *value = &o->values[id];
        const bool is_zero_word = value->number == 0 && row->zero_word != NULL;
        if (value->text != NULL && (row->type == OPTION_TYPE_NUMBER || row->type == OPTION_TYPE_BYTES ||
                                    row->type == OPTION_TYPE_DURATION))
            FUZZ_CHECK(is_zero_word || (value->number >= row->minimum && value->number <= row->maximum));
    }
}

static void check_serve(const options *o)
{
    aki_error error = {.message = ""};
    if (serve_options_check(o, &error) != AKI_OK) {
        FUZZ_CHECK(error.message[0] != '\0' && error.hint[0] != '\0');
        return;
    }
    server_settings settings;
    server_settings_init(&settings);
    serve_options_read(o, &settings);
    FUZZ_CHECK(serve_options_have_address(o) || settings.unix_socket != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pack_part parts[] = {
        {.name = "file"}, {.name = "environment"}, {.name = "arguments"}, {.name = "command"}};
    pack_read(data, size, parts, sizeof parts / sizeof parts[0]);
    pack_write_files(parts, 1);
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, "file");
    char *environment = copy_text(parts[1].data, parts[1].size);
    char *arguments = copy_text(parts[2].data, parts[2].size);
    const char *variables[MOST_WORDS + 1], *words[MOST_WORDS + 1];
    cut_lines(environment, variables, 0);
    int count = 0;
    if (parts[0].data != NULL) {
        words[count++] = "--config";
        words[count++] = path;
    }
    count = cut_lines(arguments, words, count);
    const command_id command =
        parts[3].size > 0 ? (command_id)(parts[3].data[0] % COMMAND_TOTAL) : COMMAND_SERVE;
    options o;
    aki_error error = {.message = ""};
    if (options_resolve(&o, command, count, words, variables, &error) == AKI_OK) {
        check_values(&o);
        if (command == COMMAND_SERVE && option_text(&o, OPTION_MODEL) != NULL && !option_on(&o, OPTION_HELP))
            check_serve(&o);
    } else {
        FUZZ_CHECK(error.status != AKI_OK && error.message[0] != '\0' && error.hint[0] != '\0');
    }
    options_free(&o);
    free(arguments);
    free(environment);
    return 0;
}
