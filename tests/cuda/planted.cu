// Faults for the emulator to find. Each kernel computes y from x; with WRONG it has one fault, in the line of FAULT.
#define WHO int t = threadIdx.x, i = blockIdx.x * blockDim.x + t

template <bool WRONG> __global__ void block_barrier(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t] = x[i];
    if (!WRONG) __syncthreads();  // FAULT
    y[i] = s[(t + 1) % blockDim.x];
}

template <bool WRONG>
__global__ void block_barrier_of_a_loop(const float* x, float* y, int) {  // the next round overwrites
    WHO;
    SHARED(float, s, [64]);
    float sum = 0;
    for (int round = 0; round < 3; ++round) {
        s[t] = x[i] + round;
        __syncthreads();
        sum += s[(t + 1) % 64];
        if (!WRONG) __syncthreads();  // FAULT
    }
    y[i] = sum;
}

template <bool WRONG> __global__ void warp_barrier(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t] = x[i];
    if (!WRONG) __syncwarp();  // FAULT
    y[i] = s[t / 32 * 32 + (t + 1) % 32];
}

template <bool WRONG> __global__ void cluster_barrier(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    cluster_sync();
    s[t] = x[i];
    if (!WRONG) cluster_sync();  // FAULT
    y[i] = shared_of(s, 1 - cluster_rank())[t];
    cluster_sync();
}

template <bool WRONG> __global__ void cluster_barrier_at_the_end(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t] = x[i];
    cluster_sync();
    if (cluster_rank() == 0) __syncthreads();  // the other block has ended by now
    y[i] = shared_of(s, 1 - cluster_rank())[t];
    if (!WRONG) cluster_sync();  // FAULT
}

template <bool WRONG> __global__ void cluster_barrier_at_the_start(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    if (!WRONG) cluster_sync();  // FAULT
    shared_of(s, 1 - cluster_rank())[t] = x[i];
    cluster_sync();
    y[i] = s[t];
}

template <bool WRONG> __global__ void barrier_in_a_branch(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t] = x[i];
    if (!WRONG || t < 40) __syncthreads();  // FAULT
    y[i] = s[t];
    __syncthreads();
}

template <bool WRONG> __global__ void early_return(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t] = x[i];
    if (WRONG && t >= 63) return;
    __syncthreads();  // FAULT
    y[i] = s[(t + 1) % blockDim.x];
}

template <bool WRONG> __global__ void two_writers(const float* x, float* y, int) {
    WHO;
    y[WRONG ? i / 2 * 2 : i] = x[i];  // FAULT
    if (WRONG) y[i / 2 * 2 + 1] = 0;
}

template <bool WRONG> __global__ void two_blocks_write(const float* x, float* y, int) {
    WHO;
    y[WRONG ? t : i] = x[i];  // FAULT
}

template <bool WRONG> __global__ void unwritten_output(const float* x, float* y, int n) {
    WHO;
    if (!WRONG || i < n - 1) y[i] = x[i];  // FAULT
}

template <bool WRONG> __global__ void unwritten_shared_memory(const float* x, float* y, int) {
    WHO;
    SHARED(float, s, [2][32]);
    if (!WRONG || t < 63) s[t / 32][t % 32] = x[i];  // FAULT
    __syncthreads();
    y[i] = s[t / 32][t % 32];
}

template <bool WRONG> __global__ void read_after_the_end(const float* x, float* y, int) {
    WHO;
    y[i] = x[i + WRONG];  // FAULT
}
template <bool WRONG> __global__ void read_before_the_start(const float* x, float* y, int) {
    WHO;
    y[i] = x[i - WRONG];  // FAULT
}
template <bool WRONG> __global__ void write_after_the_end(const float* x, float* y, int) {
    WHO;
    y[i + WRONG] = x[i];  // FAULT
}
template <bool WRONG> __global__ void write_before_the_start(const float* x, float* y, int) {
    WHO;
    y[i - WRONG] = x[i];  // FAULT
}
template <bool WRONG> __global__ void write_to_what_is_read_only(const float* x, float* y, int) {
    WHO;
    y[i] = x[i];
    if (WRONG) const_cast<float*>(x)[i] = 0;  // FAULT
}

template <bool WRONG> __global__ void shared_read_after_the_end(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t] = x[i];
    y[i] = s[t + WRONG];  // FAULT
}
template <bool WRONG> __global__ void shared_read_before_the_start(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t] = x[i];
    y[i] = s[t - WRONG];  // FAULT
}
template <bool WRONG> __global__ void shared_write_after_the_end(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t + WRONG] = x[i];  // FAULT
    y[i] = s[t + WRONG];
}
template <bool WRONG> __global__ void shared_write_before_the_start(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t - WRONG] = x[i];  // FAULT
    y[i] = s[t - WRONG];
}
template <bool WRONG> __global__ void fixed_array_written_after_its_end(const float* x, float* y, int) {
    WHO;
    SHARED(float, s, [2][32]);
    s[t / 32 + WRONG][t % 32] = x[i];  // FAULT
    y[i] = s[t / 32 + WRONG][t % 32];
}
template <bool WRONG>
__global__ void fixed_array_written_beside(const float* x, float* y, int) {  // by less than an alignment
    WHO;
    SHARED(float, s, [62]);
    if (t < 62) s[t + WRONG] = x[i];  // FAULT
    if (t < 62) y[i] = s[t + WRONG];
    if (t >= 62) y[i] = x[i];
}

template <bool WRONG> __global__ void swapped_indices(const float* x, float* y, int) {  // 8 x 8 a block, transposed
    WHO;
    SHARED(float, s, [8][8]);
    s[t / 8][t % 8] = x[i];
    __syncthreads();
    y[i] = WRONG ? s[t / 8][t % 8] : s[t % 8][t / 8];  // FAULT
}

template <bool WRONG> __global__ void unguarded_last_tile(const float* x, float* y, int n) {
    WHO;
    if (WRONG || i < n) y[i] = x[i];  // FAULT
}

template <bool WRONG> __global__ void padding_filters(const float* x, float* y, int n) {  // 7 filters in blocks of 4
    int f = blockIdx.x * 4 + threadIdx.x;
    if (WRONG || f < n) y[f] = 2 * x[f];  // FAULT
}

template <bool WRONG> __global__ void order_of_a_sum(const float* x, float* y, int n) {
    WHO;
    SHARED(float, sum, [1]);
    if (t == 0) sum[0] = 0;
    __syncthreads();
    if (WRONG) atomicAdd(&sum[0], x[i]);  // FAULT
    if (!WRONG && t == 0)
        for (int j = 0; j < 64; ++j) sum[0] += x[i + j];
    __syncthreads();
    y[i] = sum[0];
}

template <bool WRONG> __global__ void lane_outside_its_mask(const float* x, float* y, int) {
    WHO;
    float v = x[i];
    if (t % 32 < 16) v = __shfl_sync(0xFFFFu, v, WRONG ? 20 : 3);  // FAULT
    y[i] = v;
}

template <bool WRONG> __global__ void shuffle_without_a_lane(const float* x, float* y, int) {
    WHO;
    float v = x[i];
    if (!WRONG || t != 5) v = __shfl_xor_sync(~0u, v, 1);  // FAULT
    y[i] = v;
}

template <bool WRONG> __global__ void no_end(const float* x, float* y, int) {
    WHO;
    for (volatile int j = 0; WRONG || j < 3; j = j + !WRONG) {
    }  // FAULT
    y[i] = x[i];
}

template <bool WRONG> __global__ void division_by_zero(const float* x, float* y, int n) {
    WHO;
    y[i] = x[i] + 7 / (WRONG ? n - 128 : 8);  // FAULT
}

template <bool WRONG> __global__ void block_of_no_cluster(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t] = x[i];
    cluster_sync();
    y[i] = shared_of(s, cluster_rank() + (WRONG ? 1 : 0))[t];  // FAULT
    cluster_sync();
}

// What follows gives the same bits in every order: only who reads and writes what shows the fault.
template <bool WRONG> __global__ void two_writers_of_one_value(const float* x, float* y, int n) {
    WHO;
    if (WRONG || i < n) y[min(i, n - 1)] = x[min(i, n - 1)];  // FAULT
}

template <bool WRONG> __global__ void value_that_is_written_again(const float* x, float* y, int) {
    WHO;
    DYNAMIC_SHARED(float, s);
    s[t] = x[i];
    if (!WRONG) __syncthreads();
    if (t == 0) s[1] = x[i + 1];  // FAULT
    __syncthreads();
    y[i] = s[t];
}

template <bool WRONG> __global__ void read_by_another_block(const float* x, float* y, int) {
    WHO;
    y[i] = x[i];
    if (WRONG && blockIdx.x == 1 && y[t] == 123456) y[i] = 0;  // FAULT
}
