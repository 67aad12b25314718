// The backward pass of one image by one block of threads, from dL/dx_END in DELTA[END] to dL/dx_b in DELTA[b].
//
// convolution  task    a pixel of 4 channels of x
//              inner   a pooling window of a filter that may have read the pixel: its winner, and if the winner did,
//                      one quad of weights and 4 multiply-adds; nothing is done for pixels that did not win
//              writer  the thread of the pixel
// dense layer  task    an input; the weights of a row of outputs are read together by neighbouring threads
template <int ACT, class T> __device__ __forceinline__ T slope(T y) {  // act'(z) by y = act(z)
    if constexpr (ACT == 1) return T(1) - y * y;
    if constexpr (ACT == 2) return y > 0 ? T(1) : T(0);
    if constexpr (ACT == 3) return y * (T(1) - y);
    return T(1);
}

// DELTA[b + 1] = dL/dz of the winners = dL/dx_(b+1) act'(z), in place.
template <class Net, int B> __device__ void through_activation(NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    if constexpr (K::ACT > 0) {
        T* delta = shared + Net::DELTA[B + 1];
        const T* y = shared + Net::X[B + 1];
        for (int i = threadIdx.x; i < K::UNITS; i += blockDim.x) delta[i] *= slope<K::ACT>(y[i]);
        __syncthreads();
    }
}

// Rounded down and up, also below 0.
__device__ __forceinline__ int floor_of(int a, int b) { return (a >= 0 ? a : a - b + 1) / b; }
__device__ __forceinline__ int ceil_of(int a, int b) { return floor_of(a + b - 1, b); }

// DELTA[b] = dL/dx_b from DELTA[b + 1] = dL/dz of the winners, of a convolution.
template <class Net, int B> __device__ void conv_delta(const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    constexpr int QUADS = (K::C + 3) / 4;
    auto of_channels = reinterpret_cast<const Quad<T>*>(
        weights_at<Net, Net::BACKWARD[B], QUADS * 4 * K::F * K::TAPS>(weights, shared));
    const T* delta = shared + Net::DELTA[B + 1];
    const unsigned char* won = bytes_of<Net>(shared) + Net::WON[B];
    for (int task = threadIdx.x; task < QUADS * K::PLANE; task += blockDim.x) {
        int q = task / K::PLANE, pixel = task % K::PLANE, row = pixel / K::W + K::TOP, column = pixel % K::W + K::LEFT;
        // the rows and columns of z that read the pixel, and the pooling windows that have one of them
        int h0 = ceil_of(row - (K::I - 1) * K::DH, K::SH), h1 = floor_of(row, K::SH);
        int w0 = ceil_of(column - (K::J - 1) * K::DW, K::SW), w1 = floor_of(column, K::SW);
        int top = max(0, ceil_of(h0 + K::PTOP - K::PI + 1, K::PSH));
        int left = max(0, ceil_of(w0 + K::PLEFT - K::PJ + 1, K::PSW));
        int bottom = min(K::YH - 1, floor_of(h1 + K::PTOP, K::PSH));
        int right = min(K::YW - 1, floor_of(w1 + K::PLEFT, K::PSW));
        T sums[4] = {};
        for (int f = 0; f < K::F; ++f) {
            const Quad<T>* of_filter = of_channels + (q * K::F + f) * K::TAPS;
            for (int h = top; h <= bottom; ++h)
                for (int w = left; w <= right; ++w) {
                    int at = f * K::OUT + h * K::YW + w, winner = K::POOLS ? won[at] : 0;
                    int i = row - (h * K::PSH - K::PTOP + winner / K::PJ) * K::SH;
                    int j = column - (w * K::PSW - K::PLEFT + winner % K::PJ) * K::SW;
                    bool reads = unsigned(i) <= unsigned((K::I - 1) * K::DH) && i % K::DH == 0 &&
                                 unsigned(j) <= unsigned((K::J - 1) * K::DW) && j % K::DW == 0;
                    if (!reads) continue;
                    Quad<T> k = of_filter[i / K::DH * K::J + j / K::DW];
                    #pragma unroll
                    for (int c = 0; c < 4; ++c) sums[c] += k.v[c] * delta[at];
                }
        }
        #pragma unroll
        for (int c = 0; c < 4; ++c)
            if (q * 4 + c < K::C) shared[Net::DELTA[B] + (q * 4 + c) * K::PLANE + pixel] = sums[c];
    }
    __syncthreads();
}

// DELTA[b] = dL/dx_b = W^T dL/dz, of a dense layer.
template <class Net, int B> __device__ void dense_delta(const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    const T* delta = shared + Net::DELTA[B + 1];
    for (int d = threadIdx.x; d < K::D; d += blockDim.x) {
        T sum = T(0);
        #pragma unroll 8
        for (int f = 0; f < K::F; ++f) sum += weights[Net::FORWARD[B] + f * K::D + d] * delta[f];
        shared[Net::DELTA[B] + d] = sum;
    }
    __syncthreads();
}

// From dL/dz of block b, see through_activation, to dL/dx_b.
template <class Net, int B> __device__ void block_delta(const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    if constexpr (Block<Net, B>::CONV)
        conv_delta<Net, B>(weights, shared);
    else
        dense_delta<Net, B>(weights, shared);
}
