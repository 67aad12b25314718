// predictions[t, n] = the class of image n without the first t filters of a sweep.
//
// task    an image and a part of the steps of a sweep, by a block of threads: forward once, then for each filter only the
//         blocks behind it
// bound   the multiply-adds of these blocks, of the filters and channels that are left; a few tasks for each thread, so
//         that two blocks of threads fill each other's waits where there is shared memory for both
// writer  one thread of the block
//
// A step is four numbers: the block of its filter, the filter, and where the map begins that replaces it. Filters that
// are set to 0 are not replaced: the weights are in an order in which those that are left come first (see arrange), and
// left[t, b] of x_b are computed and read; left[t, 0] are the channels of the image.
struct Step {
    int block, filter;
    long long map;
};

template <class Net> __device__ void largest_output(NumberOf<Net>* shared, long long* prediction) {
    using T = NumberOf<Net>;
    last_outputs<Net>(shared);
    if (threadIdx.x < 32) {
        const T* y = shared + (Net::HEAD > 0 ? Net::OUTPUTS : Net::X[Net::BLOCKS]);
        int best = min(int(threadIdx.x), Net::CLASSES - 1);
        for (int k = best + 32; k < Net::CLASSES; k += 32) best = beats(y[k], y[best]) ? k : best;
        #pragma unroll
        for (int bits = 16; bits > 0; bits /= 2) {
            int other = __shfl_xor_sync(~0u, best, bits);
            bool first = other < best && !beats(y[best], y[other]);  // of equal ones
            best = first || beats(y[other], y[best]) ? other : best;
        }
        if (threadIdx.x == 0) *prediction = best;
    }
    __syncthreads();
}

// Replaces the maps of block B that the first t steps replace.
template <class Net, int B>
__device__ void replace_maps(const Step* steps, int t, const NumberOf<Net>* maps, NumberOf<Net>* shared) {
    constexpr int OUT = Block<Net, B>::OUT;
    for (int u = 0; u < t; ++u) {
        if (steps[u].block != B) continue;
        copy_numbers(maps + steps[u].map, shared + Net::X[B + 1] + steps[u].filter * OUT, OUT);
        __syncthreads();
    }
}

// Block B, if it comes after block `from`, and all later ones; of block `from`, only maps are replaced.
template <class Net, int B>
__device__ void forward_after(int from, const Step* steps, int t, bool replaces, const int* left,
                              const NumberOf<Net>* maps, const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    if constexpr (B < Net::BLOCKS) {
        if (B > from) block_forward<Net, B>(weights, left[B], left[B + 1], shared);
        if (replaces && B >= from) replace_maps<Net, B>(steps, t, maps, shared);
        forward_after<Net, B + 1>(from, steps, t, replaces, left, maps, weights, shared);
    }
}

// Block (n, y) has part y % parts of the predictions of image n in sweep y / parts. Sweep j has the steps from starts[j]
// to starts[j + 1], and one more row of left and of predictions: the whole network. Where filters are left out, each
// sweep has its own order of the weights, all of them one behind the other.
template <class Net>
__global__ void __launch_bounds__(Net::THREADS_BACK, Net::TWO_AT_ONCE)
    knock_out(const typename Net::Number* __restrict__ images, const Quad<typename Net::Number>* __restrict__ quads,
              const int* __restrict__ starts, const Step* __restrict__ steps, const int* __restrict__ left,
              const typename Net::Number* __restrict__ maps, long long* __restrict__ predictions, int N, int parts,
              int replaces) {
    using T = NumberOf<Net>;
    DYNAMIC_SHARED(T, shared);
    int n = blockIdx.x, sweep = blockIdx.y / parts, part = blockIdx.y % parts;
    int start = starts[sweep], all = starts[sweep + 1] - start, row = start + sweep, each = (all + parts) / parts;
    const T* weights = (quads + (replaces ? 0LL : (long long)sweep * (Net::SIZE / 4)))->v;
    const Step* of_sweep = steps + start;
    load_weights<Net, false>(weights, shared);
    load_image<Net>(images + (long long)n * Net::IMAGE, weights, shared);
    for (int t = part * each; t <= all && t < (part + 1) * each; ++t) {
        int from = t > part * each ? of_sweep[t - 1].block : -1;
        const int* of_step = left + (row + t) * (Net::BLOCKS + 1);
        forward_after<Net, 0>(from, of_sweep, t, replaces, of_step, maps, weights, shared);
        largest_output<Net>(shared, predictions + (long long)(row + t) * N + n);
    }
}
