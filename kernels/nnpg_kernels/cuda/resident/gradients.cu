// delta[s, n] = d output_c / dx_b of image n, for each class c = classes[s], or for the label of each image.
//
// task    an image and a part of the classes, by a block of threads: forward once, then back for each class
// bound   the multiply-adds of one forward pass and, for each class, of the windows that read a pixel
// writer  the thread of the number
template <class Net> struct Wanted {  // where the deltas of x_b begin in the results, or -1
    long long at[Net::BLOCKS + 1];
};

// From a complete DELTA[B + 1], write what is wanted, down to that of x_`lowest`.
template <class Net, int B>
__device__ void backward_to(const Wanted<Net>& wanted, int lowest, long long row, const NumberOf<Net>* weights,
                            NumberOf<Net>* shared, NumberOf<Net>* results) {
    constexpr int UNITS = B < 0 ? Net::IMAGE : Block<Net, B < 0 ? 0 : B>::UNITS;
    if (wanted.at[B + 1] >= 0) {
        copy_numbers(shared + Net::DELTA[B + 1], results + wanted.at[B + 1] + row * UNITS, UNITS);
        __syncthreads();
    }
    if constexpr (B >= 0) {
        if (B < lowest) return;
        through_activation<Net, B>(shared);
        block_delta<Net, B>(weights, shared);
        backward_to<Net, B - 1>(wanted, lowest, row, weights, shared, results);
    }
}

// With labels, classes are those of the images, and there is one for each; without, there are S for all images.
template <class Net>
__global__ void __launch_bounds__(Net::THREADS, Net::AT_ONCE)
    gradients(const typename Net::Number* __restrict__ images, const Quad<typename Net::Number>* __restrict__ quads,
              const int* __restrict__ classes, const typename Net::Number* __restrict__ share,
              typename Net::Number* __restrict__ results, Wanted<Net> wanted, int lowest, int of, int N, int S,
              int parts, int labelled) {
    using T = NumberOf<Net>;
    DYNAMIC_SHARED(T, shared);
    const T* weights = quads->v;
    int n = blockIdx.x / parts, part = blockIdx.x % parts, each = (S + parts - 1) / parts;
    load_weights<Net, true>(weights, shared);
    load_image<Net>(images + (long long)n * Net::IMAGE, weights, shared);
    forward<Net>(weights, shared);
    last_outputs<Net>(shared);
    for (int s = part * each; s < min(S, part * each + each); ++s) {
        seed_of_class<Net>(classes[labelled ? n : s], of, share[n], shared);
        backward_to<Net, Net::BLOCKS - 1>(wanted, lowest, (long long)s * N + n, weights, shared, results);
    }
}
