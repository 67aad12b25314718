// What every kernel is told of its arrays: a window that slides over images. `Sizes` in device.py has the same fields.
struct Sizes {
    long long images;  // N; of a delta with leading axes, the product of these axes and N
    int groups;        // the filters of a group read the channels of their group
    int channels;      // of a group
    int filters;       // of a group
    int rows, columns; // of the input
    int H, W;          // of the output
    int I, J;          // of the window
    int stride_h, stride_w;
    int dilation_h, dilation_w;
    int top, left;     // padding
};

// Arrays may have more than 2^31 numbers: places in them have 64 bits, and only those below 2^31 are divided with 32.
__device__ __forceinline__ long long divided(long long place, int size, int& rest) {
    if (place <= 0x7fffffff) {
        int quotient = int(place) / size;
        rest = int(place) - quotient * size;
        return quotient;
    }
    long long quotient = place / size;
    rest = int(place - quotient * size);
    return quotient;
}

struct Pixel {
    long long plane;  // or image
    int row, column;
};
__device__ __forceinline__ Pixel pixel_of(long long place, int rows, int columns) {
    Pixel p;
    p.plane = divided(divided(place, columns, p.column), rows, p.row);
    return p;
}
__device__ __forceinline__ long long place_of(long long plane, int row, int column, int rows, int columns) {
    return (plane * rows + row) * columns + column;
}
__device__ __forceinline__ long long thread_of_grid() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }

// The output row that reads an input row through row i of its window, or -1. The same for columns.
__device__ __forceinline__ int reader(int row, int i, int stride, int dilation, int before, int size) {
    int from = row + before - i * dilation;
    if (from < 0 || from % stride) return -1;
    from /= stride;
    return from < size ? from : -1;
}
__device__ __forceinline__ bool inside(int row, int column, int rows, int columns) {
    return unsigned(row) < unsigned(rows) && unsigned(column) < unsigned(columns);
}
