// y[n,f,h,w] = 1 / (I J) sum_{i,j} x[n,f,row,column]; pixels of the padding are 0 and are counted.
// task    one output pixel
// tile    none: windows that overlap meet in the L1 cache
// inner   the pixels of the window in the image: one load, one addition
// bound   memory: reads x once, writes y once
// writer  the thread of the output pixel
template <class T>
__global__ void __launch_bounds__(256, 4) avg_pool_forward(const T* __restrict__ x, T* __restrict__ y, Sizes s) {
    int at = thread_of_grid();
    if (at >= s.images * s.H * s.W) return;
    Pixel out = pixel_of(at, s.H, s.W);
    T sum = 0;
    for (int i = 0; i < s.I; ++i) {
        int row = out.row * s.stride_h + i * s.dilation_h - s.top;
        for (int j = 0; j < s.J; ++j) {
            int column = out.column * s.stride_w + j * s.dilation_w - s.left;
            if (inside(row, column, s.rows, s.columns)) sum += x[place_of(out.plane, row, column, s.rows, s.columns)];
        }
    }
    y[at] = sum / T(s.I * s.J);
}
