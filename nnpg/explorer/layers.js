// The layers of nnpg in float64, for one image. Names, conventions and equations are those of nnpg/layers.
// C channels, F filters, D = C / groups, H W an image, I J a window, K classes; arrays are row-major.

/** @typedef {{shape: number[], data: Float64Array}} Tensor */
/** @typedef {Record<string, Tensor>} Tensors */
/** @typedef {{name: string, layer: string, settings: Record<string, any>, arrays: Tensors}} Layer */
/**
 * The methods of a class of layers. What backward needs is computed again from x. `links` calls visit for every y_j and
 * the x_i that it reads, where a layer is not affine.
 * @typedef {object} Kind
 * @property {boolean} [affine]
 * @property {(layer: Layer, x: Tensor) => Tensor} forward
 * @property {(layer: Layer, delta: Tensor, x: Tensor) => Tensor} backward
 * @property {(layer: Layer, delta: Tensor, x: Tensor) => Tensors} [gradients]
 * @property {(layer: Layer, x: Tensor, visit: (j: number, i: number) => void) => void} [links]
 */

/** How many numbers a shape has. @param {number[]} shape */
export const sizeOf = (shape) => shape.reduce((product, n) => product * n, 1);

/** @param {number[]} shape @returns {Tensor} */
export const zeros = (shape) => ({ shape, data: new Float64Array(sizeOf(shape)) });

/** 1 at one place, 0 elsewhere. @param {number[]} shape @param {number} at */
export function oneHot(shape, at) {
  const e = zeros(shape);
  e.data[at] = 1;
  return e;
}

/** The place of an index in row-major order. @param {number[]} shape @param {number[]} index */
export const placeOf = (shape, index) => index.reduce((at, i, axis) => at * shape[axis] + i, 0);

/** The index of a place. @param {number[]} shape @param {number} at */
export function indexOf(shape, at) {
  const index = [];
  for (const size of [...shape].reverse()) {
    index.unshift(at % size);
    at = Math.floor(at / size);
  }
  return index;
}

/** f of every number of x. @param {Tensor} x @param {(v: number, i: number) => number} f @returns {Tensor} */
export const each = (x, f) => ({ shape: x.shape, data: x.data.map(f) });

/** @param {ArrayLike<number>} values */
export const sum = (values) => {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
};

/** The first largest. @param {ArrayLike<number>} values */
export const argmax = (values) => {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
};

// Windows: output pixel (h, w) reads input pixel (h s + i d - top, w s + j d - left) through (i, j). Places on the
// padding are left out, and so is a last window that does not fit (floor).

/** Rows and columns of the output, and which pixels it reads, in runs along its rows: the place of the first output,
 * i J + j, the place of its input, and how many outputs there are; from one to the next, the input moves by the stride.
 * @param {number[]} size @param {Record<string, any>} settings @param {number[]} x  the input's shape */
function windowOf([I, J], { stride, padding: [top, bottom, left, right], dilation = [1, 1] }, x) {
  const [H, W] = x.slice(-2), [step, across] = stride;
  const rows = Math.floor((H + top + bottom - (I - 1) * dilation[0] - 1) / step) + 1;
  const columns = Math.floor((W + left + right - (J - 1) * dilation[1] - 1) / across) + 1;
  const runs = [];
  for (let h = 0; h < rows; h++)
    for (let i = 0; i < I; i++)
      for (let j = 0; j < J; j++) {
        const row = h * step + i * dilation[0] - top, column = j * dilation[1] - left; // column is that of w = 0
        const first = Math.max(0, Math.ceil(-column / across));
        const count = Math.min(columns, Math.ceil((W - column) / across)) - first;
        if (row < 0 || row >= H || count <= 0) continue;
        runs.push(h * columns + first, i * J + j, row * W + column + first * across, count);
      }
  return { shape: [rows, columns], runs, across };
}

/** Calls visit with a run of y, the W that it is multiplied by, and its x: how many there are, and how far apart the x.
 * @param {Layer} layer @param {number[]} x  the input's shape
 * @param {(y: number, W: number, x: number, count: number, across: number) => void} visit */
function products({ arrays: { W }, settings }, x, visit) {
  const [F, D, I, J] = W.shape, { shape, runs, across } = windowOf([I, J], settings, x);
  for (let f = 0; f < F; f++)
    for (let c = 0; c < D; c++) {
      const y = f * sizeOf(shape), filter = (f * D + c) * I * J;
      const plane = (Math.floor(f / (F / settings.groups)) * D + c) * x[1] * x[2];
      for (let n = 0; n < runs.length; n += 4)
        visit(y + runs[n], filter + runs[n + 1], plane + runs[n + 2], runs[n + 3], across);
    }
}

/** Calls visit with the places of every y of a pooling layer and of the x that it reads.
 * @param {Layer} layer @param {number[]} x  the input's shape @param {(y: number, x: number) => void} visit */
function pooled({ settings }, x, visit) {
  const { shape, runs, across } = windowOf(settings.size, settings, x);
  for (let c = 0; c < x[0]; c++)
    for (let n = 0; n < runs.length; n += 4)
      for (let q = 0; q < runs[n + 3]; q++)
        visit(c * sizeOf(shape) + runs[n] + q, c * x[1] * x[2] + runs[n + 2] + q * across);
}

/** Zeros of the shape of a pooling layer's output. @param {Layer} layer @param {number[]} x  the input's shape */
const unpooled = ({ settings }, x) => zeros([x[0], ...windowOf(settings.size, settings, x).shape]);

/** The largest of each window, and where it is: the first one, row-major; a NaN is larger than any number.
 * @param {Layer} layer @param {Tensor} x */
function winners(layer, x) {
  const y = unpooled(layer, x.shape), winner = new Int32Array(y.data.length).fill(-1);
  pooled(layer, x.shape, (o, p) => {
    if (winner[o] < 0 || (!(x.data[p] <= y.data[o]) && y.data[o] === y.data[o])) {
      y.data[o] = x.data[p];
      winner[o] = p;
    }
  });
  return { y, winner };
}

/** sum_d near[c, d] a[d, h, w], d one of the `size` maps around c; transposed, sum_c near[c, d] a[c, h, w].
 * @param {number} size @param {Tensor} a @param {boolean} [transposed] */
function overMaps(size, a, transposed) {
  const [C, H, W] = a.shape, half = Math.floor(size / 2), result = zeros(a.shape);
  for (let c = 0; c < C; c++)
    for (let d = Math.max(0, c - half); d < Math.min(C, c + size - half); d++) {
      const [to, from] = transposed ? [d, c] : [c, d];
      for (let p = 0; p < H * W; p++) result.data[to * H * W + p] += a.data[from * H * W + p];
    }
  return result;
}

/** @param {Layer} layer @param {Tensor} x */
function normaliser({ settings: { size, alpha, bias } }, x) {
  return each(overMaps(size, each(x, (v) => v * v)), (v) => bias + (alpha / size) * v);
}

/** x less the mean, which is the same along an axis that it lacks, or where it has size 1.
 * @param {Tensor} mean @param {Tensor} x */
function centred(mean, x) {
  const extra = mean.shape.length - x.shape.length; // 1 for a mean (1, C, H, W)
  return each(x, (v, at) => {
    const index = indexOf(x.shape, at);
    const place = mean.shape.reduce((m, size, axis) => m * size + (size === 1 ? 0 : index[axis - extra]), 0);
    return v - mean.data[place];
  });
}

/** An activation of one number: its y, and dy/dx from y.
 * @param {(x: number, layer: Layer) => number} f @param {(y: number) => number} slope @returns {Kind} */
const activation = (f, slope) => ({
  forward: (layer, x) => each(x, (v) => f(v, layer)),
  backward: (layer, delta, x) => each(delta, (d, i) => d * slope(f(x.data[i], layer))),
  links: (_, x, visit) => x.data.forEach((_, i) => visit(i, i)),
});

/** e^-|x| stays finite. @param {number} x */
export const sigmoid = (x) => (x < 0 ? Math.exp(x) : 1) / (1 + Math.exp(-Math.abs(x)));

/** @type {Record<string, Kind>} */
export const LAYERS = {
  Dense: {
    affine: true,
    /** y[f] = sum_d W[f,d] x[d] + b[f]. */
    forward({ arrays: { W, b } }, x) {
      const [F, D] = W.shape;
      return each(zeros([F]), (_, f) => sum(x.data.map((v, d) => W.data[f * D + d] * v)) + (b ? b.data[f] : 0));
    },
    /** dL/dx[d] = sum_f delta[f] W[f,d]. */
    backward({ arrays: { W } }, delta, x) {
      const D = W.shape[1], dx = zeros(x.shape);
      delta.data.forEach((v, f) => { for (let d = 0; d < D; d++) dx.data[d] += v * W.data[f * D + d]; });
      return dx;
    },
    /** dL/dW[f,d] = delta[f] x[d];  dL/db[f] = delta[f]. */
    gradients({ arrays: { W, b } }, delta, x) {
      const D = W.shape[1];
      /** @type {Tensors} */
      const found = { W: each(W, (_, at) => delta.data[Math.floor(at / D)] * x.data[at % D]) };
      if (b) found.b = delta;
      return found;
    },
  },
  Conv: {
    affine: true,
    /** y[f,h,w] = sum_{c,i,j} W[f,c,i,j] x[c,h+i,w+j] + b[f]   (stride 1, no padding). */
    forward(layer, x) {
      const { W, b } = layer.arrays, [F, , I, J] = W.shape, w = W.data, v = x.data;
      const { shape } = windowOf([I, J], layer.settings, x.shape), O = sizeOf(shape);
      const y = zeros([F, ...shape]), sums = y.data;
      if (b) b.data.forEach((v, f) => sums.fill(v, f * O, (f + 1) * O));
      products(layer, x.shape, (o, k, p, count, across) => {
        for (let q = 0; q < count; q++) sums[o + q] += w[k] * v[p + q * across];
      });
      return y;
    },
    /** dL/dx[c,h,w] = sum_{f,i,j} W[f,c,i,j] delta[f,h-i,w-j]. */
    backward(layer, delta, x) {
      const w = layer.arrays.W.data, d = delta.data, dx = zeros(x.shape), sums = dx.data;
      products(layer, x.shape, (o, k, p, count, across) => {
        for (let q = 0; q < count; q++) sums[p + q * across] += w[k] * d[o + q];
      });
      return dx;
    },
    /** dL/dW[f,c,i,j] = sum_{h,w} delta[f,h,w] x[c,h+i,w+j];  dL/db[f] = sum_{h,w} delta[f,h,w]. */
    gradients(layer, delta, x) {
      const { W, b } = layer.arrays, d = delta.data, v = x.data, dW = zeros(W.shape), sums = dW.data;
      products(layer, x.shape, (o, k, p, count, across) => {
        for (let q = 0; q < count; q++) sums[k] += d[o + q] * v[p + q * across];
      });
      const O = delta.shape[1] * delta.shape[2];
      /** @type {Tensors} */
      const found = { W: dW };
      if (b) found.b = each(b, (_, f) => sum(d.subarray(f * O, (f + 1) * O)));
      return found;
    },
  },
  Flatten: {
    affine: true,
    /** y = x in one row. */
    forward: (_, x) => ({ shape: [x.data.length], data: x.data }),
    /** dL/dx = delta back in the shape of x. */
    backward: (_, delta, x) => ({ shape: x.shape, data: delta.data }),
  },
  Center: {
    affine: true,
    /** y = x - mean. */
    forward: ({ arrays: { mean } }, x) => centred(mean, x),
    /** dL/dx = delta. */
    backward: (_, delta) => delta,
    links: (_, x, visit) => x.data.forEach((_, i) => visit(i, i)),
  },
  /** y = tanh x;  dL/dx = delta (1 - y^2). */
  Tanh: activation(Math.tanh, (y) => 1 - y * y),
  /** y = max(0, x);  dL/dx = delta where y > 0, 0 elsewhere. */
  ReLU: activation((x) => Math.max(x, 0), (y) => (y <= 0 ? 0 : 1)),
  /** y = 1 / (1 + e^-x);  dL/dx = delta y (1 - y). */
  Sigmoid: activation(sigmoid, (y) => y * (1 - y)),
  /** y = [x > 0], or [x >= 0];  dL/dx = 0. */
  Step: activation((x, { settings }) => Number(settings.at_zero ? x >= 0 : x > 0), () => 0),
  Softmax: {
    /** y_k = e^(x_k - m) / sum_j e^(x_j - m) with m = max_j x_j, along the last axis. */
    forward(_, x) {
      const y = zeros(x.shape), K = x.shape[x.shape.length - 1];
      for (let row = 0; row < y.data.length; row += K) {
        const z = x.data.subarray(row, row + K), m = z[argmax(z)], e = z.map((v) => Math.exp(v - m)), total = sum(e);
        y.data.set(e.map((v) => v / total), row);
      }
      return y;
    },
    /** dL/dx_k = y_k (delta_k - sum_j y_j delta_j), after the delta of the largest y is subtracted from all. */
    backward(layer, delta, x) {
      const dx = zeros(x.shape), K = x.shape[x.shape.length - 1], p = LAYERS.Softmax.forward(layer, x).data;
      for (let row = 0; row < p.length; row += K) {
        const y = p.subarray(row, row + K), largest = delta.data[row + argmax(y)];
        const shifted = delta.data.slice(row, row + K).map((d) => d - largest);
        const mean = sum(y.map((v, j) => v * shifted[j]));
        dx.data.set(y.map((v, k) => v * (shifted[k] - mean)), row);
      }
      return dx;
    },
    links(_, x, visit) {
      const K = x.shape[x.shape.length - 1]; // the only probability of a row is 1, and reads nothing
      if (K > 1) x.data.forEach((_, j) => { for (let k = 0; k < K; k++) visit(j, Math.floor(j / K) * K + k); });
    },
  },
  MaxPool: {
    /** y[f,h,w] = max_{i,j} x[f,h s+i,w s+j]. */
    forward: (layer, x) => winners(layer, x).y,
    /** dL/dx = delta at the winner of each window, 0 elsewhere. */
    backward(layer, delta, x) {
      const dx = zeros(x.shape);
      winners(layer, x).winner.forEach((p, o) => { dx.data[p] += delta.data[o]; });
      return dx;
    },
    links: (layer, x, visit) => pooled(layer, x.shape, visit),
  },
  AvgPool: {
    affine: true,
    /** y[f,h,w] = 1/(IJ) sum_{i,j} x[f,h s+i,w s+j]; the zeros of the padding are counted. */
    forward(layer, x) {
      const y = unpooled(layer, x.shape);
      pooled(layer, x.shape, (o, p) => { y.data[o] += x.data[p]; });
      return each(y, (v) => v / sizeOf(layer.settings.size));
    },
    /** dL/dx = 1/(IJ) sum of delta over the windows that contain the pixel. */
    backward(layer, delta, x) {
      const dx = zeros(x.shape);
      pooled(layer, x.shape, (o, p) => { dx.data[p] += delta.data[o]; });
      return each(dx, (v) => v / sizeOf(layer.settings.size));
    },
  },
  Dropout: {
    affine: true,
    /** y = m x / (1 - rate), m a 0/1 mask; x where there is no mask, as in prediction. */
    forward: ({ arrays: { mask }, settings: { rate } }, x) =>
      mask ? each(x, (v, i) => v * (mask.data[i] / (1 - rate))) : x,
    /** dL/dx = delta m / (1 - rate). */
    backward: (layer, delta) => LAYERS.Dropout.forward(layer, delta),
  },
  LocalResponseNorm: {
    /** y_c = x_c z_c^-beta,  z_c = bias + alpha / size sum_{d near c} x_d^2. */
    forward(layer, x) {
      const z = normaliser(layer, x).data;
      return each(x, (v, i) => v * z[i] ** -layer.settings.beta);
    },
    /** dL/dx_d = delta_d z_d^-beta - 2 alpha beta / size x_d sum_{c: d near c} delta_c x_c z_c^(-beta-1). */
    backward(layer, delta, x) {
      const { size, alpha, beta } = layer.settings, z = normaliser(layer, x).data;
      const shared = overMaps(size, each(delta, (d, i) => d * x.data[i] * z[i] ** (-beta - 1)), true).data;
      return each(delta, (d, i) => d * z[i] ** -beta - ((2 * alpha * beta) / size) * x.data[i] * shared[i]);
    },
    links({ settings: { size } }, x, visit) {
      const [C, H, W] = x.shape, half = Math.floor(size / 2);
      x.data.forEach((v, j) => { // where x_c is 0, y_c is 0 whatever its neighbours are
        const c = Math.floor(j / (H * W));
        for (let d = Math.max(0, c - half); d < Math.min(C, c + size - half); d++)
          if (v !== 0 || d === c) visit(j, j + (d - c) * H * W);
      });
    },
  },
};
