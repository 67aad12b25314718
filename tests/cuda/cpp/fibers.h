// A launch of a kernel: clusters of blocks one after another, the threads of a cluster as fibers.
#pragma once
#include <cstddef>
#include <string>

#include "cuda_cpu.h"
#include "fences.h"

namespace cuda_cpu {
struct Launch {
    const Kernel* kernel;
    void** args;
    dim3 grid, block;
    size_t shared;     // bytes of dynamic shared memory of each block
    unsigned cluster;  // blocks that run together
    unsigned order;    // of blocks and threads: 0 as they are numbered, 1 the other way round, others shuffled
};
Moment moment();                        // of the running thread
std::string run(const Launch& launch);  // what went wrong, or ""
}  // namespace cuda_cpu
