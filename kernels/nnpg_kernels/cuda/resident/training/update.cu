// The step of every parameter, from what the images of a batch have left: v = momentum v + g, w = w - lr v.
// task    32 numbers of a layer that lie side by side, or 32 x 4 weights of a dense layer; the images in 8 parts
// tile    the sums of the parts in shared memory
// inner   an image: one load and one addition; of a dense layer 2 loads and 4 multiply-adds
// bound   memory: reads what the images have left once; of dense layers, the inputs F / 4 times from the L2 cache
// writer  the thread of the number; it writes all places that programs read it from
struct alignas(16) Piece {
    int dense;  // 0: a sum over slots, 1: a sum over rows, 2: a product of deltas and inputs over rows
    int first;  // of the parameters
    int many, filters;  // numbers side by side, and such rows
    int gap;            // of the parameters between two rows
    int from;           // of the first number in a slot or a row
    int delta;          // of the first delta in a row
    int nothing;
    double decay;  // the factor of w in the gradient of the penalty
};
template <class T>
__global__ void __launch_bounds__(256)
    update(const Piece* __restrict__ pieces, const T* __restrict__ slots, const Quad<T>* __restrict__ rows,
           T* __restrict__ parameters, T* __restrict__ velocity, const int* __restrict__ places,
           T* __restrict__ weights, long long* __restrict__ epoch, double* __restrict__ broken, int images,
           int in_slots, int slot_size, int row_size, int size, Rates rates) {
    constexpr int LANES = 32, PARTS = 8;
    SHARED(T, sums, [PARTS][4][LANES]);
    Piece piece = pieces[blockIdx.x];
    int lane = threadIdx.x % LANES, part = threadIdx.x / LANES;
    int count = piece.dense ? images : in_slots, each = (count + PARTS - 1) / PARTS;
    int last = min(count, (part + 1) * each), apart = piece.dense ? row_size : slot_size;
    const T* from = (piece.dense ? rows->v : slots) + piece.from + lane;
    T of_part[4] = {};
    if (lane < piece.many) {
        if (piece.dense == 2) {
            const Quad<T>* deltas = rows + piece.delta / 4;
            #pragma unroll 4
            for (int n = part * each; n < last; ++n) {
                Quad<T> delta = deltas[(long long)n * (apart / 4)];
                T number = from[(long long)n * apart];
                #pragma unroll
                for (int f = 0; f < 4; ++f) of_part[f] += delta.v[f] * number;
            }
        } else {
            #pragma unroll 4
            for (int n = part * each; n < last; ++n) of_part[0] += from[(long long)n * apart];
        }
    }
    #pragma unroll
    for (int f = 0; f < 4; ++f) sums[part][f][lane] = of_part[f];
    __syncthreads();
    int f = part, bad = 0;
    if (f < piece.filters && lane < piece.many) {
        T g = T(0);
        #pragma unroll
        for (int p = 0; p < PARTS; ++p) g += sums[p][f][lane];
        int at = piece.first + f * piece.gap + lane;
        T w = parameters[at], v = velocity[at], lr = rate_of<T>(rates, epoch[2] + epoch[1] - 1);
        take_step(g, T(piece.decay), T(rates.momentum), lr, w, v);
        velocity[at] = v;
        parameters[at] = w;
        weights[places[at]] = w;
        weights[places[size + at]] = w;
        bad = !is_finite(w);
    }
    bad = __syncthreads_or(bad);
    if (threadIdx.x == 0) broken[blockIdx.x] = bad;
    if (blockIdx.x == 0 && threadIdx.x == 0) epoch[0] = epoch[1];
}
