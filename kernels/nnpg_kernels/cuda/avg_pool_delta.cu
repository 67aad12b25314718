// dL/dx[...,n,f,row,column] = 1 / (I J) sum of delta[...,n,f,h,w] over the windows that see this pixel.
// task    one input pixel
// tile    none
// inner   the windows that see the pixel, in the order of their places: one load, one addition
// bound   memory: reads delta once, writes dx once
// writer  the thread of the input pixel; a window never writes, so windows that overlap add up in a fixed order
template <class T>
__global__ void __launch_bounds__(256, 4) avg_pool_delta(const T* __restrict__ delta, T* __restrict__ dx, Sizes s) {
    int at = thread_of_grid();
    if (at >= s.images * s.rows * s.columns) return;
    Pixel in = pixel_of(at, s.rows, s.columns);
    T sum = 0;
    for (int i = s.I - 1; i >= 0; --i) {
        int h = reader(in.row, i, s.stride_h, s.dilation_h, s.top, s.H);
        if (h < 0) continue;
        for (int j = s.J - 1; j >= 0; --j) {
            int w = reader(in.column, j, s.stride_w, s.dilation_w, s.left, s.W);
            if (w >= 0) sum += delta[place_of(in.plane, h, w, s.H, s.W)];
        }
    }
    dx[at] = sum / T(s.I * s.J);
}
