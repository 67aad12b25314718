// The loss of an image and its seed, by one warp: L of z or y, the output of the last block, for targets t.
// A training computes it in the type of the network, an attack in double: its search compares losses that differ little.
//
//   0  softmax                 L = sum_k t_k (log sum_j e^z_j - z_k)       dL/dz = softmax z - t
//   1  binary                  L = sum_k log(1 + e^z_k) - t_k z_k          dL/dz = sigmoid z - t
//   2  squares                 L = 1/2 sum_k (z_k - t_k)^2                 dL/dz = z - t
//   3  squares of a sigmoid    L = 1/2 sum_k (y_k - t_k)^2, y = sigmoid z  dL/dz = (y - t) y (1 - y)
__device__ __forceinline__ float log_of(float v) { return logf(v); }
__device__ __forceinline__ double log_of(double v) { return log(v); }
__device__ __forceinline__ float log1p_of(float v) { return log1pf(v); }
__device__ __forceinline__ double log1p_of(double v) { return log1p(v); }

__device__ __forceinline__ float abs_of(float v) { return fabsf(v); }
__device__ __forceinline__ double abs_of(double v) { return fabs(v); }
template <class T> __device__ __forceinline__ T output_of(int loss, T z) { return loss == 3 ? sigmoid_of(z) : z; }

template <class T> struct Largest {  // and the first place that it has
    T number;
    int place;
    __device__ void see(T other, int at) {
        bool more = beats(other, number) || (other == number && at < place);
        number = more ? other : number;
        place = more ? at : place;
    }
    __device__ void join_lanes() {
        #pragma unroll
        for (int bits = 16; bits > 0; bits /= 2) {
            T other = __shfl_xor_sync(~0u, number, bits);
            int at = __shfl_xor_sync(~0u, place, bits);
            see(other, at);
        }
    }
};

template <class T> struct Aim {  // an image's label, or targets where there is none
    const T* targets;
    long long label;
    __device__ T at(int k) const { return targets ? targets[k] : T(k == label); }
};

// Puts dL/dz / images where it is wanted; writes the loss, and whether the largest output is not that of the largest
// target, where there is a place for them.
template <class Net, class V, class Put>
__device__ void loss_of_image(int loss, Aim<V> aim, int images, const NumberOf<Net>* z, const Put& put, double* value,
                              double* wrong) {
    constexpr int K = Net::CLASSES;
    if (threadIdx.x < 32) {
        int lane = threadIdx.x;
        V share = V(images), sum = V(0), total = V(0);
        Largest<V> output = {output_of(loss, V(z[0])), 0}, wanted = {aim.at(0), 0};
        for (int k = lane; k < K; k += 32) {
            output.see(output_of(loss, V(z[k])), k);
            wanted.see(aim.at(k), k);
        }
        output.join_lanes();
        wanted.join_lanes();
        for (int k = lane; k < K; k += 32) total += exp_of(V(z[k]) - output.number);  // of a softmax
        total = sum_of_warp(total);
        for (int k = lane; k < K; k += 32) {
            V x = V(z[k]), t = aim.at(k), y = output_of(loss, x), least = x - output.number;
            if (loss == 0) {
                sum += t * (log_of(total) - least);
                y = exp_of(least) / total;
            } else if (loss == 1) {
                sum += max(x, V(0)) + log1p_of(exp_of(-abs_of(x))) - t * x;
                y = sigmoid_of(x);
            } else
                sum += (y - t) * (y - t) / 2;
            V seeded = y - t;
            if (loss == 3) seeded *= y * (1 - y);
            put(k, seeded / share);
        }
        sum = sum_of_warp(sum);
        if (lane == 0 && value) {
            *value = double(sum);
            if (wrong) *wrong = double(output.place != wanted.place);
        }
    }
    __syncthreads();
}
// The same in the type of the network; the seed goes to DELTA.
template <class Net>
__device__ void loss_of_image(int loss, Aim<NumberOf<Net>> aim, int images, NumberOf<Net>* shared, double* value,
                              double* wrong) {
    using T = NumberOf<Net>;
    T* seed = shared + Net::DELTA[Net::BLOCKS];
    loss_of_image<Net, T>(
        loss, aim, images, shared + Net::X[Net::BLOCKS], [&](int k, T here) { seed[k] = here; }, value, wrong);
}
