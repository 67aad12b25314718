// The step of one weight: v = momentum v + g, w = w - lr v. Also of the gradients, which are summed in one order: both
// programs of a training take the same step, to the last bit.
struct Rates {
    double lr, lr_decay, momentum;
};
// The rate of step t of a training, from 0.
template <class T> __device__ __forceinline__ T rate_of(const Rates& rates, long long t) {
    return T(rates.lr / (1 + t * rates.lr_decay));
}
template <class T>
__device__ __forceinline__ void take_step(T g, T decay, T momentum, T lr, T& weight, T& velocity) {
    g += decay * weight;
    velocity = momentum * velocity + g;
    weight = weight - lr * velocity;
}
template <class T> __device__ __forceinline__ bool is_finite(T w) { return w - w == T(0); }
