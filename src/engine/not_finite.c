#include "engine/not_finite.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>

struct not_finite {
    pthread_mutex_t lock; /* of both below */
    bool known;
    char cause[192];
};

not_finite *not_finite_open(void)
{
    not_finite *n = mem_zalloc(1, sizeof *n);
    if (n != NULL)
        pthread_mutex_init(&n->lock, NULL);
    return n;
}

void not_finite_close(not_finite *n)
{
    if (n == NULL)
        return;
    pthread_mutex_destroy(&n->lock);
    mem_free(n);
}

static void find(not_finite *n, const model *files, const cpu_device *cpu)
{
    char tensor[96];
    size_t row;
    if (model_find_not_finite(files, tensor, sizeof tensor, &row))
        snprintf(n->cause, sizeof n->cause, "row %zu of the weights '%s' is not finite", row, tensor);
    else
        snprintf(n->cause, sizeof n->cause,
                 "the weights are finite, but sums left f32 on the CPU (%s kernels, precision %s)",
                 cpu_device_tier(cpu), cpu_device_precision_name(cpu));
}

const char *not_finite_cause(not_finite *n, const model *files, const cpu_device *cpu, const log_sink *log)
{
    pthread_mutex_lock(&n->lock);
    if (!n->known) {
        find(n, files, cpu);
        n->known = true;
        log_write(log, AKI_LOG_ERROR, "model", "a vector came out with NaN or infinity: %s", n->cause);
    }
    pthread_mutex_unlock(&n->lock);
    return n->cause;
}
