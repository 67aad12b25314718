// y[n,f,h,w] = b[f] + sum_{c,i,j} W[f,c,i,j] x[n,c,row,column], added up in the order i, j, c.

// Few channels or filters.
// task    PIXELS output pixels of 4 filters of a group
// tile    4 x PIXELS sums in registers
// inner   c: PIXELS pixels, 4 weights, 4 x PIXELS multiply-adds; the tests for the padding are outside
// bound   loads from L1: 2 multiply-adds a load with 4 pixels; at least x, W and y once from memory
// writer  the thread of the pixel
template <class T, int PIXELS>
__global__ void __launch_bounds__(128)
conv_forward_direct(const T* __restrict__ x, const T* __restrict__ W, const T* __restrict__ b, T* __restrict__ y, Sizes s) {
    int quads = (s.filters + 3) / 4, quad, group, taps = s.I * s.J;
    long long pixels = s.images * s.H * s.W, plane = (long long)s.rows * s.columns;
    long long first = divided(divided(blockIdx.x, quads, quad), s.groups, group) * (128 * PIXELS) + threadIdx.x;
    int f0 = quad * 4, many = min(4, s.filters - f0);  // filters of this group
    const T* weights = W + (long long)(group * s.filters + f0) * s.channels * taps;
    Pixel out[PIXELS];
    T sums[PIXELS][4];
    #pragma unroll
    for (int p = 0; p < PIXELS; ++p) {
        out[p] = pixel_of(min(first + p * 128, pixels - 1), s.H, s.W);
        #pragma unroll
        for (int f = 0; f < 4; ++f) sums[p][f] = f < many ? b[group * s.filters + f0 + f] : T(0);
    }
    for (int i = 0; i < s.I; ++i)
        for (int j = 0; j < s.J; ++j) {
            const T* from[PIXELS];
            #pragma unroll
            for (int p = 0; p < PIXELS; ++p) {
                int row = out[p].row * s.stride_h + i * s.dilation_h - s.top;
                int column = out[p].column * s.stride_w + j * s.dilation_w - s.left;
                long long image = (out[p].plane * s.groups + group) * s.channels;
                from[p] = inside(row, column, s.rows, s.columns) ? x + place_of(image, row, column, s.rows, s.columns) : nullptr;
            }
            for (int c = 0; c < s.channels; ++c) {
                T weight[4];
                #pragma unroll
                for (int f = 0; f < 4; ++f)
                    weight[f] = f < many ? weights[((long long)f * s.channels + c) * taps + i * s.J + j] : T(0);
                #pragma unroll
                for (int p = 0; p < PIXELS; ++p) {
                    T pixel = from[p] ? from[p][c * plane] : T(0);
                    #pragma unroll
                    for (int f = 0; f < 4; ++f) sums[p][f] += weight[f] * pixel;
                }
            }
        }
    #pragma unroll
    for (int p = 0; p < PIXELS; ++p) {
        if (first + p * 128 >= pixels) break;
        #pragma unroll
        for (int f = 0; f < 4; ++f) {
            if (f >= many) break;
            long long map = (out[p].plane * s.groups + group) * s.filters + f0 + f;
            y[place_of(map, out[p].row, out[p].column, s.H, s.W)] = sums[p][f];
        }
    }
}

// Wide layers: the product of filters and patches, of which none is ever in memory.
// task    64 filters x 64 pixels a block of 128 threads; 8 x 4 of them a thread
// tile    16 channels at one place of the window: 16 x 64 weights and 16 x 64 pixels in shared memory
// inner   16 k: 3 quads from shared memory, 32 multiply-adds
// bound   multiply-adds: 2 F H W C I J operations an image; x is read F / 64 times
// writer  the thread of the 8 x 4 numbers
template <class T>
__global__ void __launch_bounds__(THREADS)
conv_forward_tiled(const T* __restrict__ x, const T* __restrict__ W, const T* __restrict__ b, T* __restrict__ y, Sizes s) {
    TILE_IN_SHARED(T, a);
    TILE_IN_SHARED(T, patches);
    int t = threadIdx.x, tiles = (s.filters + TILE - 1) / TILE, tile, group, taps = s.I * s.J;
    long long pixels = s.images * s.H * s.W, plane = (long long)s.rows * s.columns;
    long long first = divided(divided(blockIdx.x, tiles, tile), s.groups, group) * TILE;
    int f0 = tile * TILE;
    Pixel read = pixel_of(min(first + t % TILE, pixels - 1), s.H, s.W);  // of which this thread loads patches
    long long image = (read.plane * s.groups + group) * s.channels;
    T sums[ACROSS][ALONG];
    #pragma unroll
    for (int p = 0; p < ACROSS; ++p) {
        int f = f0 + t / 16 * ACROSS + p;
        #pragma unroll
        for (int q = 0; q < ALONG; ++q) sums[p][q] = f < s.filters ? b[group * s.filters + f] : T(0);
    }
    for (int i = 0; i < s.I; ++i)
        for (int j = 0; j < s.J; ++j) {
            int row = read.row * s.stride_h + i * s.dilation_h - s.top;
            int column = read.column * s.stride_w + j * s.dilation_w - s.left;
            bool seen = inside(row, column, s.rows, s.columns);
            const T* from = seen ? x + place_of(image, row, column, s.rows, s.columns) : x;
            for (int c0 = 0; c0 < s.channels; c0 += DEPTH) {
                #pragma unroll
                for (int r = 0; r < TILE / 8; ++r) {
                    int c = c0 + t % DEPTH, f = f0 + t / DEPTH + 8 * r;
                    long long place = ((long long)(group * s.filters + f) * s.channels + c) * taps + i * s.J + j;
                    a[t % DEPTH][t / DEPTH + 8 * r] = f < s.filters && c < s.channels ? W[place] : T(0);
                }
                #pragma unroll
                for (int r = 0; r < DEPTH / 2; ++r) {
                    int c = c0 + t / TILE + 2 * r;
                    patches[t / TILE + 2 * r][t % TILE] = seen && c < s.channels ? from[c * plane] : T(0);
                }
                __syncthreads();
                multiply(a, patches, sums);
                __syncthreads();
            }
        }
    #pragma unroll
    for (int q = 0; q < ALONG; ++q) {
        long long at = first + t % 16 * ALONG + q;
        if (at >= pixels) break;
        Pixel out = pixel_of(at, s.H, s.W);
        #pragma unroll
        for (int p = 0; p < ACROSS; ++p) {
            int f = f0 + t / 16 * ACROSS + p;
            if (f >= s.filters) break;
            y[place_of((out.plane * s.groups + group) * s.filters + f, out.row, out.column, s.H, s.W)] = sums[p][q];
        }
    }
}
