// Where the deltas of several seeds lie that go back together (see backward.cuh).
//
// S seeds, of which dL/dx_b is kept for b > LOWEST, and the seeds themselves. Two places in turn, as for one seed. Units
// are 16 bytes further apart than their numbers take where neighbouring threads would else meet in a bank.
__device__ constexpr int max_of(int a, int b) { return a > b ? a : b; }
template <class Net, int S, int LOWEST> struct SeveralSeeds {
    using T = NumberOf<Net>;
    static constexpr int SEEDS = S, STRIDE = S * sizeof(T) % 32 == 0 ? S + 16 / sizeof(T) : S;
    static constexpr int UNROLLED = S < 8 ? 4 : 2;
    __device__ static constexpr int largest_even() {
        int largest = 0;
        for (int b = LOWEST / 2 * 2 + 2; b <= Net::BLOCKS; b += 2)
            largest = max_of(largest, Net::F[b - 1] * Net::YH[b - 1] * Net::YW[b - 1]);
        return (largest + 3) / 4 * 4;
    }
    static constexpr int ODD = largest_even();  // where the other place begins, in units
    template <int B> __device__ static T* at(T* shared) { return shared + Net::SCRATCH + (B % 2 ? ODD * STRIDE : 0); }
};
