// The backward pass of one image by one block of threads, from dL/dx_END in DELTA[END] to dL/dx_b in DELTA[b].
//
// convolution  task    a pixel of 4 channels of x
//              inner   a filter, at a pooling window that may have read the pixel: its winner, and if the winner did,
//                      one quad of weights and 4 multiply-adds; nothing is done for pixels that did not win
//              writer  the thread of the pixel
// dense layer  task    an input; the weights of a row of outputs are read together by neighbouring threads
//
// Deltas of several seeds go back together: they lie side by side, and each weight and each winner is read once for all
// of them. Which seeds these are, and where they lie, is a type D:
//
//   SEEDS      that go back together
//   STRIDE     numbers from those of one unit to those of the next one
//   UNROLLED   filters at a time
//   at<B>      where dL/dx_B begins
template <class T, int S> struct alignas(S * sizeof(T) < 16 ? S * sizeof(T) : 16) Deltas {
    T v[S];
};
template <class Net> struct OneSeed {
    static constexpr int SEEDS = 1, STRIDE = 1, UNROLLED = 4;
    template <int B> __device__ static NumberOf<Net>* at(NumberOf<Net>* shared) { return shared + Net::DELTA[B]; }
};
template <class D, class T> __device__ __forceinline__ Deltas<T, D::SEEDS>& deltas_of(T* delta, int unit) {
    return *reinterpret_cast<Deltas<T, D::SEEDS>*>(delta + unit * D::STRIDE);
}
template <class D, class T> __device__ __forceinline__ const Deltas<T, D::SEEDS>& deltas_of(const T* delta, int unit) {
    return *reinterpret_cast<const Deltas<T, D::SEEDS>*>(delta + unit * D::STRIDE);
}

// What is done with dL/dx_B of a unit: it goes to shared memory, for the block before. A convolution is divided among the
// blocks of threads of a team, so each of them gives the others its units; of a dense layer each computes all units.
template <class Net, int B, class D> struct IntoShared {
    NumberOf<Net>* dx;
    __device__ __forceinline__ explicit IntoShared(NumberOf<Net>* shared) : dx(D::template at<B>(shared)) {}
    __device__ __forceinline__ void operator()(int unit, const Deltas<NumberOf<Net>, D::SEEDS>& here) const {
        if constexpr (Block<Net, B>::CONV)
            give<Net>(&deltas_of<D>(dx, unit), here);
        else
            deltas_of<D>(dx, unit) = here;
    }
};

template <int ACT, class T> __device__ __forceinline__ T slope(T y) {  // act'(z) by y = act(z)
    if constexpr (ACT == 1) return T(1) - y * y;
    if constexpr (ACT == 2) return y > 0 ? T(1) : T(0);
    if constexpr (ACT == 3) return y * (T(1) - y);
    return T(1);
}

// DELTA[b + 1] = dL/dz of the winners = dL/dx_(b+1) act'(z), in place.
template <class Net, int B, class D = OneSeed<Net>> __device__ void through_activation(NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    if constexpr (K::ACT > 0) {
        T* delta = D::template at<B + 1>(shared);
        const T* y = shared + Net::X[B + 1];
        for (int i = threadIdx.x; i < K::UNITS; i += blockDim.x) {
            Deltas<T, D::SEEDS> here = deltas_of<D>(delta, i);
            #pragma unroll
            for (int s = 0; s < D::SEEDS; ++s) here.v[s] *= slope<K::ACT>(y[i]);
            deltas_of<D>(delta, i) = here;
        }
        __syncthreads();
    }
}

// Rounded up; below 0, where there is no window, it may be one more.
__device__ __forceinline__ int ceil_of(int a, int b) { return (a + b - 1) / b; }

// The pooling windows that may have read a pixel of x: at most ROWS x COLUMNS of them, from the first one on.
template <class Net, int B> struct Readers {
    using K = Block<Net, B>;
    static constexpr int ROWS = ((K::I - 1) * K::DH / K::SH + K::PI - 1) / K::PSH + 1;
    static constexpr int COLUMNS = ((K::J - 1) * K::DW / K::SW + K::PJ - 1) / K::PSW + 1;
    // Pixels so far apart are read by the same places of the windows. Neighbouring threads have such pixels: the weights
    // that they read differ only by which pixel of a window won, so they seldom meet in a bank of shared memory.
    static constexpr int STEP_H = K::PSH * K::SH, STEP_W = K::PSW * K::SW;
    static constexpr int DOWN = (K::H + STEP_H - 1) / STEP_H, ALONG = (K::W + STEP_W - 1) / STEP_W;
    static constexpr int PIXELS = STEP_H * STEP_W * DOWN * ALONG;
    static constexpr bool LISTED = K::PI * K::PJ <= 4 && K::TAPS < 255;  // a byte for each pixel of a window
};

// The place of a window's filter at which a pixel reads, or NONE; i and j are its row and column from the window's first.
constexpr int NONE = 255;
template <class Net, int B> __device__ __forceinline__ int tap_of(int i, int j) {
    using K = Block<Net, B>;
    bool reads = unsigned(i) <= unsigned((K::I - 1) * K::DH) && i % K::DH == 0 &&
                 unsigned(j) <= unsigned((K::J - 1) * K::DW) && j % K::DW == 0;
    return reads ? i / K::DH * K::J + j / K::DW : NONE;
}

// sums += of one window of all filters, for the first CHANNELS of a quad of channels; i and j are the pixel's row and
// column from those that the window's first pixel reads.
template <class Net, int B, class D, int CHANNELS>
__device__ __forceinline__ void add_window(const Quad<NumberOf<Net>>* weights, const NumberOf<Net>* delta,
                                           const unsigned char* won, int i, int j,
                                           Deltas<NumberOf<Net>, D::SEEDS> (&sums)[4]) {
    using K = Block<Net, B>;
    unsigned taps = 0;
    if constexpr (Readers<Net, B>::LISTED) {
        #pragma unroll
        for (int t = 0; t < K::PI * K::PJ; ++t)
            taps |= unsigned(tap_of<Net, B>(i - t / K::PJ * K::SH, j - t % K::PJ * K::SW)) << 8 * t;
    }
    #pragma unroll D::UNROLLED
    for (int f = 0; f < K::F; ++f) {
        int winner = K::POOLS ? won[f * K::OUT] : 0, tap = NONE;
        if constexpr (Readers<Net, B>::LISTED)
            tap = taps >> 8 * winner & 255;
        else
            tap = tap_of<Net, B>(i - winner / K::PJ * K::SH, j - winner % K::PJ * K::SW);
        if (tap == NONE) continue;
        Quad<NumberOf<Net>> k = weights[f * K::TAPS + tap];
        Deltas<NumberOf<Net>, D::SEEDS> here = deltas_of<D>(delta, f * K::OUT);
        #pragma unroll
        for (int c = 0; c < CHANNELS; ++c)
            #pragma unroll
            for (int s = 0; s < D::SEEDS; ++s) sums[c].v[s] += k.v[c] * here.v[s];
    }
}

// dL/dx_b from DELTA[b + 1] = dL/dz of the winners, of a convolution; `put` takes those of each unit.
template <class Net, int B, class D, class Put>
__device__ void conv_delta(const NumberOf<Net>* weights, NumberOf<Net>* shared, const Put& put) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    using R = Readers<Net, B>;
    constexpr int QUADS = (K::C + 3) / 4, LAST = K::C - (QUADS - 1) * 4;  // channels of the last quad
    auto of_channels = reinterpret_cast<const Quad<T>*>(
        weights_at<Net, Net::BACKWARD[B], QUADS * 4 * K::F * K::TAPS>(weights, shared));
    const T* delta = D::template at<B + 1>(shared);
    const unsigned char* won = bytes_of<Net>(shared) + Net::WON[B];
    Tasks mine = tasks_of_block<Net>(QUADS * R::PIXELS);
    for (int task = mine.first + threadIdx.x; task < mine.first + mine.count; task += blockDim.x) {
        int q = task / R::PIXELS, rest = task % R::PIXELS, of_step = rest / (R::DOWN * R::ALONG);
        int y = rest / R::ALONG % R::DOWN * R::STEP_H + of_step / R::STEP_W;
        int x = rest % R::ALONG * R::STEP_W + of_step % R::STEP_W;
        if (y >= K::H || x >= K::W) continue;
        int row = y + K::TOP, column = x + K::LEFT;  // from the first pixel of the padding
        int top = ceil_of(ceil_of(row - (K::I - 1) * K::DH, K::SH) + K::PTOP - K::PI + 1, K::PSH);
        int left = ceil_of(ceil_of(column - (K::J - 1) * K::DW, K::SW) + K::PLEFT - K::PJ + 1, K::PSW);
        Deltas<T, D::SEEDS> sums[4] = {};
        #pragma unroll 1
        for (int h = top; h < top + R::ROWS; ++h)
            #pragma unroll 1
            for (int w = left; w < left + R::COLUMNS; ++w) {
                if (unsigned(h) >= unsigned(K::YH) || unsigned(w) >= unsigned(K::YW)) continue;
                int i = row - (h * K::PSH - K::PTOP) * K::SH, j = column - (w * K::PSW - K::PLEFT) * K::SW;
                const Quad<T>* of_quad = of_channels + q * K::F * K::TAPS;
                int window = h * K::YW + w;
                if constexpr (LAST < 4)
                    if (q == QUADS - 1) {
                        add_window<Net, B, D, LAST>(of_quad, delta + window * D::STRIDE, won + window, i, j, sums);
                        continue;
                    }
                add_window<Net, B, D, 4>(of_quad, delta + window * D::STRIDE, won + window, i, j, sums);
            }
        #pragma unroll
        for (int c = 0; c < 4; ++c) {
            if (q * 4 + c >= K::C) break;
            put((q * 4 + c) * K::PLANE + y * K::W + x, sums[c]);
        }
    }
    SYNC_TEAM();
}

// dL/dx_b = W^T dL/dz, of a dense layer.
template <class Net, int B, class D, class Put>
__device__ void dense_delta(const NumberOf<Net>* weights, NumberOf<Net>* shared, const Put& put) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    const T* delta = D::template at<B + 1>(shared);
    const T* of_block = weights_at<Net, Net::FORWARD[B], K::F * K::D>(weights, shared);
    for (int d = threadIdx.x; d < K::D; d += blockDim.x) {
        Deltas<T, D::SEEDS> sums = {};
        #pragma unroll 8
        for (int f = 0; f < K::F; ++f) {
            T weight = of_block[f * K::D + d];
            Deltas<T, D::SEEDS> here = deltas_of<D>(delta, f);
            #pragma unroll
            for (int s = 0; s < D::SEEDS; ++s) sums.v[s] += weight * here.v[s];
        }
        put(d, sums);
    }
    __syncthreads();
}

// From dL/dz of block b, see through_activation, to dL/dx_b.
template <class Net, int B, class D, class Put>
__device__ void block_delta(const NumberOf<Net>* weights, NumberOf<Net>* shared, const Put& put) {
    if constexpr (Block<Net, B>::CONV)
        conv_delta<Net, B, D>(weights, shared, put);
    else
        dense_delta<Net, B, D>(weights, shared, put);
}
template <class Net, int B, class D = OneSeed<Net>>
__device__ void block_delta(const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    block_delta<Net, B, D>(weights, shared, IntoShared<Net, B, D>(shared));
}
