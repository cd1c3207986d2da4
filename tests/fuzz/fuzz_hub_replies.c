/* Fuzzes a download from a hub that answers with any bytes. The input is the answers, one after the other, with
 * "\n===\n" between them. Each connection is closed after its answer; behind the last answer, connections are closed
 * without one. The model is pulled twice into one cache, so that the second download finds what the first one left,
 * and then looked up without a network.
 *
 * The hub is a thread of this process, and also the proxy for every address: an answer may redirect anywhere, and
 * nothing leaves the process. Whatever the hub answers, no file may appear outside of the cache. */
#include "fuzz.h"
#include "scratch.h"

#include "base/memory.h"
#include "hub/hub.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEPARATOR "\n===\n"

/* The answers still to be given; under the lock, as the hub's thread may be behind. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const uint8_t *rest;
static size_t rest_size;
static int listening;

/* The next answer, to be freed; NULL = there is none left. */
static uint8_t *next_answer(size_t *size)
{
    uint8_t *answer = NULL;
    pthread_mutex_lock(&lock);
    if (rest != NULL) {
        const uint8_t *end = memmem(rest, rest_size, SEPARATOR, sizeof SEPARATOR - 1);
        *size = end != NULL ? (size_t)(end - rest) : rest_size;
        answer = copy_bytes(rest, *size);
        rest_size -= end != NULL ? *size + sizeof SEPARATOR - 1 : rest_size;
        rest = end != NULL ? end + sizeof SEPARATOR - 1 : NULL;
    }
    pthread_mutex_unlock(&lock);
    return answer;
}

/* Reads the request's head, which is all of a GET, HEAD or CONNECT. */
static void read_request(int connection)
{
    char head[16384];
    size_t length = 0;
    ssize_t got;
    while (length < sizeof head && (got = recv(connection, head + length, sizeof head - length, 0)) > 0) {
        length += (size_t)got;
        if (memmem(head, length, "\r\n\r\n", 4) != NULL)
            return;
    }
}

static void *serve(void *argument)
{
    (void)argument;
    for (;;) {
        const int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (connection < 0)
            return NULL;
        read_request(connection);
        size_t size, sent = 0;
        uint8_t *answer = next_answer(&size);
        while (answer != NULL && sent < size) {
            const ssize_t went = send(connection, answer + sent, size - sent, MSG_NOSIGNAL);
            if (went <= 0)
                break;
            sent += (size_t)went;
        }
        free(answer);
        close(connection);
    }
}

static void start_hub(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    pthread_t thread;
    char proxy[64];
    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(listening >= 0 && bind(listening, (struct sockaddr *)&address, sizeof address) == 0);
    FUZZ_CHECK(listen(listening, 64) == 0);
    FUZZ_CHECK(getsockname(listening, (struct sockaddr *)&address, &length) == 0);
    FUZZ_CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
    pthread_detach(thread);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", ntohs(address.sin_port));
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        setenv(names[i], proxy, 1);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
}

/* The folder has one entry, this one. */
static void check_alone(const char *folder, const char *expected)
{
    DIR *entries = opendir(folder);
    FUZZ_CHECK(entries != NULL);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        FUZZ_CHECK(strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                   strcmp(entry->d_name, expected) == 0);
    closedir(entries);
}

static void pull(const hub_settings *settings)
{
    char *folder = NULL;
    aki_error error = {.message = ""};
    struct stat about;
    const aki_status status = hub_pull("some/model", settings, &folder, &error);
    if (status == AKI_OK)
        FUZZ_CHECK(folder != NULL &&
                   strncmp(folder, settings->cache_folder, strlen(settings->cache_folder)) == 0 &&
                   stat(folder, &about) == 0 && S_ISDIR(about.st_mode));
    else
        FUZZ_CHECK(folder == NULL && error.message[0] != '\0' && error.hint[0] != '\0' &&
                   status != AKI_INTERNAL && status != AKI_OUT_OF_MEMORY);
    mem_free(folder);
}

static void look_offline(hub_settings settings)
{
    char *folder = NULL;
    aki_error error;
    hub_cached_model *models = NULL;
    size_t count = 0;
    settings.offline = true;
    if (hub_resolve("some/model", &settings, &folder, &error) == AKI_OK)
        FUZZ_CHECK(folder != NULL);
    mem_free(folder);
    if (hub_list(&settings, &models, &count, &error) == AKI_OK)
        hub_list_free(models, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char outer[SCRATCH_PATH_MAX], inner[SCRATCH_PATH_MAX], cache[SCRATCH_PATH_MAX];
    if (cache[0] == '\0') {
        start_hub();
        scratch_path(outer, "outer");
        scratch_path(inner, "outer/inner");
        scratch_path(cache, "outer/inner/cache");
    }
    scratch_clear();
    FUZZ_CHECK(mkdir(outer, 0700) == 0 && mkdir(inner, 0700) == 0 && mkdir(cache, 0700) == 0);
    pthread_mutex_lock(&lock);
    rest = data;
    rest_size = size;
    pthread_mutex_unlock(&lock);
    const hub_settings settings = {.cache_folder = cache,
                                   .endpoint = "http://hub.test",
                                   .token = "secret",
                                   .revision = "main",
                                   .attempts = 1,
                                   .connect_timeout_ms = 10000,
                                   .stall_timeout_ms = 10000};
    pull(&settings);
    pull(&settings);
    look_offline(settings);
    pthread_mutex_lock(&lock);
    rest = NULL;
    pthread_mutex_unlock(&lock);
    check_alone(scratch_folder(), "outer");
    check_alone(outer, "inner");
    check_alone(inner, "cache");
    return 0;
}
