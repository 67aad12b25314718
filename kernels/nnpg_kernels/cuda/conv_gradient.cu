// dL/dW[...,f,c,i,j] = sum over n, h, w of delta[...,n,f,h,w] x[n,c,row,column], added up in that order.
// The pixels n, h, w are divided into parts, by the shapes alone; `sum_of_parts` adds up the sums of the parts.

// Few channels or filters.
// task    one weight (c,i,j) of 4 filters of a group, over the pixels of a part
// tile    4 sums in registers; 64 pixels' deltas of the 4 filters in shared memory, with the places of their windows
// inner   pixel: a place, a quad of deltas and one pixel of x, 4 multiply-adds
// bound   loads from shared memory and L1: 1.3 multiply-adds a load; at least delta and x once from memory
// writer  the thread of the weight
struct alignas(16) Corner {
    long long place;  // in x, of the first pixel that a window reads
    int row, column;
};
template <class T>
__global__ void __launch_bounds__(256, 4) conv_gradient_direct(const T* __restrict__ delta, const T* __restrict__ x,
                                                               T* __restrict__ dW, Sizes s, int seeds, int parts) {
    constexpr int CHUNK = 64;
    SHARED(Quad<T>, deltas, [CHUNK]);
    SHARED(Corner, corners, [CHUNK]);  // of windows
    unsigned number = blockIdx.x;
    int taps = s.I * s.J, places = s.channels * taps;
    int block = digit(number, (places + blockDim.x - 1) / blockDim.x), quad = digit(number, (s.filters + 3) / 4);
    int group = digit(number, s.groups), seed = digit(number, seeds), part = number;
    int k = block * blockDim.x + threadIdx.x, c = k / taps, i = k % taps / s.J, j = k % s.J;
    int row = i * s.dilation_h, column = j * s.dilation_w;  // in the window
    const T* of_weight = x + place_of(c, row, column, s.rows, s.columns);
    int f0 = quad * 4, many = min(4, s.filters - f0);  // filters of this group
    int pixels = s.images * s.H * s.W, each = (pixels + parts - 1) / parts, last = min(pixels, (part + 1) * each);
    T sums[4] = {};
    for (int first = part * each; first < last; first += CHUNK) {
        int count = min(CHUNK, last - first);
        for (int p = threadIdx.x; p < count; p += blockDim.x) {
            Pixel at = pixel_of(first + p, s.H, s.W);
            long long map = (((long long)seed * s.images + at.plane) * s.groups + group) * s.filters + f0;
            #pragma unroll
            for (int f = 0; f < 4; ++f)
                deltas[p].v[f] = f < many ? delta[place_of(map + f, at.row, at.column, s.H, s.W)] : T(0);
            int top = at.row * s.stride_h - s.top, left = at.column * s.stride_w - s.left;
            corners[p] = {place_of(((long long)at.plane * s.groups + group) * s.channels, top, left, s.rows, s.columns),
                          top, left};
        }
        __syncthreads();
        for (int p = 0; k < places && p < count; ++p) {
            Corner at = corners[p];
            T pixel = inside(at.row + row, at.column + column, s.rows, s.columns) ? of_weight[at.place] : T(0);
            #pragma unroll
            for (int f = 0; f < 4; ++f) sums[f] += deltas[p].v[f] * pixel;
        }
        __syncthreads();
    }
    if (k >= places) return;
    #pragma unroll
    for (int f = 0; f < 4; ++f) {
        long long filter = (((long long)part * seeds + seed) * s.groups + group) * s.filters + f0 + f;
        if (f < many) dW[filter * places + k] = sums[f];
    }
}

// Wide layers: the product of deltas and patches, of which none is ever in memory.
// task    64 filters x 128 channels at one place of the window, over the pixels of a part; 8 x 8 of them a thread
// tile    16 pixels: 16 x 64 deltas and 16 x 128 pixels of x in shared memory
// inner   16 k: 4 quads from shared memory, 64 multiply-adds
// bound   multiply-adds: 2 F H W C I J operations an image; x is read I J F / 64 times, delta I J C / 128 times, from
// the L2 cache writer  the thread of the 8 x 8 numbers
template <class T>
__global__ void __launch_bounds__(THREADS) conv_gradient_tiled(const T* __restrict__ delta, const T* __restrict__ x,
                                                               T* __restrict__ dW, Sizes s, int seeds, int parts) {
    constexpr int DEPTH = 16, ALONG = 8, TILE_N = 16 * ALONG, LOADERS = THREADS / DEPTH;
    TILE_IN_SHARED(T, deltas, DEPTH, TILE_M);
    TILE_IN_SHARED(T, patches, DEPTH, TILE_N);
    unsigned number = blockIdx.x;
    int t = threadIdx.x, taps = s.I * s.J, tap = digit(number, taps), i = tap / s.J, j = tap % s.J;
    int c0 = digit(number, (s.channels + TILE_N - 1) / TILE_N) * TILE_N,
        f0 = digit(number, (s.filters + TILE_M - 1) / TILE_M) * TILE_M;
    int group = digit(number, s.groups), seed = digit(number, seeds), part = number;
    int pixels = s.images * s.H * s.W, each = (pixels + parts - 1) / parts, last = min(pixels, (part + 1) * each);
    long long out_plane = (long long)s.H * s.W, in_plane = (long long)s.rows * s.columns;
    T sums[ACROSS][ALONG] = {};
    for (int first = part * each; first < last; first += DEPTH) {
        int at = first + t % DEPTH, f = f0 + t / DEPTH,
            c = c0 + t / DEPTH;  // what this thread loads: every 8th map at a pixel
        Pixel out = pixel_of(at, s.H, s.W);
        int row = out.row * s.stride_h + i * s.dilation_h - s.top;
        int column = out.column * s.stride_w + j * s.dilation_w - s.left;
        long long map = (((long long)seed * s.images + out.plane) * s.groups + group) * s.filters + f;
        long long channel = ((long long)out.plane * s.groups + group) * s.channels + c;
        int filters = at < last ? s.filters : 0;
        int channels = at < last && inside(row, column, s.rows, s.columns) ? s.channels : 0;
        const T* from = delta + place_of(map, out.row, out.column, s.H, s.W);
        const T* pixel = x + place_of(channel, row, column, s.rows, s.columns);
        #pragma unroll
        for (int r = 0; r < TILE_M; r += LOADERS, from += LOADERS * out_plane)
            deltas[t % DEPTH][t / DEPTH + r] = f + r < filters ? *from : T(0);
        #pragma unroll
        for (int r = 0; r < TILE_N; r += LOADERS, pixel += LOADERS * in_plane)
            patches[t % DEPTH][t / DEPTH + r] = c + r < channels ? *pixel : T(0);
        __syncthreads();
        multiply<T, DEPTH, ALONG>(deltas, patches, sums);
        __syncthreads();
    }
    #pragma unroll
    for (int p = 0; p < ACROSS; ++p) {
        long long filter = (((long long)part * seeds + seed) * s.groups + group) * s.filters + f0 + m_of(t, p);
        #pragma unroll
        for (int q = 0; q < ALONG; ++q) {
            int c = c0 + n_of(t, q);
            if (f0 + m_of(t, p) < s.filters && c < s.channels) dW[(filter * s.channels + c) * taps + tap] = sums[p][q];
        }
    }
}

// The sums of the parts, added up in their order.
// task    one weight
// tile    none
// inner   part: one load, one addition
// bound   memory: reads each sum once, writes dW once
// writer  the thread of the weight
template <class T>
__global__ void __launch_bounds__(256, 4)
    sum_of_parts(const T* __restrict__ sums, T* __restrict__ dW, long long weights, int parts) {
    long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= weights) return;
    T sum = 0;
    for (int part = 0; part < parts; ++part) sum += sums[part * weights + at];
    dW[at] = sum;
}
