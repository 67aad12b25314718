// y[n,f,h,w] = the largest pixel of the window; winner[n,f,h,w] = i J + j of the first largest, row by row.
// task    one output pixel
// tile    none: windows that overlap meet in the L1 cache
// inner   the pixels of the window in the image: one load, one comparison
// bound   memory: reads x once, writes y and winner once
// writer  the thread of the output pixel
template <class T, class Winner>
__global__ void __launch_bounds__(256, 4)
    max_pool_forward(const T* __restrict__ x, T* __restrict__ y, Winner* __restrict__ winner, Sizes s) {
    int at = thread_of_grid();
    if (at >= s.images * s.H * s.W) return;
    Pixel out = pixel_of(at, s.H, s.W);
    T largest =
        -T(__int_as_float(0x7f800000));  // the padding never wins; of pixels that are all -infinity, place 0 does
    int best = 0;
    for (int i = 0; i < s.I; ++i) {
        int row = out.row * s.stride_h + i * s.dilation_h - s.top;
        for (int j = 0; j < s.J; ++j) {
            int column = out.column * s.stride_w + j * s.dilation_w - s.left;
            if (!inside(row, column, s.rows, s.columns)) continue;
            T pixel = x[place_of(out.plane, row, column, s.rows, s.columns)];
            if (pixel > largest || (pixel != pixel && largest == largest)) {  // NaN is larger than any number
                largest = pixel;
                best = i * s.J + j;
            }
        }
    }
    y[at] = largest;
    winner[at] = Winner(best);
}
