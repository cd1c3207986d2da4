#include "engine/cuda/faulty_kernels.h"

namespace
{

__global__ void write_nowhere(int *nowhere)
{
    *nowhere = 1;
}

__device__ unsigned long long now_ns()
{
    unsigned long long now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
    return now;
}

__global__ void spin(unsigned long long ns)
{
    const unsigned long long begin = now_ns();
    while (now_ns() - begin < ns)
        ;
}

} // namespace

cudaError_t faulty_write(cudaStream_t stream)
{
    write_nowhere<<<1, 1, 0, stream>>>(reinterpret_cast<int *>(sizeof(int)));
    return cudaGetLastError();
}

cudaError_t faulty_spin(long ms, cudaStream_t stream)
{
    spin<<<1, 1, 0, stream>>>((unsigned long long)ms * 1000000);
    return cudaGetLastError();
}
