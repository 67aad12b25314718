// dL/dx[...,n,c,row,column] = sum over the windows that see this pixel of W[f,c,i,j] delta[...,n,f,h,w], in the order
// i, j, f, or of few channels j, f, i.

// Few filters or a stride, and more than four channels or a dilation along the rows.
// task    PIXELS input pixels of 4 channels of a group; neighbouring threads have pixels a stride apart, which the same
//         places of the window see
// tile    4 x PIXELS sums in registers
// inner   f: PIXELS deltas, 4 weights, 4 x PIXELS multiply-adds; which window sees the pixel is asked outside
// bound   loads from L1: 2 multiply-adds a load with 4 pixels; at least delta, W and dx once from memory
// writer  the thread of the input pixel; a window never writes
constexpr int NOWHERE = -(1 << 30);  // a row that no window sees
template <class T, int PIXELS>
__global__ void __launch_bounds__(128, 3)
    conv_delta_direct(const T* __restrict__ delta, const T* __restrict__ W, T* __restrict__ dx, Sizes s) {
    unsigned number = blockIdx.x;
    int quad = digit(number, (s.channels + 3) / 4), group = digit(number, s.groups),
        first = number * (128 * PIXELS) + threadIdx.x;
    // Pixels of each remainder of the stride by themselves: rows, and columns, up to a multiple of it.
    int down = (s.rows + s.stride_h - 1) / s.stride_h, along = (s.columns + s.stride_w - 1) / s.stride_w;
    int taps = s.I * s.J, c0 = quad * 4, many = min(4, s.channels - c0);
    long long plane = (long long)s.H * s.W;
    const T* weights[4];  // of the 4 channels; what the last one stands in for is not stored
    Pixel in[PIXELS];
    T sums[PIXELS][4] = {};
    #pragma unroll
    for (int p = 0; p < PIXELS; ++p) {
        in[p] = pixel_of(first + p * 128, down * s.stride_h, along * s.stride_w);
        in[p].row = in[p].row % down * s.stride_h + in[p].row / down;
        in[p].column = in[p].column % along * s.stride_w + in[p].column / along;
        bool real = in[p].plane < s.images && in[p].row < s.rows && in[p].column < s.columns;
        in[p].row = real ? in[p].row : NOWHERE;
    }
    #pragma unroll
    for (int c = 0; c < 4; ++c)
        weights[c] = W + ((long long)group * s.filters * s.channels + c0 + min(c, many - 1)) * taps;
    for (int i = 0; i < s.I; ++i)
        for (int j = 0; j < s.J; ++j) {
            const T* from[PIXELS];
            bool seen[PIXELS], any = false;
            #pragma unroll
            for (int p = 0; p < PIXELS; ++p) {
                int h = reader(in[p].row, i, s.stride_h, s.dilation_h, s.top, s.H);
                int w = reader(in[p].column, j, s.stride_w, s.dilation_w, s.left, s.W);
                long long map = ((long long)in[p].plane * s.groups + group) * s.filters;
                seen[p] = h >= 0 && w >= 0;
                from[p] = delta + place_of(map, h, w, s.H, s.W);
                any |= seen[p];
            }
            if (!any) continue;  // with a stride, most places of the window
            const T* next[4];    // weight of each channel
            #pragma unroll
            for (int c = 0; c < 4; ++c) next[c] = weights[c] + i * s.J + j;
            for (int f = 0; f < s.filters; ++f) {
                T weight[4];
                #pragma unroll
                for (int c = 0; c < 4; ++c) {
                    weight[c] = *next[c];
                    next[c] += (long long)s.channels * taps;
                }
                #pragma unroll
                for (int p = 0; p < PIXELS; ++p) {
                    T number = seen[p] ? *from[p] : T(0);
                    from[p] += plane;
                    #pragma unroll
                    for (int c = 0; c < 4; ++c) sums[p][c] += weight[c] * number;
                }
            }
        }
    #pragma unroll
    for (int p = 0; p < PIXELS; ++p) {
        if (in[p].row < 0) continue;
        long long map = ((long long)in[p].plane * s.groups + group) * s.channels + c0;
        #pragma unroll
        for (int c = 0; c < 4; ++c)
            if (c < many) dx[place_of(map + c, in[p].row, in[p].column, s.rows, s.columns)] = sums[p][c];
    }
}

// One to four channels of a group, without a dilation along the rows.
// task    ROWS input pixels of all channels of a group: of a column, a stride of rows apart, so that the same places of
//         the window see them; neighbouring threads have neighbouring columns, a stride apart too
// tile    ROWS x CHANNELS sums, and a window of ROWS deltas, in registers
// inner   of the places of the window along a column that see these pixels, i: CHANNELS weights, ROWS x CHANNELS
//         multiply-adds; then the deltas move by one, and one more is loaded
// bound   loads from L1: ROWS + M deltas and M CHANNELS weights for M ROWS CHANNELS multiply-adds, of M such places; an
//         11 x 11 window with a stride of 4 and 3 channels has M = 3, and 20 loads for 72, 0.28 a multiply-add; a
//         5 x 5 window without a stride 18 for 40, 0.45, with one channel
// writer  the thread of the input pixel; a window never writes
template <class T, int CHANNELS, int ROWS>
__global__ void __launch_bounds__(128, 4)
    conv_delta_few(const T* __restrict__ delta, const T* __restrict__ W, T* __restrict__ dx, Sizes s) {
    unsigned number = blockIdx.x;
    int group = digit(number, s.groups);
    int down = (s.rows + s.stride_h - 1) / s.stride_h, along = (s.columns + s.stride_w - 1) / s.stride_w;
    Pixel at = pixel_of(number * 128 + threadIdx.x, (down + ROWS - 1) / ROWS * s.stride_h, along * s.stride_w);
    int column = at.column % along * s.stride_w + at.column / along;
    int remainder = at.row % s.stride_h, line = at.row / s.stride_h * ROWS;  // the first row is line strides behind it
    if (at.plane >= s.images || column >= s.columns) return;
    int first = (remainder + s.top) % s.stride_h, h0 = line + (remainder + s.top) / s.stride_h, taps = s.I * s.J;
    const T* deltas = delta + place_of(((long long)at.plane * s.groups + group) * s.filters, 0, 0, s.H, s.W);
    const T* of_group = W + (long long)group * s.filters * s.channels * taps + first * s.J;
    T sums[ROWS][CHANNELS] = {};
    for (int j = 0; j < s.J; ++j) {
        int w = reader(column, j, s.stride_w, s.dilation_w, s.left, s.W);
        if (w < 0) continue;
        const T *from = deltas + w, *of_filter = of_group + j;
        for (int f = 0; f < s.filters; ++f, from += (long long)s.H * s.W, of_filter += s.channels * taps) {
            T numbers[ROWS];
            #pragma unroll
            for (int r = 0; r < ROWS; ++r) numbers[r] = unsigned(h0 + r) < unsigned(s.H) ? from[(h0 + r) * s.W] : T(0);
            const T* next = of_filter;
            for (int i = first, h = h0 - 1; i < s.I; i += s.stride_h, --h, next += s.stride_h * s.J) {
                #pragma unroll
                for (int c = 0; c < CHANNELS; ++c) {
                    T weight = next[c * taps];
                    #pragma unroll
                    for (int r = 0; r < ROWS; ++r) sums[r][c] += weight * numbers[r];
                }
                #pragma unroll
                for (int r = ROWS - 1; r > 0; --r) numbers[r] = numbers[r - 1];
                numbers[0] = unsigned(h) < unsigned(s.H) ? from[h * s.W] : T(0);
            }
        }
    }
    long long map = ((long long)at.plane * s.groups + group) * CHANNELS;
    #pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        int row = (line + r) * s.stride_h + remainder;
        if (row >= s.rows) break;
        #pragma unroll
        for (int c = 0; c < CHANNELS; ++c) dx[place_of(map + c, row, column, s.rows, s.columns)] = sums[r][c];
    }
}

// Wide layers without a stride: the product of filters, transposed, and deltas.
// task    64 channels x 128 input pixels a block of 128 threads; 8 x 8 of them a thread
// tile    16 filters at one place of the window: 16 x 64 weights and 16 x 128 deltas in shared memory
// inner   16 k: 4 quads from shared memory, 64 multiply-adds
// bound   multiply-adds: 2 F H W C I J operations an image; delta is read C / 64 times, W once for 128 pixels
// writer  the thread of the 8 x 8 numbers
template <class T>
__global__ void __launch_bounds__(THREADS)
    conv_delta_tiled(const T* __restrict__ delta, const T* __restrict__ W, T* __restrict__ dx, Sizes s) {
    constexpr int DEPTH = 16, ALONG = 8, TILE_N = 16 * ALONG;
    TILE_IN_SHARED(T, a, DEPTH, TILE_M);
    TILE_IN_SHARED(T, deltas, DEPTH, TILE_N);
    unsigned number = blockIdx.x;
    int t = threadIdx.x, c0 = digit(number, (s.channels + TILE_M - 1) / TILE_M) * TILE_M,
        group = digit(number, s.groups);
    int first = number * TILE_N, pixels = s.images * s.rows * s.columns, taps = s.I * s.J;
    long long plane = (long long)s.H * s.W;
    Pixel read = pixel_of(first + t, s.rows, s.columns);  // of which this thread loads the deltas
    T sums[ACROSS][ALONG] = {};
    for (int i = 0; i < s.I; ++i)
        for (int j = 0; j < s.J; ++j) {
            int h = reader(read.row, i, s.stride_h, s.dilation_h, s.top, s.H);
            int w = reader(read.column, j, s.stride_w, s.dilation_w, s.left, s.W);
            bool seen = first + t < pixels && h >= 0 && w >= 0;
            int filters = seen ? s.filters : 0;  // that this thread loads
            const T* from = delta + place_of(((long long)read.plane * s.groups + group) * s.filters, h, w, s.H, s.W);
            const T* weights =
                W + ((long long)(group * s.filters + t % DEPTH) * s.channels + c0 + t / DEPTH) * taps + i * s.J + j;
            for (int f0 = 0; f0 < s.filters;
                 f0 += DEPTH, from += DEPTH * plane, weights += (long long)DEPTH * s.channels * taps) {
                #pragma unroll
                for (int r = 0; r < TILE_M / 8; ++r) {
                    bool real = f0 + t % DEPTH < s.filters && c0 + t / DEPTH + 8 * r < s.channels;
                    a[t % DEPTH][t / DEPTH + 8 * r] = real ? weights[8 * r * taps] : T(0);
                }
                #pragma unroll
                for (int k = 0; k < DEPTH; ++k) deltas[k][t] = f0 + k < filters ? from[k * plane] : T(0);
                __syncthreads();
                multiply<T, DEPTH, ALONG>(a, deltas, sums);
                __syncthreads();
            }
        }
    #pragma unroll
    for (int q = 0; q < ALONG; ++q) {
        int at = first + n_of(t, q);
        if (at >= pixels) break;
        Pixel in = pixel_of(at, s.rows, s.columns);
        long long map = ((long long)in.plane * s.groups + group) * s.channels + c0;
        #pragma unroll
        for (int p = 0; p < ACROSS; ++p)
            if (c0 + m_of(t, p) < s.channels)
                dx[place_of(map + m_of(t, p), in.row, in.column, s.rows, s.columns)] = sums[p][q];
    }
}
