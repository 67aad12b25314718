// delta[s, n] = d output_c / dx_b of image n, for each class c = classes[s], or for the label of each image.
//
// task    an image and a part of the classes, by a block of threads: forward once, then back for S classes at a time
// bound   the multiply-adds of one forward pass and, for each class, of the windows that read a pixel
// writer  the thread of the number
template <class Net> struct Wanted {  // where the deltas of x_b begin in the results, or -1
    long long at[Net::BLOCKS + 1];
};

// From a complete DELTA[B + 1] of S seeds, of which `many` count, write what is wanted, down to that of x_`lowest`.
template <class Net, int B, int S>
__device__ void backward_to(const Wanted<Net>& wanted, int lowest, long long row, int rows, int many,
                            const NumberOf<Net>* weights, NumberOf<Net>* shared, NumberOf<Net>* results) {
    constexpr int UNITS = B < 0 ? Net::IMAGE : Block<Net, B < 0 ? 0 : B>::UNITS;
    if (wanted.at[B + 1] >= 0) {
        const NumberOf<Net>* delta = deltas_of<Net, B + 1, S>(shared)->v;
        NumberOf<Net>* to = results + wanted.at[B + 1] + row * UNITS;
        if constexpr (S == 1)
            copy_numbers(delta, to, UNITS);
        else
            for (int s = 0; s < many; ++s)
                for (int i = threadIdx.x; i < UNITS; i += blockDim.x)
                    to[(long long)s * rows * UNITS + i] = delta[i * S + s];
        __syncthreads();
    }
    if constexpr (B >= 0) {
        if (B < lowest) return;
        through_activation<Net, B, S>(shared);
        block_delta<Net, B, S>(weights, shared);
        backward_to<Net, B - 1, S>(wanted, lowest, row, rows, many, weights, shared, results);
    }
}

// With labels, classes are those of the images, and there is one for each; without, there are `count` for all images.
template <class Net, int S>
__global__ void __launch_bounds__(Net::THREADS, Net::AT_ONCE)
    gradients(const typename Net::Number* __restrict__ images, const Quad<typename Net::Number>* __restrict__ quads,
              const int* __restrict__ classes, const typename Net::Number* __restrict__ share,
              typename Net::Number* __restrict__ results, Wanted<Net> wanted, int lowest, int of, int N, int count,
              int parts, int labelled) {
    using T = NumberOf<Net>;
    DYNAMIC_SHARED(T, shared);
    const T* weights = quads->v;
    int n = blockIdx.x / parts, part = blockIdx.x % parts, each = (count + parts - 1) / parts;
    int end = min(count, part * each + each);
    load_weights<Net, true>(weights, shared);
    load_image<Net>(images + (long long)n * Net::IMAGE, weights, shared);
    forward<Net>(weights, shared);
    last_outputs<Net>(shared);
    for (int first = part * each; first < end; first += S) {
        int many = min(S, end - first);
        for (int s = 0; s < S; ++s) {  // those that do not count are 0
            int c = classes[labelled ? n : first + min(s, many - 1)];
            seed_of_class<Net, S>(c, of, s < many ? share[n] : T(0), s, shared);
        }
        __syncthreads();
        long long row = (long long)first * N + n;
        backward_to<Net, Net::BLOCKS - 1, S>(wanted, lowest, row, N, many, weights, shared, results);
    }
}
