// dL/dx[...,n,c,row,column] = sum over the windows that see this pixel of W[f,c,i,j] delta[...,n,f,h,w], in the order i, j, f.

// Few channels or filters, or a stride.
// task    PIXELS input pixels of 4 channels of a group
// tile    4 x PIXELS sums in registers
// inner   f: PIXELS deltas, 4 weights, 4 x PIXELS multiply-adds; which window sees the pixel is asked outside
// bound   loads from L1: 2 multiply-adds a load with 4 pixels; at least delta, W and dx once from memory
// writer  the thread of the input pixel; a window never writes
template <class T, int PIXELS>
__global__ void __launch_bounds__(128)
conv_delta_direct(const T* __restrict__ delta, const T* __restrict__ W, T* __restrict__ dx, Sizes s) {
    int quads = (s.channels + 3) / 4, quad, group, taps = s.I * s.J;
    long long pixels = s.images * s.rows * s.columns, plane = (long long)s.H * s.W;
    long long first = divided(divided(blockIdx.x, quads, quad), s.groups, group) * (128 * PIXELS) + threadIdx.x;
    int c0 = quad * 4, many = min(4, s.channels - c0);  // channels of this group
    const T* weights = W + ((long long)group * s.filters * s.channels + c0) * taps;
    Pixel in[PIXELS];
    T sums[PIXELS][4];
    #pragma unroll
    for (int p = 0; p < PIXELS; ++p) {
        in[p] = pixel_of(min(first + p * 128, pixels - 1), s.rows, s.columns);
        #pragma unroll
        for (int c = 0; c < 4; ++c) sums[p][c] = T(0);
    }
    for (int i = 0; i < s.I; ++i)
        for (int j = 0; j < s.J; ++j) {
            const T* from[PIXELS];
            bool any = false;
            #pragma unroll
            for (int p = 0; p < PIXELS; ++p) {
                int h = reader(in[p].row, i, s.stride_h, s.dilation_h, s.top, s.H);
                int w = reader(in[p].column, j, s.stride_w, s.dilation_w, s.left, s.W);
                long long image = (in[p].plane * s.groups + group) * s.filters;
                from[p] = h >= 0 && w >= 0 ? delta + place_of(image, h, w, s.H, s.W) : nullptr;
                any |= h >= 0 && w >= 0;
            }
            if (!any) continue;
            for (int f = 0; f < s.filters; ++f) {
                T weight[4];
                #pragma unroll
                for (int c = 0; c < 4; ++c)
                    weight[c] = c < many ? weights[((long long)f * s.channels + c) * taps + i * s.J + j] : T(0);
                #pragma unroll
                for (int p = 0; p < PIXELS; ++p) {
                    T number = from[p] ? from[p][f * plane] : T(0);
                    #pragma unroll
                    for (int c = 0; c < 4; ++c) sums[p][c] += weight[c] * number;
                }
            }
        }
    #pragma unroll
    for (int p = 0; p < PIXELS; ++p) {
        if (first + p * 128 >= pixels) break;
        #pragma unroll
        for (int c = 0; c < 4; ++c) {
            if (c >= many) break;
            long long map = (in[p].plane * s.groups + group) * s.channels + c0 + c;
            dx[place_of(map, in[p].row, in[p].column, s.rows, s.columns)] = sums[p][c];
        }
    }
}

// Wide layers without a stride: the product of filters, transposed, and deltas.
// task    64 channels x 64 input pixels a block of 128 threads; 8 x 4 of them a thread
// tile    16 filters at one place of the window: 16 x 64 weights and 16 x 64 deltas in shared memory
// inner   16 k: 3 quads from shared memory, 32 multiply-adds
// bound   multiply-adds: 2 F H W C I J operations an image; delta is read C / 64 times
// writer  the thread of the 8 x 4 numbers
template <class T>
__global__ void __launch_bounds__(THREADS)
conv_delta_tiled(const T* __restrict__ delta, const T* __restrict__ W, T* __restrict__ dx, Sizes s) {
    TILE_IN_SHARED(T, a);
    TILE_IN_SHARED(T, deltas);
    int t = threadIdx.x, tiles = (s.channels + TILE - 1) / TILE, tile, group, taps = s.I * s.J;
    long long pixels = s.images * s.rows * s.columns, plane = (long long)s.H * s.W;
    long long first = divided(divided(blockIdx.x, tiles, tile), s.groups, group) * TILE;
    int c0 = tile * TILE;
    Pixel read = pixel_of(min(first + t % TILE, pixels - 1), s.rows, s.columns);  // of which this thread loads deltas
    long long image = (read.plane * s.groups + group) * s.filters;
    T sums[ACROSS][ALONG];
    #pragma unroll
    for (int p = 0; p < ACROSS; ++p)
        #pragma unroll
        for (int q = 0; q < ALONG; ++q) sums[p][q] = T(0);
    for (int i = 0; i < s.I; ++i)
        for (int j = 0; j < s.J; ++j) {
            int h = reader(read.row, i, s.stride_h, s.dilation_h, s.top, s.H);
            int w = reader(read.column, j, s.stride_w, s.dilation_w, s.left, s.W);
            bool seen = h >= 0 && w >= 0;
            const T* from = seen ? delta + place_of(image, h, w, s.H, s.W) : delta;
            for (int f0 = 0; f0 < s.filters; f0 += DEPTH) {
                #pragma unroll
                for (int r = 0; r < TILE / 8; ++r) {
                    int f = f0 + t % DEPTH, c = c0 + t / DEPTH + 8 * r;
                    long long place = ((long long)(group * s.filters + f) * s.channels + c) * taps + i * s.J + j;
                    a[t % DEPTH][t / DEPTH + 8 * r] = f < s.filters && c < s.channels ? W[place] : T(0);
                }
                #pragma unroll
                for (int r = 0; r < DEPTH / 2; ++r) {
                    int f = f0 + t / TILE + 2 * r;
                    deltas[t / TILE + 2 * r][t % TILE] = seen && f < s.filters ? from[f * plane] : T(0);
                }
                __syncthreads();
                multiply(a, deltas, sums);
                __syncthreads();
            }
        }
    #pragma unroll
    for (int q = 0; q < ALONG; ++q) {
        long long at = first + t % 16 * ALONG + q;
        if (at >= pixels) break;
        Pixel in = pixel_of(at, s.rows, s.columns);
        #pragma unroll
        for (int p = 0; p < ACROSS; ++p) {
            int c = c0 + t / 16 * ACROSS + p;
            if (c >= s.channels) break;
            dx[place_of((in.plane * s.groups + group) * s.channels + c, in.row, in.column, s.rows, s.columns)] = sums[p][q];
        }
    }
}
