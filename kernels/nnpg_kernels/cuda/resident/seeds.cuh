// Seeds: the derivatives of one output with respect to z, the last x, times a weight, to DELTA[BLOCKS].
//
//   of                   softmax                               sigmoid                   no head
//   0: of y_c            y_c ([k = c] - y_k)                   [k = c] y_c (1 - y_c)
//   1: of z_c            [k = c]                               [k = c]                   [k = c]
//   2: of log y_c        [k = c] - y_k                         [k = c] sigmoid(-z_c)
//
// 1 - y_c of a softmax is the sum of all other y, which never rounds to 0.
template <class Net>
__device__ __forceinline__ NumberOf<Net> seed_of_class(int c, int k, int of, const NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    const T *y = shared + Net::OUTPUTS, *z = shared + Net::X[Net::BLOCKS];
    T derivative = k == c ? T(1) : T(0);
    if (Net::HEAD == 1 && of != 1) {
        T others = T(0);
        for (int l = 0; l < Net::CLASSES; ++l)
            if (l != c) others += y[l];
        derivative = k == c ? others : -y[k];
        if (of == 0) derivative *= y[c];
    }
    if (Net::HEAD == 2 && of == 0) derivative *= y[c] * (T(1) - y[c]);
    if (Net::HEAD == 2 && of == 2) derivative *= sigmoid_of(-z[c]);
    return derivative;
}

// Those of the first `many` classes; all others are 0.
template <class Net, class D>
__device__ void seeds_of_classes(const int* classes, int many, int of, NumberOf<Net> weight, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    T* delta = D::template at<Net::BLOCKS>(shared);
    for (int i = threadIdx.x; i < Net::CLASSES * D::SEEDS; i += blockDim.x) {
        int s = i / Net::CLASSES, k = i % Net::CLASSES;
        delta[k * D::STRIDE + s] = s < many ? weight * seed_of_class<Net>(classes[s], k, of, shared) : T(0);
    }
    __syncthreads();
}
