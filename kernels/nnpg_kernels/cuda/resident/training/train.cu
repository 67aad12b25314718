// What each image of a batch leaves for the step, and its loss.
// task    an image, by a block of threads; where there are more images than slots, several, one after the other
// bound   the multiply-adds of both passes; loads from shared memory
// writer  the thread of the number
//
// epoch       the step to take, the steps of this epoch taken when this one is complete, the steps before this epoch,
//             and the order of its images. Each launch counts on in the place that the other one reads.
// results     of each place of the order the loss, then whether its class was wrong
template <class Net, class Step>
__global__ void __launch_bounds__(Net::THREADS, Step::AT_ONCE)
    train_images(const typename Net::Number* __restrict__ x, const long long* __restrict__ labels,
                 const typename Net::Number* __restrict__ targets, long long* __restrict__ epoch,
                 const Quad<typename Net::Number>* __restrict__ quads, typename Net::Number* __restrict__ slots,
                 typename Net::Number* __restrict__ rows, double* __restrict__ results, int images, int batch,
                 int places, int loss, int labelled) {
    using T = NumberOf<Net>;
    DYNAMIC_SHARED(T, shared);
    const T* weights = quads->v;
    int step = int(epoch[0]);
    int first = step * batch;  // place of the order
    if (blockIdx.x == 0 && threadIdx.x == 0) epoch[1] = step + 1;
    load_weights<Net, true>(weights, shared);
    for (int n = blockIdx.x; n < images; n += gridDim.x) {
        load_image<Net>(x + epoch[3 + first + n] * Net::IMAGE, weights, shared);
        forward<Net>(weights, shared);
        long long image = epoch[3 + first + n];
        const T* values = labelled ? nullptr : targets + image * Net::CLASSES;
        long long label = labelled ? labels[image] : -1;
        loss_of_image<Net>(loss, {values, label}, images, shared, results + first + n, results + places + first + n);
        backward_and_leave<Net, Step, Net::BLOCKS - 1>(weights, slots + (long long)blockIdx.x * Step::SLOT_SIZE,
                                                       rows + (long long)n * Step::ROW_SIZE, n >= gridDim.x, shared);
        __syncthreads();  // the next image is written where this one is read
    }
}
