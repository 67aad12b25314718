// The forward pass of one image by one block of threads: x_(b+1) = pool(act(W x_b + b)), all of it in shared memory.
//
// convolution  task    a tile of pixels of 4 filters, over one part of the channels
//              tile    TILE_H x TILE_W x 4 sums in registers
//              inner   a channel: ROWS x COLUMNS pixels, I x J quads of weights, 4 x TILE multiply-adds for each quad
//              writer  the thread of the tile; of a sum in parts, the thread that adds the parts in their order
// dense layer  task    an output, by a warp: 32 lanes along the inputs, added up in a fixed order
__device__ __forceinline__ float tanh_of(float z) { return tanhf(z); }
__device__ __forceinline__ double tanh_of(double z) { return tanh(z); }
__device__ __forceinline__ float exp_of(float z) { return expf(z); }
__device__ __forceinline__ double exp_of(double z) { return exp(z); }
template <class T> __device__ __forceinline__ T sigmoid_of(T z) {
    T e = exp_of(z < 0 ? z : -z);
    return (z < 0 ? e : T(1)) / (T(1) + e);
}
template <int ACT, class T> __device__ __forceinline__ T activated(T z) {
    if constexpr (ACT == 1) return tanh_of(z);
    if constexpr (ACT == 2) return z < 0 ? T(0) : z;  // NaN stays
    if constexpr (ACT == 3) return sigmoid_of(z);
    return z;
}
// A NaN is larger than any number, and the first of the largest wins.
template <class T> __device__ __forceinline__ bool beats(T z, T largest) {
    return z > largest || (z != z && largest == largest);
}

// sums += of one tile, over the channels `first` to `last`; row and column are those of the tile's first pixel of x.
template <class Net, int B>
__device__ __forceinline__ void add_channels(const NumberOf<Net>* x, const Quad<NumberOf<Net>>* weights, int row,
                                             int column, int first, int last,
                                             NumberOf<Net> (&sums)[Block<Net, B>::TILE][4]) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    if constexpr (K::IN_REGISTERS) {
        unsigned rows = 0, columns = 0;  // a bit for each that lies inside the image
        #pragma unroll
        for (int r = 0; r < K::ROWS; ++r) rows |= unsigned(unsigned(row + r) < unsigned(K::H)) << r;
        #pragma unroll
        for (int s = 0; s < K::COLUMNS; ++s) columns |= unsigned(unsigned(column + s) < unsigned(K::W)) << s;
        #pragma unroll 1
        for (int c = first; c < last; ++c) {
            T pixels[K::ROWS][K::COLUMNS];
            const T* from = x + c * K::PLANE + row * K::W + column;
            #pragma unroll
            for (int r = 0; r < K::ROWS; ++r)
                #pragma unroll
                for (int s = 0; s < K::COLUMNS; ++s) {
                    bool seen = !K::OUTSIDE || ((rows >> r) & (columns >> s) & 1);
                    pixels[r][s] = seen ? from[r * K::W + s] : T(0);
                }
            #pragma unroll
            for (int i = 0; i < K::I; ++i)
                #pragma unroll
                for (int j = 0; j < K::J; ++j) {
                    Quad<T> k = weights[c * K::TAPS + i * K::J + j];
                    #pragma unroll
                    for (int t = 0; t < K::TILE; ++t)
                        #pragma unroll
                        for (int f = 0; f < 4; ++f)
                            sums[t][f] += k.v[f] * pixels[t / K::TW * K::SH + i * K::DH][t % K::TW * K::SW + j * K::DW];
                }
        }
    } else {
        for (int c = first; c < last; ++c)
            for (int i = 0; i < K::I; ++i)
                for (int j = 0; j < K::J; ++j) {
                    Quad<T> k = weights[c * K::TAPS + i * K::J + j];
                    #pragma unroll
                    for (int t = 0; t < K::TILE; ++t) {
                        int r = row + t / K::TW * K::SH + i * K::DH, s = column + t % K::TW * K::SW + j * K::DW;
                        bool seen = !K::OUTSIDE || (unsigned(r) < unsigned(K::H) && unsigned(s) < unsigned(K::W));
                        T pixel = seen ? x[c * K::PLANE + r * K::W + s] : T(0);
                        #pragma unroll
                        for (int f = 0; f < 4; ++f) sums[t][f] += k.v[f] * pixel;
                    }
                }
    }
}

// Writes what follows from the sums of a tile of filter f: the output and its winner, or outputs, or pixels of z.
template <class Net, int B>
__device__ __forceinline__ void finish_tile(const NumberOf<Net> (&sums)[Block<Net, B>::TILE], NumberOf<Net> bias,
                                            int f, int tile, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    int h0 = tile / K::TILES_W * K::STEP_H + K::FROM_H, w0 = tile % K::TILES_W * K::STEP_W + K::FROM_W;
    if constexpr (K::WAY == 0) {
        int best = -1;
        T largest = T(0);
        #pragma unroll
        for (int t = 0; t < K::TILE; ++t) {
            bool padded = K::PTOP > 0 || K::PLEFT > 0 || (K::YH - 1) * K::PSH + K::PI > K::ZH + K::PTOP ||
                          (K::YW - 1) * K::PSW + K::PJ > K::ZW + K::PLEFT;
            bool real = !padded || (unsigned(h0 + t / K::TW) < unsigned(K::ZH) &&
                                    unsigned(w0 + t % K::TW) < unsigned(K::ZW));
            bool more = real && (best < 0 || beats(sums[t], largest));
            best = more ? t : best;
            largest = more ? sums[t] : largest;
        }
        give<Net>(shared + Net::X[B + 1] + f * K::OUT + tile, activated<K::ACT>(largest + bias));
        give<Net>(bytes_of<Net>(shared) + Net::WON[B] + f * K::OUT + tile, (unsigned char)best);
    } else {
        T* y = shared + (K::WAY == 1 ? Net::X[B + 1] : Net::SCRATCH) + f * K::ZH * K::ZW;
        #pragma unroll
        for (int t = 0; t < K::TILE; ++t) {
            int h = h0 + t / K::TW, w = w0 + t % K::TW;
            if (h < K::ZH && w < K::ZW) {
                T z = sums[t] + bias;
                give<Net>(y + h * K::ZW + w, K::WAY == 1 ? activated<K::ACT>(z) : z);
            }
        }
    }
}

// Adds the parts of the sums of each tile of a quad of filters, which lie behind z: [SPLIT][TILE][4 filters][tiles].
template <class Net, int B>
__device__ void join_parts(const NumberOf<Net>* bias, int filters, Tasks quads, const NumberOf<Net>* parts,
                           NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    int all = 4 * quads.count;
    for (int task = threadIdx.x; task < all; task += blockDim.x) {
        int of_quad = quads.first + task % quads.count, tile = of_quad % K::TILES;
        int f = of_quad / K::TILES * 4 + task / quads.count;
        if (f >= filters) continue;
        T sums[K::TILE];
        #pragma unroll
        for (int t = 0; t < K::TILE; ++t) {
            sums[t] = parts[t * all + task];
            for (int part = 1; part < K::SPLIT; ++part) sums[t] += parts[(part * K::TILE + t) * all + task];
        }
        finish_tile<Net, B>(sums, bias[f], f, tile, shared);
    }
}

// x_(b+1) = act(max of each window of z).
template <class Net, int B> __device__ void pool_maps(int filters, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    Tasks mine = tasks_of_block<Net>(filters * K::OUT);
    for (int task = mine.first + threadIdx.x; task < mine.first + mine.count; task += blockDim.x) {
        const T* z = shared + Net::SCRATCH + task / K::OUT * (K::ZH * K::ZW);
        int h0 = task % K::OUT / K::YW * K::PSH - K::PTOP, w0 = task % K::YW * K::PSW - K::PLEFT, best = -1;
        T largest = T(0);
        #pragma unroll 1
        for (int t = 0; t < K::PI * K::PJ; ++t) {
            int h = h0 + t / K::PJ, w = w0 + t % K::PJ;
            if (unsigned(h) >= unsigned(K::ZH) || unsigned(w) >= unsigned(K::ZW)) continue;
            T pixel = z[h * K::ZW + w];
            bool more = best < 0 || beats(pixel, largest);
            best = more ? t : best;
            largest = more ? pixel : largest;
        }
        give<Net>(shared + Net::X[B + 1] + task, activated<K::ACT>(largest));
        give<Net>(bytes_of<Net>(shared) + Net::WON[B] + task, (unsigned char)best);
    }
    SYNC_TEAM();
}

// A convolution of the first `channels` channels to the first `filters` filters.
template <class Net, int B>
__device__ void conv_forward(const NumberOf<Net>* weights, int channels, int filters, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    constexpr int QUADS = (K::F + 3) / 4;
    const T* x = shared + Net::X[B];
    const T* bias = weights_at<Net, Net::BIAS[B], QUADS * 4>(weights, shared);
    auto of_filters = reinterpret_cast<const Quad<T>*>(
        weights_at<Net, Net::FORWARD[B], QUADS * 4 * K::C * K::TAPS>(weights, shared));
    T* parts = shared + Net::SCRATCH + (K::WAY == 2 ? (K::F * K::ZH * K::ZW + 3) / 4 * 4 : 0);
    int quads = (filters + 3) / 4, each = (channels + K::SPLIT - 1) / K::SPLIT;
    Tasks mine = tasks_of_block<Net>(quads * K::TILES);  // each of them in SPLIT parts
    for (int task = threadIdx.x; task < K::SPLIT * mine.count; task += blockDim.x) {
        int part = task / mine.count, at = task - part * mine.count;
        int tile = (mine.first + at) % K::TILES, q = (mine.first + at) / K::TILES;
        int row = tile / K::TILES_W * K::STEP_H * K::SH + K::FIRST_ROW;
        int column = tile % K::TILES_W * K::STEP_W * K::SW + K::FIRST_COLUMN;
        T sums[K::TILE][4] = {};
        add_channels<Net, B>(x, of_filters + q * K::C * K::TAPS, row, column, part * each,
                             min(channels, part * each + each), sums);
        #pragma unroll
        for (int f = 0; f < 4; ++f) {
            if constexpr (K::SPLIT > 1) {
                #pragma unroll
                for (int t = 0; t < K::TILE; ++t)
                    parts[((part * K::TILE + t) * 4 + f) * mine.count + at] = sums[t][f];
            } else if (q * 4 + f < filters) {
                T of_one[K::TILE];
                #pragma unroll
                for (int t = 0; t < K::TILE; ++t) of_one[t] = sums[t][f];
                finish_tile<Net, B>(of_one, bias[q * 4 + f], q * 4 + f, tile, shared);
            }
        }
    }
    if constexpr (K::SPLIT > 1) {
        __syncthreads();
        join_parts<Net, B>(bias, filters, mine, parts, shared);
    }
    SYNC_TEAM();
    if constexpr (K::WAY == 2) pool_maps<Net, B>(filters, shared);
}

// The sum over the lanes of a warp, in the same order for each of them.
template <class T> __device__ __forceinline__ T sum_of_warp(T part) {
    #pragma unroll
    for (int bits = 16; bits > 0; bits /= 2) part += __shfl_xor_sync(~0u, part, bits);
    return part;
}

// x_(b+1) = act(W x_b + b), of the first `channels` maps of x_b.
template <class Net, int B>
__device__ void dense_forward(const NumberOf<Net>* weights, int channels, int filters, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    const T *x = shared + Net::X[B], *of_block = weights_at<Net, Net::FORWARD[B], K::F * K::D>(weights, shared);
    const T* bias = weights_at<Net, Net::BIAS[B], K::F>(weights, shared);
    int lane = threadIdx.x % 32, inputs = channels * K::PLANE;
    for (int f = threadIdx.x / 32; f < filters; f += blockDim.x / 32) {
        const T* row = of_block + f * K::D;
        T sum = T(0);
        if constexpr (K::D % 4 == 0) {
            Quad<T> sums = {};
            int quads = inputs / 4;
            #pragma unroll 2
            for (int d = lane; d < quads; d += 32) {
                Quad<T> w = reinterpret_cast<const Quad<T>*>(row)[d], a = reinterpret_cast<const Quad<T>*>(x)[d];
                #pragma unroll
                for (int k = 0; k < 4; ++k) sums.v[k] += w.v[k] * a.v[k];
            }
            for (int d = quads * 4 + lane; d < inputs; d += 32) sum += row[d] * x[d];
            sum += (sums.v[0] + sums.v[1]) + (sums.v[2] + sums.v[3]);
        } else
            for (int d = lane; d < inputs; d += 32) sum += row[d] * x[d];
        sum = sum_of_warp(sum);
        if (lane == 0) shared[Net::X[B + 1] + f] = activated<K::ACT>(sum + bias[f]);
    }
    __syncthreads();
}

template <class Net, int B>
__device__ void block_forward(const NumberOf<Net>* weights, int channels, int filters, NumberOf<Net>* shared) {
    if constexpr (Block<Net, B>::CONV)
        conv_forward<Net, B>(weights, channels, filters, shared);
    else
        dense_forward<Net, B>(weights, channels, filters, shared);
}

// All blocks from B on, up to END.
template <class Net, int B = 0, int END = Net::BLOCKS>
__device__ void forward(const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    if constexpr (B < END) {
        block_forward<Net, B>(weights, Block<Net, B>::C, Block<Net, B>::F, shared);
        forward<Net, B + 1, END>(weights, shared);
    }
}

// OUTPUTS = softmax or sigmoid of the last x, by one warp.
template <class Net> __device__ void last_outputs(NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    if constexpr (Net::HEAD > 0) {
        const T* z = shared + Net::X[Net::BLOCKS];
        T* y = shared + Net::OUTPUTS;
        if constexpr (Net::HEAD == 2) {
            for (int k = threadIdx.x; k < Net::CLASSES; k += blockDim.x) y[k] = sigmoid_of(z[k]);
        } else if (threadIdx.x < 32) {
            T largest = z[0], total = T(0);
            for (int k = 1; k < Net::CLASSES; ++k) largest = beats(z[k], largest) ? z[k] : largest;
            for (int k = threadIdx.x; k < Net::CLASSES; k += 32) {
                y[k] = exp_of(z[k] - largest);
                total += y[k];
            }
            total = sum_of_warp(total);
            for (int k = threadIdx.x; k < Net::CLASSES; k += 32) y[k] /= total;
        }
        __syncthreads();
    }
}
