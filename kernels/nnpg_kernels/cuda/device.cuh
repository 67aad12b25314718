// Names that mean the same on a device and, by tests/cuda/cpp/cuda_cpu.h, on a CPU. No header of the toolkit is needed.
#ifdef __CUDACC__
// An array in the block's shared memory, of a fixed size: SHARED(float, tile, [16][64]).
#define SHARED(T, name, extents) __shared__ __align__(16) T name extents
// Shared memory of the size that the launch names; one for all kernels.
#define DYNAMIC_SHARED(T, name)                                     \
    extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
    T* name = reinterpret_cast<T*>(dynamic_shared)
#if __CUDA_ARCH__ >= 900
// Blocks of a cluster run together, wait for each other, and read and write each other's shared memory.
#define CLUSTER(n) __cluster_dims__(n, 1, 1)
__device__ __forceinline__ void cluster_sync() {
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}
__device__ __forceinline__ unsigned cluster_rank() {
    unsigned rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}
template <class T> __device__ __forceinline__ T* shared_of(T* mine, unsigned rank) {
    T* there;
    asm volatile("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(mine), "r"(rank));
    return there;
}
#else  // there are no clusters before sm_90: a cluster is one block
#define CLUSTER(n)
__device__ __forceinline__ void cluster_sync() { __syncthreads(); }
__device__ __forceinline__ unsigned cluster_rank() { return 0; }
template <class T> __device__ __forceinline__ T* shared_of(T* mine, unsigned) { return mine; }
#endif
#endif

// Four numbers that are read from shared memory at once.
template <class T> struct alignas(16) Quad {
    T v[4];
};
