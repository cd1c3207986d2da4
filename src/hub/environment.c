#include "hub/hub.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DEFAULT_ENDPOINT "https://huggingface.co"
#define DEFAULT_REVISION "main"
#define DEFAULT_ATTEMPTS 4
#define DEFAULT_RETRY_DELAY_MS 500
#define DEFAULT_CONNECT_TIMEOUT_MS 10000
#define DEFAULT_STALL_TIMEOUT_MS 30000
#define TOKEN_FILE_BYTES_MAX 8192

/* Owns the strings that the settings point to. */
typedef struct environment_strings {
    char *cache_folder, *endpoint, *token, *http_proxy, *ca_file, *revision;
} environment_strings;

/* The variable's value; NULL when unset or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *first_variable(const char *const *names)
{
    const char *value = NULL;
    for (; value == NULL && *names != NULL; names++)
        value = variable(*names);
    return value;
}

static bool is_true(const char *value)
{
    static const char *const words[] = {"1", "on", "yes", "true"};
    for (size_t i = 0; value != NULL && i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(value, words[i]) == 0)
            return true;
    return false;
}

static const char *home_folder(void)
{
    const char *home = variable("HOME");
    if (home != NULL)
        return home;
    const struct passwd *user = getpwuid(getuid());
    return user != NULL && user->pw_dir != NULL && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

char *environment_expand_home(const char *path)
{
    bool has_tilde = path[0] == '~' && (path[1] == '\0' || path[1] == '/');
    const char *home = has_tilde ? home_folder() : NULL;
    if (home == NULL)
        return mem_copy_string(path);
    return path[1] == '\0' ? mem_copy_string(home) : path_join(home, path + 2);
}

/* $HF_HOME, else $XDG_CACHE_HOME/huggingface, else ~/.cache/huggingface. NULL = out of memory. */
static char *hub_home(void)
{
    const char *value = variable("HF_HOME");
    if (value != NULL)
        return environment_expand_home(value);
    value = variable("XDG_CACHE_HOME");
    char *cache = environment_expand_home(value != NULL ? value : "~/.cache");
    char *home = cache != NULL ? path_join(cache, "huggingface") : NULL;
    mem_free(cache);
    return home;
}

static char *cache_folder(const char *home)
{
    static const char *const names[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", NULL};
    const char *value = first_variable(names);
    return value != NULL ? environment_expand_home(value) : path_join(home, "hub");
}

/* Without white space at both ends; NULL = nothing left, or out of memory. */
static char *trimmed(const char *text, size_t length)
{
    static const char space[] = " \t\r\n\v\f";
    while (length > 0 && strchr(space, text[0]) != NULL) {
        text++;
        length--;
    }
    while (length > 0 && strchr(space, text[length - 1]) != NULL)
        length--;
    return length > 0 ? mem_copy_text(text, length) : NULL;
}

/* A token file that is not there or cannot be read means: no token. */
static char *token_from_file(const char *home)
{
    const char *value = variable("HF_TOKEN_PATH");
    char *path = value != NULL ? environment_expand_home(value) : path_join(home, "token");
    buf text;
    buf_init(&text, TOKEN_FILE_BYTES_MAX);
    char *token = NULL;
    if (path != NULL && file_read(path, &text, NULL) == AKI_OK && text.length > 0)
        token = trimmed(text.data, text.length);
    buf_free(&text);
    mem_free(path);
    return token;
}

static char *find_token(const char *home)
{
    static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", NULL};
    if (is_true(variable("HF_HUB_DISABLE_IMPLICIT_TOKEN")))
        return NULL;
    const char *value = first_variable(names);
    char *token = value != NULL ? trimmed(value, strlen(value)) : NULL;
    return token != NULL ? token : token_from_file(home);
}

/* Reads HTTP_PROXY. libcurl does not, because a CGI program gets the Proxy header of its caller in a variable of that
 * name. As in Python, it counts outside CGI only, where http_proxy is unset. */
static const char *upper_case_proxy(void)
{
    return variable("REQUEST_METHOD") == NULL && variable("http_proxy") == NULL ? variable("HTTP_PROXY")
                                                                                : NULL;
}

/* A whole number of at least `minimum`; *number keeps what it had where the variable is unset. */
static aki_status number_variable(const char *name, int64_t minimum, int64_t *number, aki_error *error)
{
    const char *value = variable(name);
    if (value == NULL)
        return AKI_OK;
    char *end;
    errno = 0;
    long long parsed = strtoll(value, &end, 10);
    if (errno != 0 || *end != '\0' || parsed < minimum || parsed > INT32_MAX) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s=%.60s is not a whole number from %lld to %d", name, value,
                  (long long)minimum, INT32_MAX);
        error_hint(error, "Correct or unset %s.", name);
        return AKI_INVALID_ARGUMENT;
    }
    *number = parsed;
    return AKI_OK;
}

static aki_status read_numbers(hub_settings *settings, aki_error *error)
{
    int64_t attempts = DEFAULT_ATTEMPTS, stall_s = 0;
    settings->retry_delay_ms = DEFAULT_RETRY_DELAY_MS;
    settings->connect_timeout_ms = DEFAULT_CONNECT_TIMEOUT_MS;
    settings->stall_timeout_ms = DEFAULT_STALL_TIMEOUT_MS;
    aki_status status = number_variable("HF_HUB_DOWNLOAD_TIMEOUT", 1, &stall_s, error);
    if (stall_s > 0)
        settings->stall_timeout_ms = stall_s * 1000;
    if (status == AKI_OK)
        status = number_variable("AKIDB_HUB_ATTEMPTS", 1, &attempts, error);
    if (status == AKI_OK)
        status = number_variable("AKIDB_HUB_RETRY_DELAY_MS", 0, &settings->retry_delay_ms, error);
    if (status == AKI_OK)
        status = number_variable("AKIDB_HUB_CONNECT_TIMEOUT_MS", 1, &settings->connect_timeout_ms, error);
    if (status == AKI_OK)
        status = number_variable("AKIDB_HUB_STALL_TIMEOUT_MS", 1, &settings->stall_timeout_ms, error);
    settings->attempts = (unsigned)attempts;
    return status;
}

aki_status hub_settings_from_environment(hub_settings *settings, aki_error *error)
{
    static const char *const ca_names[] = {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", NULL};
    memset(settings, 0, sizeof *settings);
    environment_strings *strings = mem_zalloc(1, sizeof *strings);
    if (strings == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the hub's settings");
    settings->storage = strings;

    aki_status status = read_numbers(settings, error);
    if (status != AKI_OK) {
        hub_settings_free(settings);
        return status;
    }
    char *home = hub_home();
    const char *endpoint = variable("HF_ENDPOINT"), *ca_file = first_variable(ca_names),
               *http_proxy = upper_case_proxy();
    if (home != NULL) {
        strings->cache_folder = cache_folder(home);
        strings->token = find_token(home);
    }
    mem_free(home);
    strings->endpoint = mem_copy_string(endpoint != NULL ? endpoint : DEFAULT_ENDPOINT);
    strings->revision = mem_copy_string(DEFAULT_REVISION);
    strings->ca_file = ca_file != NULL ? mem_copy_string(ca_file) : NULL;
    strings->http_proxy = http_proxy != NULL ? mem_copy_string(http_proxy) : NULL;
    if (strings->cache_folder == NULL || (http_proxy != NULL && strings->http_proxy == NULL) ||
        strings->endpoint == NULL || strings->revision == NULL ||
        (ca_file != NULL && strings->ca_file == NULL)) {
        hub_settings_free(settings);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the hub's settings");
    }
    settings->cache_folder = strings->cache_folder;
    settings->endpoint = strings->endpoint;
    settings->token = strings->token;
    settings->http_proxy = strings->http_proxy;
    settings->ca_file = strings->ca_file;
    settings->revision = strings->revision;
    settings->offline = is_true(variable("HF_HUB_OFFLINE")) || is_true(variable("TRANSFORMERS_OFFLINE"));
    return AKI_OK;
}

void hub_settings_free(hub_settings *settings)
{
    environment_strings *strings = settings->storage;
    if (strings != NULL) {
        mem_free(strings->cache_folder);
        mem_free(strings->endpoint);
        mem_free(strings->token);
        mem_free(strings->http_proxy);
        mem_free(strings->ca_file);
        mem_free(strings->revision);
        mem_free(strings);
    }
    memset(settings, 0, sizeof *settings);
}
