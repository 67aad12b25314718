// What an attack asks of an image: loss, margins over the nearest rivals, and d/dx of each, from the image in one launch.
//
// task    an image and a part of the seeds, by a block of threads: forward, the loss and the rivals by one warp, their
//         seeds, and back to the image for S seeds at a time; nothing depends on other images
// bound   the multiply-adds of both passes; an image and all weights from memory a block
// writer  the thread of the number; what there is once for an image, the block of the first part
//
// An image counts as classified as its target where the margin is above a threshold, which another order of summation
// does not reach. Scores z are those of the last block, and all that follows from them is computed in double. Rivals are the classes with
// the largest scores but the target's, the first of equal ones first. The margin over rival r is z_target - z_r, or
// away from the target z_r - z_target, minus kappa.
struct Asked {
    double kappa;
    double rounding;  // of the largest score: the threshold
    int images;
    int loss;    // as in loss.cuh, or -1: only margins are asked for
    int rivals;  // of an image
    int slopes;  // whether the derivatives of the margins are wanted
    int away;
};
// Numbers of each image: the loss, the threshold, d log(y_target / (1 - y_target)) / d loss, and all margins.
struct Numbers {
    double *loss, *threshold, *slope, *margins;
    __device__ Numbers(double* of_all, int n, Asked ask)
        : loss(of_all + n), threshold(loss + ask.images), slope(threshold + ask.images),
          margins(of_all + 3LL * ask.images + (long long)n * ask.rivals) {}
};

// A score and its class. All have an order: the larger one is before, and of equal ones the first class. NaN is the
// largest where one rival is looked for, and the least otherwise, as of the largest and of sorted scores of arrays.
struct Score {
    double z;
    int k;
};
__device__ __forceinline__ bool is_before(Score a, Score b, bool nan_first) {
    bool a_is_nan = a.z != a.z;
    bool b_is_nan = b.z != b.z;
    if (a_is_nan || b_is_nan) return a_is_nan && b_is_nan ? a.k < b.k : a_is_nan == nan_first;
    return a.z > b.z || (a.z == b.z && a.k < b.k);
}

// Writes the rivals to shared memory, and with their margins and the threshold to memory, where `tells` is true.
template <class Net>
__device__ void find_rivals(int target, Asked ask, bool tells, int* chosen, long long* rivals, Numbers of_image,
                            NumberOf<Net>* shared) {
    const NumberOf<Net>* z = shared + Net::X[Net::BLOCKS];
    if (threadIdx.x < 32) {
        const double least = log_of(0.0);  // minus infinity: the target is behind all others
        Largest<double> size = {abs_of(double(z[0])), 0};
        for (int k = threadIdx.x; k < Net::CLASSES; k += 32) size.see(abs_of(double(z[k])), k);
        size.join_lanes();
        if (tells && threadIdx.x == 0) *of_image.threshold = ask.rounding * (1 + size.number);
        Score last = {0, -1};  // none yet
        for (int r = 0; r < ask.rivals; ++r) {
            Score best = {0, -1};
            for (int k = threadIdx.x; k < Net::CLASSES; k += 32) {
                double of_class = k == target ? least : double(z[k]);
                Score here = {of_class, k};
                bool is_left = last.k < 0 || is_before(last, here, ask.rivals == 1);
                if (is_left && (best.k < 0 || is_before(here, best, ask.rivals == 1))) best = here;
            }
            #pragma unroll
            for (int bits = 16; bits > 0; bits /= 2) {
                Score other = {__shfl_xor_sync(~0u, best.z, bits), __shfl_xor_sync(~0u, best.k, bits)};
                if (other.k >= 0 && (best.k < 0 || is_before(other, best, ask.rivals == 1))) best = other;
            }
            if (threadIdx.x == 0) {
                chosen[r] = best.k;
                if (tells) {
                    double margin = double(z[target]) - best.z;
                    rivals[r] = best.k;
                    of_image.margins[r] = (ask.away ? -margin : margin) - ask.kappa;
                }
            }
            last = best;
        }
    }
    __syncthreads();
}

// What is done with the deltas of an image: those of the loss, and those of its rivals, have their own rows in memory.
template <class T, int S, int IMAGE> struct IntoRows {
    T *of_loss, *of_rivals;  // where seed 0 has its row
    int first, losses, many;
    __device__ __forceinline__ void operator()(int pixel, const Deltas<T, S>& here) const {
        #pragma unroll
        for (int s = 0; s < S; ++s)
            if (s < many) (first + s < losses ? of_loss : of_rivals)[(long long)(first + s) * IMAGE + pixel] = here.v[s];
    }
};

template <class Net, int B, class D, class Put>
__device__ void back_to_image(const NumberOf<Net>* weights, NumberOf<Net>* shared, const Put& put) {
    through_activation<Net, B, D>(shared);
    if constexpr (B == 0)
        block_delta<Net, 0, D>(weights, shared, put);
    else {
        block_delta<Net, B, D>(weights, shared);
        back_to_image<Net, B - 1, D>(weights, shared, put);
    }
}

// Block (n, part) has part `part` of the seeds of image n. Their rows in the gradients: first those of all losses, if
// they are asked for, then those of the rivals of each image.
template <class Net, int S>
__global__ void __launch_bounds__(Net::THREADS_BACK, Net::AT_ONCE)
    victim(const typename Net::Number* __restrict__ images, const Quad<typename Net::Number>* __restrict__ quads,
           const long long* __restrict__ targets, double* __restrict__ numbers, long long* __restrict__ rivals,
           typename Net::Number* __restrict__ gradients, Asked ask) {
    using T = NumberOf<Net>;
    using D = SeveralSeeds<Net, S, 0>;
    constexpr int IMAGE = Net::IMAGE;
    DYNAMIC_SHARED(T, shared);
    const T* weights = quads->v;
    int n = blockIdx.x, target = int(targets[n]), losses = ask.loss >= 0;
    int* chosen = reinterpret_cast<int*>(shared + Net::OUTPUTS);
    load_weights<Net, true>(weights, shared);
    load_image<Net>(images + (long long)n * IMAGE, weights, shared);
    forward<Net>(weights, shared);
    Numbers of_image(numbers, n, ask);
    find_rivals<Net>(target, ask, blockIdx.y == 0, chosen, rivals + (long long)n * ask.rivals, of_image, shared);
    int seeds = losses + (ask.slopes ? ask.rivals : 0), each = (seeds + gridDim.y - 1) / gridDim.y;
    T* of_rivals = gradients + ((long long)ask.images * losses + (long long)n * ask.rivals - losses) * IMAGE;
    for (int first = blockIdx.y * each, end = min(seeds, first + each); first < end; first += S) {
        int many = min(S, end - first);
        T* delta = D::template at<Net::BLOCKS>(shared);
        for (int i = threadIdx.x; i < Net::CLASSES * S; i += blockDim.x) {
            int s = i / Net::CLASSES, k = i % Net::CLASSES;
            if (first + s < losses) continue;
            int seed = s < many ? (k == target) - (k == chosen[first + s - losses]) : 0;
            delta[k * D::STRIDE + s] = T(ask.away ? -seed : seed);
        }
        if (first < losses) {
            Aim<double> aim = {nullptr, target};
            loss_of_image<Net, double>(
                ask.loss, aim, 1, shared + Net::X[Net::BLOCKS], [&](int k, double seed) { delta[k * D::STRIDE] = T(seed); },
                of_image.loss, nullptr);
            if (threadIdx.x == 0) {
                double others = -expm1(-*of_image.loss);  // 1 - y of the target, of a softmax
                *of_image.slope = -1 / (others < 1e-12 ? 1e-12 : others);
            }
        } else
            __syncthreads();
        IntoRows<T, S, IMAGE> put = {gradients + (long long)n * IMAGE, of_rivals, first, losses, many};
        back_to_image<Net, Net::BLOCKS - 1, D>(weights, shared, put);
    }
}
