#include "scheduler/work_time.h"

#include "base/clock.h"
#include "base/error.h"

/* Number of passes in the mean. */
#define MEAN_PASSES 20
/* Measured passes from which on the mean is trusted. Before, only estimates over twice the time allowed count. */
#define SURE_PASSES 8
/* A pass counts for at most this many times the mean. */
#define MOST_TIMES 4.0
/* A pass is long when it has at least 1 / LONG_PASS of the tokens of a full pass. */
#define LONG_PASS 4
/* The refusal names as many texts as fit into this part of the time, in per cent: the speed may vary until the next
 * try. */
#define FIT_PERCENT 90

void work_time_measure(work_time *w, size_t tokens, int64_t duration_ns)
{
    if (tokens == 0 || tokens < w->full_pass_tokens / LONG_PASS)
        return;
    double token_ns = (double)(duration_ns > 0 ? duration_ns : 1) / (double)tokens;
    if (w->passes > 0 && token_ns > MOST_TIMES * w->token_ns)
        token_ns = MOST_TIMES * w->token_ns;
    w->passes += w->passes < MEAN_PASSES;
    w->token_ns += (token_ns - w->token_ns) / w->passes;
}

int64_t work_time_estimate_ns(const work_time *w, size_t tokens)
{
    return w->passes > 0 ? (int64_t)((double)tokens * w->token_ns / w->workers) : 0;
}

static int64_t most_ns(const work_time *w)
{
    return w->most_ns > 0 ? w->most_ns : INT64_MAX;
}

int64_t work_time_deadline_ns(const work_time *w, int64_t begun_ns, size_t left_tokens, int64_t now_ns)
{
    int64_t allowed_ns = most_ns(w);
    if (w->passes > 0) {
        int64_t twice_ns = 2 * (now_ns - begun_ns + work_time_estimate_ns(w, left_tokens));
        twice_ns = twice_ns > w->least_ns ? twice_ns : w->least_ns;
        allowed_ns = twice_ns < allowed_ns ? twice_ns : allowed_ns;
    }
    return allowed_ns < INT64_MAX - begun_ns ? begun_ns + allowed_ns : INT64_MAX;
}

aki_status work_time_check(const work_time *w, size_t texts, size_t tokens, int64_t left_ns, aki_error *error)
{
    const int64_t takes_ns = work_time_estimate_ns(w, tokens), limit_ns = most_ns(w);
    const int64_t allowed_ns = left_ns < limit_ns ? left_ns : limit_ns;
    const int64_t doubt = w->passes < SURE_PASSES ? 2 : 1;
    if (takes_ns / doubt <= allowed_ns || tokens <= w->workers * w->full_pass_tokens)
        return AKI_OK;
    const size_t fit = (size_t)((double)texts * (double)allowed_ns / (double)takes_ns * FIT_PERCENT / 100);
    return error_set(error, AKI_REQUEST_TOO_LONG,
                     "computing the request's %zu texts (%zu tokens) takes about %.1f s at the measured "
                     "speed; %s %.1f s, in which about %zu such texts can be computed",
                     texts, tokens, (double)takes_ns / NS_PER_S,
                     left_ns < limit_ns ? "the caller's time leaves" : "the service allows",
                     (double)allowed_ns / NS_PER_S, fit);
}
