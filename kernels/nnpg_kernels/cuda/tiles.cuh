// A product of two matrices, a tile of its numbers a block of 128 threads: sums[m][n] += sum over k of a[k][m] b[k][n].
// The three convolutions are such products of wide layers; they differ in what they put into a and b.
// Thread t has 8 rows, m = 8 (t / 16) + 0...7, and ALONG columns, quads of them 64 apart: column n_of(t, q).
constexpr int THREADS = 128, ACROSS = 8, TILE_M = 64;
#define TILE_IN_SHARED(T, name, depth, size) \
    SHARED(T, name, [depth][size + 4])  // + 4: a column of k lies in many banks

__device__ __forceinline__ int m_of(int t, int p) { return t / 16 * ACROSS + p; }
__device__ __forceinline__ int n_of(int t, int q) { return q / 4 * 64 + t % 16 * 4 + q % 4; }

template <class T, int DEPTH, int ALONG>
__device__ __forceinline__ void multiply(const T (&a)[DEPTH][TILE_M + 4], const T (&b)[DEPTH][16 * ALONG + 4],
                                         T (&sums)[ACROSS][ALONG]) {
    #pragma unroll
    for (int k = 0; k < DEPTH; ++k) {
        Quad<T> left[ACROSS / 4], right[ALONG / 4];
        #pragma unroll
        for (int p = 0; p < ACROSS / 4; ++p)
            left[p] = *reinterpret_cast<const Quad<T>*>(&a[k][m_of(threadIdx.x, 4 * p)]);
        #pragma unroll
        for (int q = 0; q < ALONG / 4; ++q)
            right[q] = *reinterpret_cast<const Quad<T>*>(&b[k][n_of(threadIdx.x, 4 * q)]);
        #pragma unroll
        for (int p = 0; p < ACROSS; ++p)
            #pragma unroll
            for (int q = 0; q < ALONG; ++q) sums[p][q] += left[p / 4].v[p % 4] * right[q / 4].v[q % 4];
    }
}
