// Blocks of a cluster read and write each other's shared memory: no kernel of a layer does, so that these words are
// compiled here. y[b] = the sum of x over the threads of cluster b.
template <class T, int BLOCKS>
__global__ void CLUSTER(BLOCKS) __launch_bounds__(32) sum_of_a_cluster(const T* __restrict__ x, T* __restrict__ y) {
    SHARED(T, parts, [BLOCKS]);
    DYNAMIC_SHARED(T, mine);
    cluster_sync();  // no block writes into another that has not begun
    T v = x[blockIdx.x * blockDim.x + threadIdx.x];
    for (int step = 16; step; step /= 2) v += __shfl_down_sync(~0u, v, step);
    if (threadIdx.x == 0) {
        mine[0] = v;
        shared_of(&parts[0], 0)[cluster_rank()] = v;
    }
    cluster_sync();
    if (cluster_rank() == 0 && threadIdx.x == 0) {
        T sum = 0;
        for (int b = 0; b < BLOCKS; ++b) sum += (parts[b] + shared_of(mine, b)[0]) / 2;
        y[blockIdx.x / BLOCKS] = sum;
    }
    cluster_sync();  // no block ends while another may still read its memory
}
