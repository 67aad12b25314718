// delta[s, n] = d output_c / dx_b of image n, for each class c = classes[s], or for the label of each image.
//
// task    an image and a part of the classes, by a block of threads: forward once, then back for S classes at a time
// bound   loads of deltas from shared memory, S numbers for 4 S multiply-adds, for each window that reads a pixel
// writer  the thread of the number; the delta of the first block of all that are wanted goes straight to memory
template <class Net> struct Wanted {  // where the deltas of x_b begin in the results, or -1
    long long at[Net::BLOCKS + 1];
};

// What is done with dL/dx_LOWEST of a unit: those that count go to memory, where each seed has `rows` rows of UNITS.
template <class T, int S, int UNITS> struct IntoMemory {
    T* to;
    int rows, many;
    __device__ __forceinline__ void operator()(int unit, const Deltas<T, S>& here) const {
        T* place = to + unit;
        #pragma unroll
        for (int s = 0; s < S; ++s, place += (long long)rows * UNITS)
            if (s < many) *place = here.v[s];
    }
};

// From a complete DELTA[B + 1] of seeds D, of which `many` count, write what is wanted, down to that of x_LOWEST.
template <class Net, int B, class D, int LOWEST>
__device__ void backward_to(const Wanted<Net>& wanted, long long row, int rows, int many, const NumberOf<Net>* weights,
                            NumberOf<Net>* shared, NumberOf<Net>* results) {
    using T = NumberOf<Net>;
    if (wanted.at[B + 1] >= 0) {
        constexpr int UNITS = Block<Net, B>::UNITS;
        IntoMemory<T, D::SEEDS, UNITS> put = {results + wanted.at[B + 1] + row * UNITS, rows, many};
        T* delta = D::template at<B + 1>(shared);
        for (int i = threadIdx.x; i < UNITS; i += blockDim.x) put(i, deltas_of<D>(delta, i));
        __syncthreads();
    }
    if constexpr (B >= LOWEST) {
        through_activation<Net, B, D>(shared);
        if constexpr (B == LOWEST) {
            constexpr int UNITS = Block<Net, B>::D;
            IntoMemory<T, D::SEEDS, UNITS> put = {results + wanted.at[B] + row * UNITS, rows, many};
            block_delta<Net, B, D>(weights, shared, put);
        } else {
            block_delta<Net, B, D>(weights, shared);
            backward_to<Net, B - 1, D, LOWEST>(wanted, row, rows, many, weights, shared, results);
        }
    }
}

// Block (n, part) has part `part` of the classes of image n. With labels, classes are those of the images, and there is
// one for each; without, there are `count` for all images.
template <class Net, int S, int LOWEST>
__global__ void __launch_bounds__(Net::THREADS_BACK, Net::AT_ONCE)
    gradients(const typename Net::Number* __restrict__ images, const Quad<typename Net::Number>* __restrict__ quads,
              const int* __restrict__ classes, const typename Net::Number* __restrict__ share,
              typename Net::Number* __restrict__ results, Wanted<Net> wanted, int of, int N, int count,
              int labelled, int weighted) {
    using T = NumberOf<Net>;
    using D = SeveralSeeds<Net, S, LOWEST>;
    DYNAMIC_SHARED(T, shared);
    const T* weights = quads->v;
    int n = blockIdx.x, each = (count + gridDim.y - 1) / gridDim.y;
    load_weights<Net, true>(weights, shared);
    load_image<Net>(images + (long long)n * Net::IMAGE, weights, shared);
    forward<Net>(weights, shared);
    last_outputs<Net>(shared);
    for (int first = blockIdx.y * each, end = min(count, first + each); first < end; first += S) {
        int many = min(S, end - first);
        T weight = weighted ? share[n] : T(1);
        seeds_of_classes<Net, D>(classes + (labelled ? n : first), many, of, weight, shared);
        backward_to<Net, Net::BLOCKS - 1, D, LOWEST>(wanted, (long long)first * N + n, N, many, weights, shared,
                                                     results);
    }
}
