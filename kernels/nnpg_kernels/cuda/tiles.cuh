// A product of two matrices, 64 x 64 numbers of it a block: sum over k of a[k][m] b[k][n], for 128 threads.
// The three convolutions are such products of wide layers; they differ in what they put into a and b.
constexpr int TILE = 64, DEPTH = 16, THREADS = 128, ACROSS = 8, ALONG = 4;
#define TILE_IN_SHARED(T, name) SHARED(T, name, [DEPTH][TILE + 4])  // + 4: the 16 k of a column lie in different banks

// Thread t computes numbers m = 8 (t / 16) + 0...7 and n = 4 (t % 16) + 0...3: per k 3 quads are read for 32 multiply-adds.
template <class T>
__device__ __forceinline__ void multiply(const T (&a)[DEPTH][TILE + 4], const T (&b)[DEPTH][TILE + 4], T (&sums)[ACROSS][ALONG]) {
    int m = threadIdx.x / 16 * ACROSS, n = threadIdx.x % 16 * ALONG;
    #pragma unroll
    for (int k = 0; k < DEPTH; ++k) {
        Quad<T> low = *reinterpret_cast<const Quad<T>*>(&a[k][m]), high = *reinterpret_cast<const Quad<T>*>(&a[k][m + 4]);
        Quad<T> right = *reinterpret_cast<const Quad<T>*>(&b[k][n]);
        #pragma unroll
        for (int p = 0; p < ACROSS; ++p)
            #pragma unroll
            for (int q = 0; q < ALONG; ++q) sums[p][q] += (p < 4 ? low.v[p % 4] : high.v[p % 4]) * right.v[q];
    }
}
