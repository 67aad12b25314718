// What an image leaves for the step: in its slot the gradients of convolutions, [W b] of each; in its row the inputs
// and the deltas of dense layers, of which the step makes a product over the batch. `struct Step`, written by numbers.py:
//
//   SLOT[b]          where W of a convolution begins in a slot;  ROW[b], ROW_DELTA[b]: x_b and dL/dz in a row
//   PARTS[b]         into so many parts the winners of each filter are divided, so that no warp is idle
//   TAP_GROUPS[b]    into so many groups the places of a window are divided, each for the lanes of a warp
//   EACH[b]          channels of a lane
//   PITCH[b]         how far apart two rows of a channel with its padding are, and PLANE[b] two channels: so that the
//                    lanes of a warp read from different banks of shared memory
//   WINNERS          in shared memory: the winners of filters;  PADDED: a group of channels with their padding
//   PARTIAL          the sums of parts
//   AT_ONCE          as in network.cuh: with what the compiler chooses in double, no registers are spilled
//
// convolution  for a group of channels: a copy of them with their padding, then
//              task    a warp: a filter and the places of the window, over one part of the winners
//              inner   a winner: its delta and its place, read by all lanes at once; a pixel and a multiply-add a channel
//              writer  the lane; of a sum in parts, the thread that adds the parts in their order
//
// Of a team, each block computes the gradients of some filters, and they stay in its own slot.
template <class T> struct alignas(2 * sizeof(T)) Winner {  // an output of a convolution: dL/dz of the pixel that won
    T delta;
    int place;  // of the first pixel that it reads, in a channel with its padding
};
template <class T, int N> struct alignas(16) Winners {  // that are loaded at once
    Winner<T> v[N];
};

template <class Net, class Step, int B> struct Gradient {
    using K = Block<Net, B>;
    static constexpr int TAP_GROUPS = Step::TAP_GROUPS[B], TAPS = (K::TAPS + TAP_GROUPS - 1) / TAP_GROUPS;
    static constexpr int ACROSS = 32 / TAPS, EACH = Step::EACH[B], CHANNELS = ACROSS * EACH;  // of a warp: of a lane each
    static constexpr int GROUPS = (K::C + CHANNELS - 1) / CHANNELS, PARTS = Step::PARTS[B];
    static constexpr int TOGETHER = 2 - (K::OUT % 2 | int(sizeof(NumberOf<Net>) > 4));  // winners of 16 bytes
    static constexpr int WINNERS = (K::OUT / TOGETHER + PARTS - 1) / PARTS * TOGETHER;  // of a part
    static constexpr int FILTERS = (K::F + Net::TEAM - 1) / Net::TEAM;  // of a block at most
    static constexpr int EACH_FILTER = K::C * K::TAPS, WEIGHTS = K::F * EACH_FILTER;
    static constexpr int PITCH = Step::PITCH[B], PLANE = Step::PLANE[B];
    static constexpr bool DEAD = K::ACT == 2;  // units whose delta is 0 are common
};

// Lists the winners of these filters, in the order of the outputs.
template <class Net, class Step, int B> __device__ void list_winners(Tasks filters, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    auto winners = reinterpret_cast<Winner<T>*>(shared + Step::WINNERS);
    for (int i = threadIdx.x; i < filters.count * K::OUT; i += blockDim.x) {
        int unit = filters.first * K::OUT + i, at = i % K::OUT;
        int won = K::POOLS ? bytes_of<Net>(shared)[Net::WON[B] + unit] : 0;
        int row = (at / K::YW * K::PSH - K::PTOP + won / K::PJ) * K::SH;
        int column = (at % K::YW * K::PSW - K::PLEFT + won % K::PJ) * K::SW;
        winners[i] = {shared[Net::DELTA[B + 1] + unit], row * Gradient<Net, Step, B>::PITCH + column};
    }
}

// Copies the channels of a group, with zeros around them and in place of channels that there are not.
template <class Net, class Step, int B> __device__ void pad_channels(int group, NumberOf<Net>* shared) {
    using K = Block<Net, B>;
    using G = Gradient<Net, Step, B>;
    const NumberOf<Net>* x = shared + Net::X[B];
    for (int at = threadIdx.x; at < G::CHANNELS * G::PLANE; at += blockDim.x) {
        int c = group * G::CHANNELS + at / G::PLANE, row = at % G::PLANE / G::PITCH - K::TOP;
        int column = at % G::PLANE % G::PITCH - K::LEFT;
        bool inside = c < K::C && unsigned(row) < unsigned(K::H) && unsigned(column) < unsigned(K::W);
        shared[Step::PADDED + at] = inside ? x[c * K::PLANE + row * K::W + column] : NumberOf<Net>(0);
    }
}

// One number of the gradient; a slot that another image has left something in is added to.
template <class T> __device__ __forceinline__ void leave(T* slot, bool adds, T number) {
    *slot = adds ? *slot + number : number;
}

// The gradients of the weights of a group of channels, of one task; `of_weights` are those of the block's first filter.
template <class Net, class Step, int B>
__device__ __forceinline__ void gradient_of_filter(int task, int group, NumberOf<Net>* of_weights, bool adds,
                                                   NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    using G = Gradient<Net, Step, B>;
    int lane = threadIdx.x % 32, part = task % G::PARTS, f = task / G::PARTS / G::TAP_GROUPS;  // from the block's first
    int tap = task / G::PARTS % G::TAP_GROUPS * G::TAPS + lane % G::TAPS, c = lane / G::TAPS * G::EACH;  // of the group
    bool real = lane < G::TAPS * G::ACROSS && tap < K::TAPS;
    const T* from = shared + Step::PADDED;
    if (real) from += c * G::PLANE + tap / K::J * K::DH * G::PITCH + tap % K::J * K::DW;
    auto winners = reinterpret_cast<const Winner<T>*>(shared + Step::WINNERS) + f * K::OUT;
    T sums[G::EACH] = {};
    int last = min(K::OUT, (part + 1) * G::WINNERS);
    #pragma unroll 2
    for (int at = part * G::WINNERS; at < last; at += G::TOGETHER) {
        auto next = *reinterpret_cast<const Winners<T, G::TOGETHER>*>(winners + at);
        #pragma unroll
        for (int k = 0; k < G::TOGETHER; ++k) {
            Winner<T> winner = next.v[k];
            if (G::DEAD && winner.delta == 0) continue;
            #pragma unroll
            for (int r = 0; r < G::EACH; ++r) sums[r] += winner.delta * from[winner.place + r * G::PLANE];
        }
    }
    c += group * G::CHANNELS;
    #pragma unroll
    for (int r = 0; r < G::EACH; ++r) {
        int weight = (f * K::C + c + r) * K::TAPS + tap;
        if (!real || c + r >= K::C) continue;
        if constexpr (G::PARTS > 1)
            shared[Step::PARTIAL + part * G::FILTERS * G::EACH_FILTER + weight] = sums[r];
        else
            leave(of_weights + weight, adds, sums[r]);
    }
}

template <class Net, class Step, int B>
__device__ void conv_gradient(NumberOf<Net>* slot, bool adds, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    using K = Block<Net, B>;
    using G = Gradient<Net, Step, B>;
    Tasks mine = tasks_of_block<Net>(K::F);
    T *of_weights = slot + Step::SLOT[B] + mine.first * G::EACH_FILTER, *of_biases = slot + Step::SLOT[B] + G::WEIGHTS;
    list_winners<Net, Step, B>(mine, shared);
    for (int group = 0; group < G::GROUPS; ++group) {
        if (group > 0) __syncthreads();
        pad_channels<Net, Step, B>(group, shared);
        __syncthreads();
        int tasks = G::PARTS * G::TAP_GROUPS * mine.count;
        for (int task = threadIdx.x / 32; task < tasks; task += blockDim.x / 32)
            gradient_of_filter<Net, Step, B>(task, group, of_weights, adds, shared);
    }
    auto winners = reinterpret_cast<const Winner<T>*>(shared + Step::WINNERS);
    for (int f = threadIdx.x / 32; f < mine.count; f += blockDim.x / 32) {
        T sum = T(0);
        for (int at = threadIdx.x % 32; at < K::OUT; at += 32) sum += winners[f * K::OUT + at].delta;
        sum = sum_of_warp(sum);
        if (threadIdx.x % 32 == 0) leave(of_biases + mine.first + f, adds, sum);
    }
    if constexpr (G::PARTS > 1) {
        __syncthreads();
        constexpr int APART = G::FILTERS * G::EACH_FILTER;
        for (int weight = threadIdx.x; weight < mine.count * G::EACH_FILTER; weight += blockDim.x) {
            T sum = T(0);
            for (int part = 0; part < G::PARTS; ++part) sum += shared[Step::PARTIAL + part * APART + weight];
            leave(of_weights + weight, adds, sum);
        }
    }
}

// From dL/dx of the last block to what all blocks up to B leave. What a gradient reads stays until a barrier of the
// delta below it.
template <class Net, class Step, int B>
__device__ void backward_and_leave(const NumberOf<Net>* weights, NumberOf<Net>* slot, NumberOf<Net>* row, bool adds,
                                   NumberOf<Net>* shared) {
    using K = Block<Net, B>;
    through_activation<Net, B>(shared);
    if constexpr (K::CONV)
        conv_gradient<Net, Step, B>(slot, adds, shared);
    else {
        copy_numbers(shared + Net::X[B], row + Step::ROW[B], K::D);
        copy_numbers(shared + Net::DELTA[B + 1], row + Step::ROW_DELTA[B], K::F);
    }
    if constexpr (B > 0) {
        block_delta<Net, B>(weights, shared);
        backward_and_leave<Net, Step, B - 1>(weights, slot, row, adds, shared);
    }
}
