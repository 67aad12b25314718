// sums[s, k, u] = sum over the images n of class k of delta[s, n, u], in float64 and in the order of the images.
// Images of class k are order[first[k]] to order[first[k + 1] - 1].
// writer  the thread of the sum
template <class Net>
__global__ void __launch_bounds__(256)
    class_sums(const typename Net::Number* __restrict__ delta, const int* __restrict__ order,
               const int* __restrict__ first, double* __restrict__ sums, long long units, int N, int S, int K) {
    long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x, u = at % units, s = at / units / K;
    if (s >= S) return;
    int k = int(at / units % K);
    double sum = 0;
    for (int i = first[k]; i < first[k + 1]; ++i) sum += delta[(s * N + order[i]) * units + u];
    sums[at] = sum;
}
