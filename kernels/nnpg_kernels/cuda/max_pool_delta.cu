// dL/dx[...,n,f,row,column] = the sum of delta[...,n,f,h,w] over the windows that this pixel won.
// task    one input pixel
// tile    none
// inner   the windows that see the pixel, in the order of their places: one winner, and a delta where it is this pixel
// bound   memory: reads winner and delta once, writes dx once
// writer  the thread of the input pixel; a window never writes, so windows that overlap add up in a fixed order
template <class T, class Winner>
__global__ void __launch_bounds__(256, 4) max_pool_delta(const T* __restrict__ delta, const Winner* __restrict__ winner,
                                                         T* __restrict__ dx, Sizes s, int first, int planes) {
    int at = thread_of_grid();
    if (at >= s.images * s.rows * s.columns) return;
    Pixel in = pixel_of(at, s.rows, s.columns);
    int winners =
        unsigned(first + in.plane) % unsigned(planes);  // all seeds have the same winners; `first` is of this launch
    T sum = 0;
    for (int i = s.I - 1; i >= 0; --i) {
        int h = reader(in.row, i, s.stride_h, s.dilation_h, s.top, s.H);
        if (h < 0) continue;
        for (int j = s.J - 1; j >= 0; --j) {
            int w = reader(in.column, j, s.stride_w, s.dilation_w, s.left, s.W);
            if (w < 0) continue;
            if (winner[place_of(winners, h, w, s.H, s.W)] == i * s.J + j)
                sum += delta[place_of(in.plane, h, w, s.H, s.W)];
        }
    }
    dx[at] = sum;
}
