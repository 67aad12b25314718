// y[n,f,h,w] = b[f] + sum_{c,i,j} W[f,c,i,j] x[n,c,row,column], added up in the order i, j, c.

// Few channels or filters.
// task    PIXELS output pixels of 4 filters of a group
// tile    4 x PIXELS sums in registers
// inner   c: PIXELS pixels, 4 weights, 4 x PIXELS multiply-adds; the tests for the padding are outside
// bound   loads from L1: 2 multiply-adds a load with 4 pixels; at least x, W and y once from memory
// writer  the thread of the pixel
template <class T, int PIXELS>
__global__ void __launch_bounds__(128, 3) conv_forward_direct(const T* __restrict__ x, const T* __restrict__ W,
                                                              const T* __restrict__ b, T* __restrict__ y, Sizes s) {
    unsigned number = blockIdx.x;
    int quad = digit(number, (s.filters + 3) / 4), group = digit(number, s.groups),
        first = number * (128 * PIXELS) + threadIdx.x;
    int pixels = s.images * s.H * s.W, taps = s.I * s.J, f0 = quad * 4, many = min(4, s.filters - f0);
    long long plane = (long long)s.rows * s.columns;
    const T* weights[4];  // of the 4 filters; what the last one stands in for is not stored
    Pixel out[PIXELS];
    T sums[PIXELS][4];
    #pragma unroll
    for (int p = 0; p < PIXELS; ++p) out[p] = pixel_of(first + p * 128, s.H, s.W);
    #pragma unroll
    for (int f = 0; f < 4; ++f) {
        int filter = group * s.filters + f0 + min(f, many - 1);
        weights[f] = W + (long long)filter * s.channels * taps;
        #pragma unroll
        for (int p = 0; p < PIXELS; ++p) sums[p][f] = b[filter];
    }
    for (int i = 0; i < s.I; ++i)
        for (int j = 0; j < s.J; ++j) {
            const T* from[PIXELS];
            bool seen[PIXELS];
            #pragma unroll
            for (int p = 0; p < PIXELS; ++p) {
                int row = out[p].row * s.stride_h + i * s.dilation_h - s.top;
                int column = out[p].column * s.stride_w + j * s.dilation_w - s.left;
                long long map = ((long long)out[p].plane * s.groups + group) * s.channels;
                seen[p] = first + p * 128 < pixels && inside(row, column, s.rows, s.columns);
                from[p] = x + place_of(map, row, column, s.rows, s.columns);
            }
            const T* next[4];  // weight of each filter
            #pragma unroll
            for (int f = 0; f < 4; ++f) next[f] = weights[f] + i * s.J + j;
            for (int c = 0; c < s.channels; ++c) {
                T weight[4];
                #pragma unroll
                for (int f = 0; f < 4; ++f) {
                    weight[f] = *next[f];
                    next[f] += taps;
                }
                #pragma unroll
                for (int p = 0; p < PIXELS; ++p) {
                    T pixel = seen[p] ? *from[p] : T(0);
                    from[p] += plane;
                    #pragma unroll
                    for (int f = 0; f < 4; ++f) sums[p][f] += weight[f] * pixel;
                }
            }
        }
    #pragma unroll
    for (int p = 0; p < PIXELS; ++p) {
        if (first + p * 128 >= pixels) break;
        long long map = ((long long)out[p].plane * s.groups + group) * s.filters + f0;
        #pragma unroll
        for (int f = 0; f < 4; ++f)
            if (f < many) y[place_of(map + f, out[p].row, out[p].column, s.H, s.W)] = sums[p][f];
    }
}

// Wide layers: the product of filters and patches, of which none is ever in memory.
// task    64 filters x 128 pixels a block of 128 threads; 8 x 8 of them a thread
// tile    16 channels at one place of the window: 16 x 64 weights and 16 x 128 pixels in shared memory
// inner   16 k: 4 quads from shared memory, 64 multiply-adds
// bound   multiply-adds: 2 F H W C I J operations an image; x is read F / 64 times, W once for 128 pixels
// writer  the thread of the 8 x 8 numbers
template <class T>
__global__ void __launch_bounds__(THREADS) conv_forward_tiled(const T* __restrict__ x, const T* __restrict__ W,
                                                              const T* __restrict__ b, T* __restrict__ y, Sizes s) {
    constexpr int DEPTH = 16, ALONG = 8, TILE_N = 16 * ALONG;
    TILE_IN_SHARED(T, a, DEPTH, TILE_M);
    TILE_IN_SHARED(T, patches, DEPTH, TILE_N);
    unsigned number = blockIdx.x;
    int t = threadIdx.x, f0 = digit(number, (s.filters + TILE_M - 1) / TILE_M) * TILE_M,
        group = digit(number, s.groups);
    int first = number * TILE_N, pixels = s.images * s.H * s.W, taps = s.I * s.J;
    long long plane = (long long)s.rows * s.columns;
    Pixel read = pixel_of(first + t, s.H, s.W);  // of which this thread loads the patch
    T sums[ACROSS][ALONG];
    #pragma unroll
    for (int p = 0; p < ACROSS; ++p) {
        T bias = b[group * s.filters + min(f0 + m_of(t, p), s.filters - 1)];
        #pragma unroll
        for (int q = 0; q < ALONG; ++q) sums[p][q] = bias;
    }
    for (int i = 0; i < s.I; ++i)
        for (int j = 0; j < s.J; ++j) {
            int row = read.row * s.stride_h + i * s.dilation_h - s.top;
            int column = read.column * s.stride_w + j * s.dilation_w - s.left;
            bool seen = first + t < pixels && inside(row, column, s.rows, s.columns);
            int channels = seen ? s.channels : 0;  // that this thread loads
            const T* from =
                x + place_of(((long long)read.plane * s.groups + group) * s.channels, row, column, s.rows, s.columns);
            const T* weights =
                W + ((long long)(group * s.filters + f0 + t / DEPTH) * s.channels + t % DEPTH) * taps + i * s.J + j;
            for (int c0 = 0; c0 < s.channels; c0 += DEPTH, from += DEPTH * plane, weights += DEPTH * taps) {
                #pragma unroll
                for (int r = 0; r < TILE_M / 8; ++r) {
                    bool real = f0 + t / DEPTH + 8 * r < s.filters && c0 + t % DEPTH < s.channels;
                    a[t % DEPTH][t / DEPTH + 8 * r] = real ? weights[(long long)(8 * r) * s.channels * taps] : T(0);
                }
                #pragma unroll
                for (int k = 0; k < DEPTH; ++k) patches[k][t] = c0 + k < channels ? from[k * plane] : T(0);
                __syncthreads();
                multiply<T, DEPTH, ALONG>(a, patches, sums);
                __syncthreads();
            }
        }
    #pragma unroll
    for (int q = 0; q < ALONG; ++q) {
        int at = first + n_of(t, q);
        if (at >= pixels) break;
        Pixel out = pixel_of(at, s.H, s.W);
        long long map = ((long long)out.plane * s.groups + group) * s.filters + f0;
        #pragma unroll
        for (int p = 0; p < ACROSS; ++p)
            if (f0 + m_of(t, p) < s.filters) y[place_of(map + m_of(t, p), out.row, out.column, s.H, s.W)] = sums[p][q];
    }
}
