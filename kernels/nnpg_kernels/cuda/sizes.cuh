// What every kernel is told of its arrays: a window that slides over images. `SIZES` in device.py has the same fields.
struct Sizes {
    int images;         // of this launch; of a delta with leading axes, of all seeds together
    int groups;         // the filters of a group read the channels of their group
    int channels;       // of a group
    int filters;        // of a group
    int rows, columns;  // of the input
    int H, W;           // of the output
    int I, J;           // of the window
    int stride_h, stride_w;
    int dilation_h, dilation_w;
    int top, left;  // padding
};

// Arrays may have more than 2^31 numbers: places in them have 64 bits. A launch has fewer than 2^31 pixels of a map,
// over all its images, so that they are counted and divided with 32 bits.
__device__ __forceinline__ long long place_of(long long plane, int row, int column, int rows, int columns) {
    return (plane * rows + row) * columns + column;
}

struct Pixel {
    int plane;  // or image
    int row, column;
};
__device__ __forceinline__ Pixel pixel_of(int place, int rows, int columns) {
    unsigned line = unsigned(place) / unsigned(columns), plane = line / unsigned(rows);
    return {int(plane), int(line - plane * rows), int(place - line * columns)};
}
__device__ __forceinline__ int thread_of_grid() { return blockIdx.x * blockDim.x + threadIdx.x; }

// Takes the next digit of a block's number: 0 to size - 1.
__device__ __forceinline__ int digit(unsigned& number, int size) {
    unsigned rest = number / unsigned(size);
    int taken = int(number - rest * size);
    number = rest;
    return taken;
}

// The output row that reads an input row through row i of its window, or a negative number. The same for columns.
__device__ __forceinline__ int reader(int row, int i, int stride, int dilation, int before, int size) {
    int from = row + before - i * dilation;
    if (from % stride) return -1;
    from /= stride;
    return from < size ? from : -1;
}
__device__ __forceinline__ bool inside(int row, int column, int rows, int columns) {
    return unsigned(row) < unsigned(rows) && unsigned(column) < unsigned(columns);
}
