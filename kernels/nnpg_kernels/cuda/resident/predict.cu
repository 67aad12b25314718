// y[n] = the last output of image n.
// task    an image, by a block of threads
// bound   the multiply-adds of the network, and one image and all weights from memory a block
// writer  the thread of the number
template <class Net>
__global__ void __launch_bounds__(Net::THREADS, Net::AT_ONCE)
    predict(const typename Net::Number* __restrict__ images, const Quad<typename Net::Number>* __restrict__ quads,
            typename Net::Number* __restrict__ y) {
    using T = NumberOf<Net>;
    DYNAMIC_SHARED(T, shared);
    const T* weights = quads->v;
    long long n = blockIdx.x;
    load_weights<Net, false>(weights, shared);
    load_image<Net>(images + n * Net::IMAGE, weights, shared);
    forward<Net>(weights, shared);
    last_outputs<Net>(shared);
    constexpr int FROM = Net::HEAD > 0 ? Net::OUTPUTS : Net::X[Net::BLOCKS], UNITS = Block<Net, Net::BLOCKS - 1>::UNITS;
    copy_numbers(shared + FROM, y + n * UNITS, UNITS);
}
