/* Loads a running `akidb-embed serve` on 127.0.0.1, from one thread that costs it little CPU, checks every reply, and
 * prints what it measured as one line of JSON. bench/server/run.py drives it. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "idle.h"
#include "load.h"
#include "sink.h"
#include "slow.h"

enum { GENERATOR_NICE = -10 };

static const char USAGE[] =
    "usage: bench_load --port PORT (--closed | --open RATE | --burst | --idle | --slow | --sink) [options]\n"
    "  --closed             each connection asks again as soon as it has its reply\n"
    "  --open RATE          RATE requests per second, latency counted from when each was due\n"
    "  --burst              all clients connect at once and ask once\n"
    "  --idle               each connection asks once and is silent then, until a line on stdin\n"
    "  --slow               each connection sends a byte a second\n"
    "  --half-heads         one in three of them sends half a head instead, and nothing more\n"
    "  --sink               listens on PORT instead, and reads away what comes\n"
    "  --bodies FILE        what to ask (all but --slow, --sink): lines \"TEXTS<tab>JSON\", taken in turn\n"
    "  --post PATH          send the bodies there, not to /api/v1/embed, and look at no reply's vectors\n"
    "  --get PATH           ask for this instead, as /health/live\n"
    "  --tls                over TLS, with any certificate (not --slow, --sink)\n"
    "  --connections N      [default 1]\n"
    "  --seconds S          [default 5]\n"
    "  --warmup S           before that, not measured [default 0]\n"
    "  --drain S            longest wait for the last replies [default 15]\n"
    "  --references N       ask for the first N bodies beforehand, and compare these replies bit by bit "
    "[default 0]\n"
    "  --counts             also print how many of the replies 200 took how long: [[milliseconds, count], "
    "...]\n"
    "  --server-pid PID     read this process's CPU time and memory\n"
    "  --wait               print \"ready\" when prepared, and start at a line on stdin\n";

typedef struct arguments {
    load_options load;
    const char *bodies, *post, *get;
    size_t references;
    bool idle, slow, half_heads, sink, tls, waits, counts;
} arguments;

/* A number in range, or exit with 2. */
static double number(const char *name, const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most)) {
        fprintf(stderr, "bench_load: --%s must be %g to %g, not \"%s\"\n", name, least, most, text);
        exit(2);
    }
    return value;
}

static arguments parse(int argc, char **argv)
{
    enum {
        CLOSED,
        OPEN,
        BURST,
        IDLE,
        SLOW,
        HALF_HEADS,
        SINK,
        PORT,
        BODIES,
        POST,
        GET,
        TLS,
        CONNECTIONS,
        SECONDS,
        WARMUP,
        DRAIN,
        REFERENCES,
        SERVER,
        COUNTS,
        WAIT,
        HELP
    };
    static const struct option options[] = {
        {"closed", no_argument, NULL, CLOSED},
        {"open", required_argument, NULL, OPEN},
        {"burst", no_argument, NULL, BURST},
        {"idle", no_argument, NULL, IDLE},
        {"slow", no_argument, NULL, SLOW},
        {"half-heads", no_argument, NULL, HALF_HEADS},
        {"sink", no_argument, NULL, SINK},
        {"port", required_argument, NULL, PORT},
        {"bodies", required_argument, NULL, BODIES},
        {"post", required_argument, NULL, POST},
        {"get", required_argument, NULL, GET},
        {"tls", no_argument, NULL, TLS},
        {"connections", required_argument, NULL, CONNECTIONS},
        {"seconds", required_argument, NULL, SECONDS},
        {"warmup", required_argument, NULL, WARMUP},
        {"drain", required_argument, NULL, DRAIN},
        {"references", required_argument, NULL, REFERENCES},
        {"server-pid", required_argument, NULL, SERVER},
        {"counts", no_argument, NULL, COUNTS},
        {"wait", no_argument, NULL, WAIT},
        {"help", no_argument, NULL, HELP},
        {0},
    };
    arguments a = {
        .load = {.connections = 1, .duration_ns = INT64_C(5000000000), .drain_ns = INT64_C(15000000000)}};
    struct sockaddr_in *address = &a.load.target.address;
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int modes = 0, option, index;
    while ((option = getopt_long(argc, argv, "", options, &index)) >= 0) {
        const char *name = option == '?' ? "" : options[index].name;
        switch (option) {
        case OPEN:
            a.load.rate = number(name, optarg, 0.01, 1e6);
            /* fall through */
        case CLOSED:
        case BURST:
            a.load.mode = option == OPEN ? LOAD_OPEN : option == CLOSED ? LOAD_CLOSED : LOAD_BURST;
            modes++;
            break;
        case IDLE:
            a.idle = true;
            modes++;
            break;
        case SLOW:
            a.slow = true;
            modes++;
            break;
        case HALF_HEADS:
            a.half_heads = true;
            break;
        case SINK:
            a.sink = true;
            modes++;
            break;
        case PORT:
            address->sin_port = htons((uint16_t)number(name, optarg, 1, 65535));
            break;
        case BODIES:
            a.bodies = optarg;
            break;
        case POST:
            a.post = optarg;
            break;
        case GET:
            a.get = optarg;
            break;
        case TLS:
            a.tls = true;
            break;
        case CONNECTIONS:
            a.load.connections = (size_t)number(name, optarg, 1, 60000);
            break;
        case SECONDS:
            a.load.duration_ns = (int64_t)(number(name, optarg, 0.01, 86400) * 1e9);
            break;
        case WARMUP:
            a.load.warmup_ns = (int64_t)(number(name, optarg, 0, 86400) * 1e9);
            break;
        case DRAIN:
            a.load.drain_ns = (int64_t)(number(name, optarg, 0, 86400) * 1e9);
            break;
        case REFERENCES:
            a.references = (size_t)number(name, optarg, 0, 1e6);
            break;
        case SERVER:
            a.load.server = (pid_t)number(name, optarg, 1, INT_MAX);
            break;
        case COUNTS:
            a.counts = true;
            break;
        case WAIT:
            a.waits = true;
            break;
        case HELP:
            fputs(USAGE, stdout);
            exit(0);
        default:
            fputs(USAGE, stderr);
            exit(2);
        }
    }
    int asked = (a.bodies != NULL) + (a.get != NULL);
    if (modes != 1 || optind != argc || address->sin_port == 0 || asked != (a.slow || a.sink ? 0 : 1) ||
        (a.tls && (a.slow || a.sink)) || (a.half_heads && !a.slow) ||
        (a.post != NULL && (a.bodies == NULL || a.references > 0))) {
        fputs(USAGE, stderr);
        exit(2);
    }
    return a;
}

static void print_latencies(const char *name, const histogram *h)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};
    printf("\"%s\":{", name);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        printf("\"%s\":%.4f,", quantiles[i].name, (double)histogram_quantile(h, quantiles[i].share) / 1e6);
    printf("\"max\":%.4f,\"count\":%llu}", (double)h->max_ns / 1e6, (unsigned long long)h->total);
}

static void print_count(const char *name, uint64_t count)
{
    printf("\"%s\":%llu,", name, (unsigned long long)count);
}

static void print_counts(const histogram *h)
{
    const char *separator = "";
    printf("\"ok_counts\":[");
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (h->counts[i] > 0) {
            printf("%s[%.6f,%llu]", separator, (double)histogram_bucket_end(i) / 1e6,
                   (unsigned long long)h->counts[i]);
            separator = ",";
        }
    printf("],");
}

static void print_result(const load_result *r, bool counts)
{
    const char *separator = "";
    printf("{\"statuses\":{");
    for (size_t i = 0; i < LOAD_STATUSES; i++)
        if (r->statuses[i] > 0) {
            printf("%s\"%zu\":%llu", separator, i, (unsigned long long)r->statuses[i]);
            separator = ",";
        }
    printf("},");
    print_count("broken", r->broken);
    print_count("unanswered", r->unanswered);
    print_count("unsent", r->unsent);
    print_count("wrong_replies", r->wrong_replies);
    print_count("compared", r->compared);
    print_count("wrong_vectors", r->wrong_vectors);
    print_count("no_retry_after", r->no_retry_after);
    print_count("reopened", r->reopened);
    if (counts)
        print_counts(&r->ok);
    print_latencies("ok_ms", &r->ok);
    printf(",");
    print_latencies("refused_ms", &r->refused);
    printf(",");
    print_latencies("late_ms", &r->late);
    printf(",\"seconds\":%.3f,\"requests_per_second\":%.3f,\"texts_per_second\":%.3f,\"tokens_per_second\":%."
           "3f,",
           r->measured_seconds, r->completed_requests / r->measured_seconds,
           r->completed_texts / r->measured_seconds, r->completed_tokens / r->measured_seconds);
    printf("\"cpu_interval_seconds\":%.4f,\"client_cpu_seconds\":%.4f,\"server_cpu_seconds\":%.2f,",
           (double)(r->client_end.at_ns - r->client_begin.at_ns) / 1e9,
           r->client_end.cpu_seconds - r->client_begin.cpu_seconds,
           r->server_end.cpu_seconds - r->server_begin.cpu_seconds);
    printf("\"server_rss_begin_bytes\":%llu,\"server_rss_end_bytes\":%llu}\n",
           (unsigned long long)r->server_begin.resident_bytes,
           (unsigned long long)r->server_end.resident_bytes);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void say_ready(void)
{
    puts("ready");
    fflush(stdout);
}

static int run_slow(const arguments *a)
{
    slow_result r = {0};
    if (!slow_run(&a->load.target, a->load.connections, a->half_heads, a->load.duration_ns, say_ready, &r))
        return 1;
    printf("{\"bytes_sent\":%llu,\"closed_by_server\":%llu,\"failed\":%llu,\"open_at_end\":%zu,"
           "\"longest_seconds\":%.3f}\n",
           (unsigned long long)r.bytes_sent, (unsigned long long)r.closed_by_server,
           (unsigned long long)r.failed, r.open_at_end, (double)r.longest_ns / 1e9);
    return 0;
}

static bool run_idle(const arguments *a, const bodies *b)
{
    idle_result r = {0};
    if (!idle_run(&a->load.target, b->items, a->load.connections, a->load.duration_ns, say_ready, &r))
        return false;
    printf("{\"open_at_end\":%zu,\"closed_by_server\":%zu}\n", r.open_at_end, r.closed_by_server);
    return true;
}

static bool run_load(const arguments *a, bodies *b)
{
    load_result *result = calloc(1, sizeof *result);
    bool good = result != NULL && bodies_ask_references(b, a->references, &a->load.target);
    if (good && a->waits) {
        say_ready();
        good = getchar() != EOF;
    }
    good = good && load_run(&a->load, b, result);
    if (good)
        print_result(result, a->counts);
    free(result);
    return good;
}

int main(int argc, char **argv)
{
    arguments a = parse(argc, argv);
    raise_descriptor_limit();
    /* Clients are on other machines as a rule: their waiting for a CPU is not the server's latency. Refused to most users,
     * who then see it in late_ms. */
    setpriority(PRIO_PROCESS, 0, GENERATOR_NICE);
    if (a.slow)
        return run_slow(&a);
    if (a.sink)
        return sink_run(&a.load.target.address, a.load.duration_ns, say_ready) ? 0 : 1;
    if (a.tls && (a.load.target.tls = tls_client_credentials()) == NULL) {
        fprintf(stderr, "bench_load: out of memory for TLS\n");
        return 1;
    }
    bodies b = {0};
    bool good = a.get != NULL ? bodies_get(&b, a.get) : bodies_read(&b, a.bodies, a.post);
    if (good)
        good = a.idle ? run_idle(&a, &b) : run_load(&a, &b);
    bodies_destroy(&b);
    if (a.tls)
        gnutls_certificate_free_credentials(a.load.target.tls);
    return good ? 0 : 1;
}
