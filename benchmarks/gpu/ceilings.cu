// What a card can do at most. Included after device.cuh of the kernels.

// 16 independent sums of each thread, 128 multiply-adds a turn, and no memory.
template <class T> __global__ void multiply_adds(T* sums, T a, T b, int turns) {
    T v[16];
#pragma unroll
    for (int k = 0; k < 16; ++k) v[k] = T(threadIdx.x + k);
    for (int turn = 0; turn < turns; ++turn) {
#pragma unroll
        for (int u = 0; u < 8; ++u) {
#pragma unroll
            for (int k = 0; k < 16; ++k) v[k] = v[k] * a + b;
        }
    }
    T sum = 0;
#pragma unroll
    for (int k = 0; k < 16; ++k) sum += v[k];
    sums[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

template <class T> __global__ void nothing(T* a) {
    if (threadIdx.x == 0 && blockIdx.x == 0) a[0] += 1;
}

template <int BLOCKS> __global__ void CLUSTER(BLOCKS) cluster_barriers(int* count, int barriers) {
    for (int i = 0; i < barriers; ++i) cluster_sync();
    if (threadIdx.x == 0) count[blockIdx.x] = barriers;
}
