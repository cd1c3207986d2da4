#include "engine/cuda/faults.h"

#include "engine/cuda/faulty_kernels.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 64
#define BLOCKS 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char line[LINE]; /* as last seen */
static long since_change, passes;
static void *blocks[BLOCKS]; /* of memory, taken by "exhaust" */

static const char *file(void)
{
    const char *path = getenv("AKIDB_FAULT_FILE");
    return path != NULL ? path : "";
}

static void read_line(char *now)
{
    memset(now, 0, LINE);
    const int descriptor = open(file(), O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0 && read(descriptor, now, LINE - 1) < 0)
        perror(file());
    if (descriptor >= 0)
        close(descriptor);
}

static void write_passes(void)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.calls", file());
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return;
    fprintf(out, "%ld\n", passes);
    fclose(out);
}

/* Half of what is free, again and again; the last call is the one that fails. */
static cudaError_t exhaust(void)
{
    size_t free_bytes, total_bytes;
    for (int i = 0; i < BLOCKS; i++) {
        const cudaError_t error = cudaMemGetInfo(&free_bytes, &total_bytes);
        if (error != cudaSuccess)
            return error;
        size_t wanted = free_bytes / 2;
        if (blocks[i] == NULL && (wanted < (size_t)1 << 20 || cudaMalloc(&blocks[i], wanted) != cudaSuccess))
            break;
    }
    void *more;
    return cudaMalloc(&more, total_bytes);
}

static void give_back(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i] != NULL)
            (void)cudaFree(blocks[i]);
        blocks[i] = NULL;
    }
}

cudaError_t cuda_fault_of_test(cudaStream_t stream)
{
    char now[LINE], mode[LINE] = "ok";
    long number = 1;
    cudaError_t error = cudaSuccess;
    pthread_mutex_lock(&lock);
    read_line(now);
    if (strcmp(now, line) != 0) {
        memcpy(line, now, LINE);
        since_change = 0;
        give_back();
    }
    since_change++;
    passes++;
    write_passes();
    (void)sscanf(line, "%63s %ld", mode, &number);
    if (strcmp(mode, "illegal") == 0 && since_change == number)
        error = faulty_write(stream);
    if (strcmp(mode, "exhaust") == 0)
        error = exhaust();
    if (strcmp(mode, "spin") == 0)
        error = faulty_spin(number, stream);
    pthread_mutex_unlock(&lock);
    return error;
}
