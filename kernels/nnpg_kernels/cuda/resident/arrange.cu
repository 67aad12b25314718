// weights = the parameters of a network in the order in which its programs read them (see network.cuh).
//
// The parameters are one array: for each block W [F][C][I][J] or [F][C H W] and b [F], then the mean of the images.
// writer  the thread of the number
struct AsTheyAre {  // the order of filters and channels
    template <class Net, int B> __device__ static int filter(const int*, int f) { return f; }
};
struct InOrder {  // for each block, a permutation of its F filters; that of the image's channels comes first
    template <class Net, int B> __device__ static int filter(const int* order, int f) {
        return order[Net::ORDER[B + 1] + f];
    }
};

// Channels of block b are filters of the block before.
template <class Net, int B, class Order, class T>
__device__ void arrange_block(const T* __restrict__ parameters, const int* order, T* __restrict__ weights) {
    using K = Block<Net, B>;
    constexpr int PAIRS = K::CONV ? K::TAPS : K::PLANE;  // numbers of a filter and a channel
    const T *W = parameters + Net::PARAMETERS[B], *b = W + K::F * K::C * PAIRS;
    int step = gridDim.x * blockDim.x, start = blockIdx.x * blockDim.x + threadIdx.x;
    auto of = [&](int f, int c, int at) {
        return W[(Order::template filter<Net, B>(order, f) * K::C + Order::template filter<Net, B - 1>(order, c)) *
                     PAIRS +
                 at];
    };
    if constexpr (K::CONV) {
        constexpr int FORWARD = (K::F + 3) / 4 * 4 * K::C * K::TAPS, BACKWARD = (K::C + 3) / 4 * 4 * K::F * K::TAPS;
        for (int i = start; i < FORWARD; i += step) {
            int at = i / 4 % K::TAPS, c = i / 4 / K::TAPS % K::C, f = i / 4 / K::TAPS / K::C * 4 + i % 4;
            weights[Net::FORWARD[B] + i] = f < K::F ? of(f, c, at) : T(0);
        }
        for (int i = start; i < BACKWARD; i += step) {
            int at = i / 4 % K::TAPS, f = i / 4 / K::TAPS % K::F, c = i / 4 / K::TAPS / K::F * 4 + i % 4;
            weights[Net::BACKWARD[B] + i] = c < K::C ? of(f, c, at) : T(0);
        }
    } else
        for (int i = start; i < K::F * K::D; i += step)
            weights[Net::FORWARD[B] + i] = of(i / K::D, i % K::D / K::PLANE, i % K::PLANE);
    for (int f = start; f < (K::F + 3) / 4 * 4; f += step)
        weights[Net::BIAS[B] + f] = f < K::F ? b[Order::template filter<Net, B>(order, f)] : T(0);
}

template <class Net, class Order, int B, class T>
__device__ void arrange_from(const T* __restrict__ parameters, const int* order, T* __restrict__ weights) {
    if constexpr (B < Net::BLOCKS) {
        arrange_block<Net, B, Order>(parameters, order, weights);
        arrange_from<Net, Order, B + 1>(parameters, order, weights);
    } else if constexpr (Net::CENTRED) {
        int step = gridDim.x * blockDim.x;
        for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < Net::IMAGE; i += step)
            weights[Net::MEAN + i] = parameters[Net::PARAMETERS[B] + i];
    }
}

template <class Net>
__global__ void __launch_bounds__(256)
    arrange(const typename Net::Number* __restrict__ parameters, typename Net::Number* __restrict__ weights) {
    arrange_from<Net, AsTheyAre, 0>(parameters, static_cast<const int*>(nullptr), weights);
}
// Blocks (x, j) have the weights in order j; orders, and what is written, lie one behind the other.
template <class Net>
__global__ void __launch_bounds__(256)
    arrange_in_order(const typename Net::Number* __restrict__ parameters, const int* __restrict__ order,
                     typename Net::Number* __restrict__ weights) {
    constexpr int UNITS = Net::ORDER[Net::BLOCKS + 1];
    arrange_from<Net, InOrder, 0>(parameters, order + blockIdx.y * UNITS, weights + (long long)blockIdx.y * Net::SIZE);
}
