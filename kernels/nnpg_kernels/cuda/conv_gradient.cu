// dL/dW[...,f,c,i,j] = sum over n, h, w of delta[...,n,f,h,w] x[n,c,row,column], added up in that order.
// The pixels n, h, w are divided into parts, by the shapes alone; `sum_of_parts` adds up the sums of the parts.

// Few channels or filters.
// task    one weight (c,i,j) of 4 filters of a group, over the pixels of a part
// tile    4 sums in registers; 64 pixels' deltas of the 4 filters in shared memory, with the places of their windows
// inner   pixel: a place, a quad of deltas and one pixel of x, 4 multiply-adds
// bound   loads from shared memory and L1: 1.3 multiply-adds a load; at least delta and x once from memory
// writer  the thread of the weight
constexpr int CHUNK = 64;
template <class T>
__global__ void __launch_bounds__(256)
conv_gradient_direct(const T* __restrict__ delta, const T* __restrict__ x, T* __restrict__ dW, Sizes s, int seeds, int parts) {
    SHARED(Quad<T>, deltas, [CHUNK]);
    SHARED(Pixel, corners, [CHUNK]);  // of windows: the first map, row and column that they read
    int t = threadIdx.x, taps = s.I * s.J, places = s.channels * taps, quads = (s.filters + 3) / 4;
    int block, quad, group, seed;
    long long rest = divided(divided(blockIdx.x, (places + blockDim.x - 1) / blockDim.x, block), quads, quad);
    long long part = divided(divided(rest, s.groups, group), seeds, seed);
    int k = block * blockDim.x + t, c = k / taps, i = k % taps / s.J, j = k % s.J;
    int f0 = quad * 4, many = min(4, s.filters - f0);  // filters of this group
    long long pixels = s.images * s.H * s.W, each = (pixels + parts - 1) / parts, last = min(pixels, (part + 1) * each);
    T sums[4] = {};
    for (long long first = part * each; first < last; first += CHUNK) {
        int count = int(min((long long)CHUNK, last - first));
        for (int p = t; p < count; p += blockDim.x) {
            Pixel at = pixel_of(first + p, s.H, s.W);
            #pragma unroll
            for (int f = 0; f < 4; ++f) {
                long long map = ((seed * s.images + at.plane) * s.groups + group) * s.filters + f0 + f;
                deltas[p].v[f] = f < many ? delta[place_of(map, at.row, at.column, s.H, s.W)] : T(0);
            }
            corners[p] = {(at.plane * s.groups + group) * s.channels, at.row * s.stride_h - s.top, at.column * s.stride_w - s.left};
        }
        __syncthreads();
        for (int p = 0; k < places && p < count; ++p) {
            int row = corners[p].row + i * s.dilation_h, column = corners[p].column + j * s.dilation_w;
            if (!inside(row, column, s.rows, s.columns)) continue;
            T pixel = x[place_of(corners[p].plane + c, row, column, s.rows, s.columns)];
            #pragma unroll
            for (int f = 0; f < 4; ++f) sums[f] += deltas[p].v[f] * pixel;
        }
        __syncthreads();
    }
    if (k >= places) return;
    #pragma unroll
    for (int f = 0; f < 4; ++f) {
        if (f >= many) break;
        long long filter = ((part * seeds + seed) * s.groups + group) * s.filters + f0 + f;
        dW[filter * places + k] = sums[f];
    }
}

// Wide layers: the product of deltas and patches, of which none is ever in memory.
// task    64 filters x 64 channels at one place of the window, over the pixels of a part; 8 x 4 of them a thread
// tile    16 pixels: 16 x 64 deltas and 16 x 64 pixels of x in shared memory
// inner   16 k: 3 quads from shared memory, 32 multiply-adds
// bound   multiply-adds: 2 F H W C I J operations an image; x is read F / 64 times, delta C I J / 64 times, from the L2 cache
// writer  the thread of the 8 x 4 numbers
template <class T>
__global__ void __launch_bounds__(THREADS)
conv_gradient_tiled(const T* __restrict__ delta, const T* __restrict__ x, T* __restrict__ dW, Sizes s, int seeds, int parts) {
    TILE_IN_SHARED(T, deltas);
    TILE_IN_SHARED(T, patches);
    int t = threadIdx.x, taps = s.I * s.J, tap, ctile, ftile, group, seed;
    long long rest = divided(divided(blockIdx.x, taps, tap), (s.channels + TILE - 1) / TILE, ctile);
    rest = divided(divided(rest, (s.filters + TILE - 1) / TILE, ftile), s.groups, group);
    long long part = divided(rest, seeds, seed);
    int f0 = ftile * TILE, c0 = ctile * TILE, i = tap / s.J, j = tap % s.J;
    long long pixels = s.images * s.H * s.W, each = (pixels + parts - 1) / parts, last = min(pixels, (part + 1) * each);
    T sums[ACROSS][ALONG] = {};
    for (long long first = part * each; first < last; first += DEPTH) {
        long long at = first + t % DEPTH;  // the pixel of which this thread loads 8 deltas and 8 channels
        Pixel out = pixel_of(min(at, last - 1), s.H, s.W);
        int row = out.row * s.stride_h + i * s.dilation_h - s.top;
        int column = out.column * s.stride_w + j * s.dilation_w - s.left;
        bool seen = at < last && inside(row, column, s.rows, s.columns);
        #pragma unroll
        for (int r = 0; r < TILE / 8; ++r) {
            int f = f0 + t / DEPTH + 8 * r, c = c0 + t / DEPTH + 8 * r;
            long long map = ((seed * s.images + out.plane) * s.groups + group) * s.filters + f;
            long long image = (out.plane * s.groups + group) * s.channels + c;
            deltas[t % DEPTH][t / DEPTH + 8 * r] = at < last && f < s.filters ? delta[place_of(map, out.row, out.column, s.H, s.W)] : T(0);
            patches[t % DEPTH][t / DEPTH + 8 * r] = seen && c < s.channels ? x[place_of(image, row, column, s.rows, s.columns)] : T(0);
        }
        __syncthreads();
        multiply(deltas, patches, sums);
        __syncthreads();
    }
    #pragma unroll
    for (int p = 0; p < ACROSS; ++p) {
        int f = f0 + t / 16 * ACROSS + p;
        if (f >= s.filters) break;
        long long filter = ((part * seeds + seed) * s.groups + group) * s.filters + f;
        #pragma unroll
        for (int q = 0; q < ALONG; ++q) {
            int c = c0 + t % 16 * ALONG + q;
            if (c >= s.channels) break;
            dW[(filter * s.channels + c) * taps + tap] = sums[p][q];
        }
    }
}

// The sums of the parts, added up in their order.
// task    one weight;  tile  none;  inner  one load, one addition;  bound  memory: each sum once;  writer  the thread of the weight
template <class T>
__global__ void __launch_bounds__(256) sum_of_parts(const T* __restrict__ sums, T* __restrict__ dW, long long weights, int parts) {
    long long at = thread_of_grid();
    if (at >= weights) return;
    T sum = 0;
    for (int part = 0; part < parts; ++part) sum += sums[part * weights + at];
    dW[at] = sum;
}
