// Seeds: the derivatives of one output with respect to z, the last x, times a weight, to DELTA[BLOCKS]: as seed `s` of S.
//
//   of                   softmax                               sigmoid                   no head
//   0: of y_c            y_c ([k = c] - y_k)                   [k = c] y_c (1 - y_c)
//   1: of z_c            [k = c]                               [k = c]                   [k = c]
//   2: of log y_c        [k = c] - y_k                         [k = c] sigmoid(-z_c)
//
// 1 - y_c of a softmax is the sum of all other y, which never rounds to 0. A barrier must come after the last seed.
template <class Net, int S>
__device__ void seed_of_class(int c, int of, NumberOf<Net> weight, int s, NumberOf<Net>* shared) {
    using T = NumberOf<Net>;
    Deltas<T, S>* delta = deltas_of<Net, Net::BLOCKS, S>(shared);
    const T *y = shared + Net::OUTPUTS, *z = shared + Net::X[Net::BLOCKS];
    for (int k = threadIdx.x; k < Net::CLASSES; k += blockDim.x) {
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
        delta[k].v[s] = weight * derivative;
    }
}
