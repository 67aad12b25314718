// Many steps of small batches in one launch, by one cluster, whose blocks keep all weights and their velocity in shared
// memory: nothing but the images comes from memory.
// task    an image, by a team of blocks that share its convolutions (see network.cuh); then the step of all weights, by
//         every block for itself, from the gradients that all of them have left
// inner   as in forward.cuh, backward.cuh, gradient.cuh; of the step, 4 weights: their gradients from other blocks
// bound   barriers of the cluster, two for each convolution, and the multiply-adds between them of one block of the team
// writer  the thread of the task, in every block of its team; of the results, of each team one block; of the weights in
//         memory, at the end, one block
//
// All sums are added in the order of train.cu and update.cu: the results are the same bits. `struct Many`, by many.py:
//
//   CLUSTER TEAMS    blocks of the cluster, and teams; team t has the images t, t + TEAMS ... of a batch
//   VELOCITY         of the weights, in their order, without the copies of convolutions for the way back
//   SLOTS SLOT       the slots of a team's images, and their size;  ROWS: their rows
//   BIASES           whether a block has a bias
__device__ __forceinline__ float product_of(float a, float b) { return __fmul_rn(a, b); }  // no part of a multiply-add
__device__ __forceinline__ double product_of(double a, double b) { return __dmul_rn(a, b); }

// The place of a weight's velocity.
template <class Net> __device__ __forceinline__ constexpr int once(int place) {
    return place < Net::ALL_FORWARD ? place : place - (Net::CONVOLUTIONS - Net::ALL_FORWARD);
}

// Calls visit(parameter, place) for all weights and biases of blocks B and later ones, in the order of the parameters.
template <class Net, class Many, int B, class Visit> __device__ void each_weight(Visit visit) {
    if constexpr (B < Net::BLOCKS) {
        using K = Block<Net, B>;
        constexpr int PAIRS = K::CONV ? K::TAPS : K::PLANE, OF_FILTER = K::C * PAIRS;
        for (int i = threadIdx.x; i < K::F * OF_FILTER; i += blockDim.x) {
            int f = i / OF_FILTER, at = i % OF_FILTER;
            visit(Net::PARAMETERS[B] + i, Net::FORWARD[B] + (K::CONV ? (f / 4 * OF_FILTER + at) * 4 + f % 4 : i));
        }
        if constexpr (Many::BIASES[B])
            for (int f = threadIdx.x; f < K::F; f += blockDim.x)
                visit(Net::PARAMETERS[B] + K::F * OF_FILTER + f, Net::BIAS[B] + f);
        each_weight<Net, Many, B + 1>(visit);
    }
}

template <class Net, class Step, class Many> struct Training {
    using T = NumberOf<Net>;
    T *shared, *velocity;
    int images;  // of this batch
    const double* decays;  // of W and b of each block
    T momentum, lr;

    // What image n has left: of a convolution, in the block of its team that has the filter.
    __device__ T* slot_of(int n, int block) const {
        return shared_of(shared + Many::SLOTS + n / Many::TEAMS * Many::SLOT, n % Many::TEAMS * Net::TEAM + block);
    }
    __device__ T* row_of(int n) const {
        return shared_of(shared + Many::ROWS + n / Many::TEAMS * Step::ROW_SIZE,
                         n % Many::TEAMS * Net::TEAM + cluster_rank() % Net::TEAM);
    }

    template <int B> __device__ void step_of_convolution() {
        using K = Block<Net, B>;
        using G = Gradient<Net, Step, B>;
        constexpr int QUADS = (K::F + 3) / 4;
        auto weights = reinterpret_cast<Quad<T>*>(shared + Net::STAGED + Net::FORWARD[B]);
        auto speeds = reinterpret_cast<Quad<T>*>(velocity + once<Net>(Net::FORWARD[B]));
        T* backward = shared + Net::STAGED + Net::BACKWARD[B];
        for (int i = threadIdx.x; i < QUADS * G::EACH_FILTER; i += blockDim.x) {
            int q = i / G::EACH_FILTER, at = i % G::EACH_FILTER, c = at / K::TAPS, tap = at % K::TAPS;
            Quad<T> w = weights[i], v = speeds[i], g = {};
            for (int n = 0; n < images; ++n)
                #pragma unroll
                for (int k = 0; k < 4; ++k) {
                    int f = q * 4 + k;
                    if (f < K::F) g.v[k] += slot_of(n, f / G::FILTERS)[Step::SLOT[B] + f * G::EACH_FILTER + at];
                }
            #pragma unroll
            for (int k = 0; k < 4; ++k) {
                int f = q * 4 + k;
                if (f >= K::F) continue;
                take_step(g.v[k], T(decays[2 * B]), momentum, lr, w.v[k], v.v[k]);
                if constexpr (B > 0) backward[((c / 4 * K::F + f) * K::TAPS + tap) * 4 + c % 4] = w.v[k];
            }
            weights[i] = w;
            speeds[i] = v;
        }
    }

    template <int B> __device__ void step_of_dense_layer() {
        using K = Block<Net, B>;
        constexpr int WIDE = K::D % 4 == 0 ? 4 : 1;
        using Numbers = Deltas<T, WIDE>;
        auto weights = reinterpret_cast<Numbers*>(shared + Net::STAGED + Net::FORWARD[B]);
        auto speeds = reinterpret_cast<Numbers*>(velocity + once<Net>(Net::FORWARD[B]));
        for (int i = threadIdx.x; i < K::F * K::D / WIDE; i += blockDim.x) {
            int f = i / (K::D / WIDE), d = i % (K::D / WIDE);
            Numbers w = weights[i], v = speeds[i], g = {};
            for (int n = 0; n < images; ++n) {
                const T* row = row_of(n);
                T delta = row[Step::ROW_DELTA[B] + f];
                Numbers inputs = reinterpret_cast<const Numbers*>(row + Step::ROW[B])[d];
                #pragma unroll
                for (int k = 0; k < WIDE; ++k) g.v[k] += product_of(delta, inputs.v[k]);
            }
            #pragma unroll
            for (int k = 0; k < WIDE; ++k) take_step(g.v[k], T(decays[2 * B]), momentum, lr, w.v[k], v.v[k]);
            weights[i] = w;
            speeds[i] = v;
        }
    }

    template <int B> __device__ void step_of_biases() {
        using K = Block<Net, B>;
        T *biases = shared + Net::STAGED + Net::BIAS[B], *speeds = velocity + once<Net>(Net::BIAS[B]);
        for (int f = threadIdx.x; f < K::F; f += blockDim.x) {
            T g = T(0);
            for (int n = 0; n < images; ++n) {
                if constexpr (K::CONV) {
                    using G = Gradient<Net, Step, B>;
                    g += slot_of(n, f / G::FILTERS)[Step::SLOT[B] + G::WEIGHTS + f];
                } else
                    g += row_of(n)[Step::ROW_DELTA[B] + f];
            }
            take_step(g, T(decays[2 * B + 1]), momentum, lr, biases[f], speeds[f]);
        }
    }

    template <int B> __device__ void step_from() {
        if constexpr (B < Net::BLOCKS) {
            if constexpr (Block<Net, B>::CONV)
                step_of_convolution<B>();
            else
                step_of_dense_layer<B>();
            if constexpr (Many::BIASES[B]) step_of_biases<B>();
            step_from<B + 1>();
        }
    }
};

// `epoch` and `results` are those of train.cu; `broken` is one number, whether a weight is not finite at the end.
template <class Net, class Step, class Many>
__global__ void CLUSTER(Many::CLUSTER) __launch_bounds__(Net::THREADS, 1)
    many_steps(const typename Net::Number* __restrict__ x, const long long* __restrict__ labels,
               const typename Net::Number* __restrict__ targets, long long* __restrict__ epoch,
               Quad<typename Net::Number>* __restrict__ quads, typename Net::Number* __restrict__ parameters,
               typename Net::Number* __restrict__ velocities, const double* __restrict__ decays,
               double* __restrict__ results, double* __restrict__ broken, int steps, int batch, int places, int loss,
               int labelled, Rates rates) {
    using T = NumberOf<Net>;
    DYNAMIC_SHARED(T, shared);
    T *weights = quads->v, *velocity = shared + Many::VELOCITY;
    const int first = int(epoch[0]), team = cluster_rank() / Net::TEAM;
    const bool tells = cluster_rank() % Net::TEAM == 0;
    auto image_of = [&](int step, int turn) {  // a team without an image computes the last one, and nothing of it is used
        int last = min(places, step * batch + batch) - 1;
        return epoch[3 + min(last, step * batch + turn * Many::TEAMS + team)];
    };
    copy_numbers(weights, shared + Net::STAGED, Net::STAGED_SIZE);
    each_weight<Net, Many, 0>([&](int i, int place) { velocity[once<Net>(place)] = velocities[i]; });
    copy_image<Net>(x + image_of(first, 0) * Net::IMAGE, weights, shared);
    if constexpr (Many::CLUSTER > 1) cluster_sync();  // no block writes into another that has not begun
    for (int step = first; step < first + steps; ++step) {
        int images = min(batch, places - step * batch), turns = (images + Many::TEAMS - 1) / Many::TEAMS;
        T lr = rate_of<T>(rates, epoch[2] + step);
        for (int turn = 0; turn < turns; ++turn) {
            // The image and the weights are written. Without barriers of teams, one here lets no block leave gradients
            // while another one still reads those of the step before.
            if constexpr (Many::CLUSTER > 1 && Net::TEAM == 1)
                cluster_sync();
            else
                __syncthreads();
            int n = turn * Many::TEAMS + team, place = step * batch + n;
            long long image = image_of(step, turn);
            const T* values = labelled ? nullptr : targets + image * Net::CLASSES;
            double* of_image = tells && n < images ? results + place : nullptr;
            forward<Net>(weights, shared);
            loss_of_image<Net>(loss, {values, labelled ? labels[image] : -1}, images, shared, of_image,
                               of_image + places);
            backward_and_leave<Net, Step, Net::BLOCKS - 1>(weights, shared + Many::SLOTS + turn * Many::SLOT,
                                                           shared + Many::ROWS + turn * Step::ROW_SIZE, false, shared);
            if (turn + 1 == turns) continue;
            __syncthreads();  // the next image is written where this one is read
            copy_image<Net>(x + image_of(step, turn + 1) * Net::IMAGE, weights, shared);
        }
        if constexpr (Many::CLUSTER > 1)  // all gradients are left
            cluster_sync();
        else
            __syncthreads();
        if (step + 1 < first + steps) copy_image<Net>(x + image_of(step + 1, 0) * Net::IMAGE, weights, shared);
        Training<Net, Step, Many>{shared, velocity, images, decays, T(rates.momentum), lr}.template step_from<0>();
    }
    __syncthreads();
    if (cluster_rank() == 0) {
        int bad = 0;
        const T* staged = shared + Net::STAGED;
        copy_numbers(staged, weights, Net::STAGED_SIZE);
        each_weight<Net, Many, 0>([&](int i, int place) {
            parameters[i] = staged[place];
            velocities[i] = velocity[once<Net>(place)];
            bad |= !is_finite(staged[place]);
        });
        bad = __syncthreads_or(bad);
        if (threadIdx.x == 0) {
            *broken = bad;
            epoch[0] = first + steps;
        }
    }
    if constexpr (Many::CLUSTER > 1) cluster_sync();  // no block ends while another one reads its memory
}
