// The step of an attack: scores z of images, and from seeds dL/dz that follow from them, dL/dx.
//
// task    an image, and of the way back an image and a seed, by a block of threads; nothing depends on other images
// bound   the multiply-adds of a pass; what the forward pass leaves for the way back goes to memory and comes back
// writer  the thread of the number
template <class Net>
__global__ void __launch_bounds__(Net::THREADS, Net::AT_ONCE)
    scores(const typename Net::Number* __restrict__ images, const Quad<typename Net::Number>* __restrict__ quads,
           double* __restrict__ z, Quad<typename Net::Number>* __restrict__ kept) {
    using T = NumberOf<Net>;
    DYNAMIC_SHARED(T, shared);
    const T* weights = quads->v;
    long long n = blockIdx.x;
    load_weights<Net, false>(weights, shared);
    load_image<Net>(images + n * Net::IMAGE, weights, shared);
    forward<Net>(weights, shared);
    for (int k = threadIdx.x; k < Net::CLASSES; k += blockDim.x)
        z[n * Net::CLASSES + k] = shared[Net::X[Net::BLOCKS] + k];
    copy_numbers(shared, kept->v + n * Net::KEPT, Net::KEPT);
}

template <class Net, int B> __device__ void backward(const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    if constexpr (B >= 0) {
        through_activation<Net, B>(shared);
        block_delta<Net, B>(weights, shared);
        backward<Net, B - 1>(weights, shared);
    }
}

// Block s N + n: seed s of image n.
template <class Net>
__global__ void __launch_bounds__(Net::THREADS, 1)
    deltas(const Quad<typename Net::Number>* __restrict__ kept, const Quad<typename Net::Number>* __restrict__ quads,
           const typename Net::Number* __restrict__ seeds, typename Net::Number* __restrict__ dx, int N) {
    using T = NumberOf<Net>;
    DYNAMIC_SHARED(T, shared);
    const T* weights = quads->v;
    long long row = blockIdx.x, n = blockIdx.x % N;
    load_weights<Net, true>(weights, shared);
    copy_numbers(kept->v + n * Net::KEPT, shared, Net::KEPT);
    copy_numbers(seeds + row * Net::CLASSES, shared + Net::DELTA[Net::BLOCKS], Net::CLASSES);
    __syncthreads();
    backward<Net, Net::BLOCKS - 1>(weights, shared);
    copy_numbers(shared + Net::DELTA[0], dx + row * Net::IMAGE, Net::IMAGE);
}
