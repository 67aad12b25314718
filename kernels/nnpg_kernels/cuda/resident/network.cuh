// A network in the shared memory of one block: its numbers, and which array lies where.
//
// A program is compiled for one network. `struct Net`, written by numbers.py, holds nothing but numbers; all else is
// this code. Blocks are counted from 0; block b reads x_b and writes x_(b+1), and x_0 is the image.
//
//   Number          float or double
//   BLOCKS THREADS  of the network, and of a block of threads
//   THREADS_BACK    of a block that sends several seeds back, with registers for their sums, or that takes many steps
//   TWO_AT_ONCE     2 if a multiprocessor has room for two blocks of so many threads in a forward pass, else AT_ONCE
//   AT_ONCE         blocks of threads of a multiprocessor for which the compiler must leave registers; 0: as it chooses
//   IMAGE CLASSES   numbers of an image and of the last output;  HEAD 0: none, 1: softmax, 2: sigmoid behind it
//   TEAM            blocks of threads, side by side in a cluster, that compute an image together
//   CENTRED         whether a mean is subtracted from each image
//   C H W           of each block's input; F ZH ZW of z = W x + b; YH YW of the output, which has F maps
//   CONV            whether it is a convolution: of windows I J, with SH SW strides, DH DW dilations, TOP LEFT padding
//   PI PJ ...       the same of its pooling window; a block without pooling has one of 1 x 1
//   ACT             0: none, 1: tanh, 2: relu, 3: sigmoid
//   WAY             0: a tile is a pooling window, 1: a tile is TILE_H x TILE_W outputs, without pooling, 2: a tile is
//                   TILE_H x TILE_W pixels of z, which is pooled when it is complete
//   SPLIT           into so many parts a convolution's sum over its channels is divided, so that no thread is idle
//
// Shared memory, in numbers from its beginning. What a backward pass reads lies in one piece, from 0 to KEPT:
//
//   X[b]            x_b, as in memory: [C][H][W]                                   written by load_image and forward
//   WON[b]          in bytes: for each output, which pixel of its pooling window won              written by forward
//   OUTPUTS         the last output behind the head                                      written by last_outputs
//   STAGED          a copy of the first STAGED_SIZE numbers of the weights                      written by load_weights
//   SCRATCH         sums of parts, and z of way 2                                                   forward alone
//   DELTA[b]        dL/dx_b, and dL/dz of block b - 1; two places in turn, which are also SCRATCH's     backward alone
//
// The weights of a network are one array in memory, written by `arrange`. In numbers from its beginning:
//
//   FORWARD[b]      a convolution: [F / 4][C][I][J][4 filters], zeros behind the last one; a dense layer: [F][C H W]
//   BIAS[b]         [F], zeros up to a multiple of 4
//   BACKWARD[b]     a convolution: [C / 4][F][I][J][4 channels]; a dense layer reads FORWARD
//   MEAN            of the images: [IMAGE]
//   ALL_FORWARD     where those of convolutions forward end, which come first;  CONVOLUTIONS: those backward, which follow
//   SIZE            of all of it
//
// Every function is called by all threads of a block, and begins when all numbers that it reads are written: it ends
// with a barrier where it has written any.
//
// The blocks of a team share the tasks of convolutions, and a task writes to the shared memory of each of them. All else
// every block computes for itself, because that takes less time than a barrier of the cluster.
template <class Net, int B> struct Block {
    static constexpr bool CONV = Net::CONV[B];
    static constexpr int C = Net::C[B], H = Net::H[B], W = Net::W[B], PLANE = H * W, D = C * PLANE;
    static constexpr int F = Net::F[B], ZH = Net::ZH[B], ZW = Net::ZW[B], YH = Net::YH[B], YW = Net::YW[B];
    static constexpr int OUT = YH * YW, UNITS = F * OUT;
    static constexpr int I = Net::I[B], J = Net::J[B], SH = Net::SH[B], SW = Net::SW[B], DH = Net::DH[B];
    static constexpr int DW = Net::DW[B], TOP = Net::TOP[B], LEFT = Net::LEFT[B], TAPS = I * J;
    static constexpr int PI = Net::PI[B], PJ = Net::PJ[B], PSH = Net::PSH[B], PSW = Net::PSW[B];
    static constexpr int PTOP = Net::PTOP[B], PLEFT = Net::PLEFT[B];
    static constexpr int ACT = Net::ACT[B], WAY = Net::WAY[B], SPLIT = Net::SPLIT[B];
    static constexpr bool POOLS = WAY != 1;
    // Tiles of a convolution: their pixels, how far the next one is, and how many there are.
    static constexpr int TH = Net::TILE_H[B], TW = Net::TILE_W[B], TILE = TH * TW;
    static constexpr int STEP_H = WAY == 0 ? PSH : TH, STEP_W = WAY == 0 ? PSW : TW;
    static constexpr int FROM_H = WAY == 0 ? -PTOP : 0, FROM_W = WAY == 0 ? -PLEFT : 0;
    static constexpr int TILES_H = WAY == 0 ? YH : (ZH + TH - 1) / TH;
    static constexpr int TILES_W = WAY == 0 ? YW : (ZW + TW - 1) / TW, TILES = TILES_H * TILES_W;
    // The pixels that a tile reads, and whether some of them lie outside the image.
    static constexpr int ROWS = (TH - 1) * SH + (I - 1) * DH + 1, COLUMNS = (TW - 1) * SW + (J - 1) * DW + 1;
    static constexpr int FIRST_ROW = FROM_H * SH - TOP, FIRST_COLUMN = FROM_W * SW - LEFT;
    static constexpr bool OUTSIDE = FIRST_ROW < 0 || FIRST_COLUMN < 0 ||
                                    FIRST_ROW + (TILES_H - 1) * STEP_H * SH + ROWS > H ||
                                    FIRST_COLUMN + (TILES_W - 1) * STEP_W * SW + COLUMNS > W;
    static constexpr bool IN_REGISTERS = ROWS * COLUMNS <= 64 && ROWS <= 32 && COLUMNS <= 32;
};

template <class Net> using NumberOf = typename Net::Number;
template <class Net> __device__ __forceinline__ unsigned char* bytes_of(NumberOf<Net>* shared) {
    return reinterpret_cast<unsigned char*>(shared);
}

struct Tasks {  // of one block
    int first, count;
};
template <class Net> __device__ __forceinline__ Tasks tasks_of_block(int all) {
    if constexpr (Net::TEAM == 1) return {0, all};
    int each = (all + Net::TEAM - 1) / Net::TEAM, first = min(all, int(cluster_rank() % Net::TEAM) * each);
    return {first, min(each, all - first)};
}

// Writes a number in every block of the team.
template <class Net, class V> __device__ __forceinline__ void give(V* place, V number) {
    if constexpr (Net::TEAM == 1)
        *place = number;
    else {
        unsigned first = cluster_rank() / Net::TEAM * Net::TEAM;
        #pragma unroll 1
        for (unsigned r = first; r < first + Net::TEAM; ++r) *shared_of(place, r) = number;
    }
}

// A barrier of the team; a macro, so that the emulator knows where it stands.
#define SYNC_TEAM()              \
    if constexpr (Net::TEAM > 1) \
        cluster_sync();          \
    else                         \
        __syncthreads()

template <class T> __device__ __forceinline__ bool is_aligned(const T* p) {
    return (reinterpret_cast<unsigned long long>(p) & 15) == 0;
}

// to = from, `size` numbers, 16 bytes at a time where both begin at a multiple of 16 bytes.
template <class T> __device__ void copy_numbers(const T* from, T* to, int size) {
    int quads = is_aligned(from) && is_aligned(to) ? size / 4 : 0;
    for (int i = threadIdx.x; i < quads; i += blockDim.x)
        reinterpret_cast<Quad<T>*>(to)[i] = reinterpret_cast<const Quad<T>*>(from)[i];
    for (int i = quads * 4 + threadIdx.x; i < size; i += blockDim.x) to[i] = from[i];
}

// x_0 = image - mean; without a barrier.
template <class Net>
__device__ void copy_image(const NumberOf<Net>* image, const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    T* x = shared + Net::X[0];
    if constexpr (Net::CENTRED) {
        const T* mean = weights + Net::MEAN;
        int quads = is_aligned(image) ? Net::IMAGE / 4 : 0;
        for (int i = threadIdx.x; i < quads; i += blockDim.x) {
            Quad<T> pixels = reinterpret_cast<const Quad<T>*>(image)[i];
            Quad<T> of_mean = reinterpret_cast<const Quad<T>*>(mean)[i];
            #pragma unroll
            for (int k = 0; k < 4; ++k) pixels.v[k] -= of_mean.v[k];
            reinterpret_cast<Quad<T>*>(x)[i] = pixels;
        }
        for (int i = quads * 4 + threadIdx.x; i < Net::IMAGE; i += blockDim.x) x[i] = image[i] - mean[i];
    } else
        copy_numbers(image, x, Net::IMAGE);
}
template <class Net>
__device__ void load_image(const NumberOf<Net>* image, const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    copy_image<Net>(image, weights, shared);
    __syncthreads();
}

// Copies the weights that are read from shared memory there: those of the forward pass, or of both passes. There is no
// barrier here: an image, or what a forward pass has left, is loaded next, and ends with one.
template <class Net, bool BOTH> __device__ void load_weights(const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    constexpr int SIZE = BOTH || Net::STAGED_SIZE < Net::ALL_FORWARD ? Net::STAGED_SIZE : Net::ALL_FORWARD;
    if constexpr (SIZE > 0) copy_numbers(weights, shared + Net::STAGED, SIZE);
}

// Where weights are read: the place `AT` of all weights, of which `SIZE` numbers are read.
template <class Net, int AT, int SIZE>
__device__ __forceinline__ const NumberOf<Net>* weights_at(const NumberOf<Net>* weights, NumberOf<Net>* shared) {
    if constexpr (AT + SIZE <= Net::STAGED_SIZE)
        return shared + Net::STAGED + AT;
    else
        return weights + AT;
}
