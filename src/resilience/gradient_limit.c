#include "resilience/gradient_limit.h"

/* The long-term mean is a plain mean over the first windows, so that the very first is not taken for the rule. */
#define WARM_UP_WINDOWS 10
/* After a long time of high latencies the mean is far above what is normal: then it is led back faster. */
#define FAR_ABOVE 2.0
#define LEAD_BACK 0.95
#define SMALLEST_GRADIENT 0.5

const gradient_limit_settings gradient_limit_defaults = {.initial = 20,
                                                         .minimum = 20,
                                                         .maximum = 200,
                                                         .tolerance = 1.5,
                                                         .smoothing = 0.2,
                                                         .headroom = 4,
                                                         .long_windows = 600,
                                                         .window_ns = 100000000,
                                                         .window_samples = 10};

void gradient_limit_init(gradient_limit *g, const gradient_limit_settings *settings)
{
    *g = (gradient_limit){.settings = *settings, .limit = settings->initial};
}

static double clamp(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

static void update_long(gradient_limit *g, double latency)
{
    if (g->windows < g->settings.long_windows)
        g->windows++;
    double weight = g->windows <= WARM_UP_WINDOWS ? 1.0 / g->windows : 2.0 / (g->settings.long_windows + 1.0);
    g->long_latency += (latency - g->long_latency) * weight;
    if (g->long_latency / latency > FAR_ABOVE)
        g->long_latency *= LEAD_BACK;
}

static void close_window(gradient_limit *g)
{
    double latency = g->latency_sum / g->samples;
    update_long(g, latency);
    bool used = (double)g->most_in_flight >= g->limit / 2;
    g->latency_sum = 0;
    g->samples = 0;
    g->most_in_flight = 0;
    g->window_started_ns = 0;
    if (!used)
        return;
    double gradient = clamp(g->settings.tolerance * g->long_latency / latency, SMALLEST_GRADIENT, 1.0);
    double wanted = g->limit * gradient + g->settings.headroom;
    g->limit += (wanted - g->limit) * g->settings.smoothing;
    g->limit = clamp(g->limit, g->settings.minimum, g->settings.maximum);
}

void gradient_limit_sample(gradient_limit *g, double latency, size_t in_flight, int64_t now_ns)
{
    if (g->samples == 0)
        g->window_started_ns = now_ns;
    g->latency_sum += latency;
    g->samples++;
    if (in_flight > g->most_in_flight)
        g->most_in_flight = in_flight;
    if (g->samples >= g->settings.window_samples && now_ns - g->window_started_ns >= g->settings.window_ns)
        close_window(g);
}
