/** Maps of numbers as pictures: grey from the lowest to the highest, or coloured by sign, with a mark on negative numbers. @module */

/** @typedef {{shape: number[], data: Float64Array}} Tensor */
/** @typedef {{rows: number, columns: number, values: Float64Array}} Plane */

/**
 * One map of an output, or a vector in several lines.
 * @param {Tensor} a
 * @param {number} f
 * @param {number} [most]  columns of a vector; nearly a square unless given
 * @returns {Plane}
 */
export function plane(a, f, most = Math.ceil(Math.sqrt(a.data.length))) {
  if (a.shape.length === 3) {
    const [, rows, columns] = a.shape;
    return { rows, columns, values: a.data.subarray(f * rows * columns, (f + 1) * rows * columns) };
  }
  const columns = Math.min(a.data.length, most);
  return { rows: Math.ceil(a.data.length / columns), columns, values: a.data };
}

/** @returns {Record<string, number[]>} the colours of this scheme, as the style sheet has them */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (/** @type {string} */ name) => {
    const text = style.getPropertyValue(name).trim();
    return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  };
  return { zero: colour("--zero"), plus: colour("--plus"), minus: colour("--minus") };
}

/**
 * Largest size of the numbers; 1 where all are 0.
 * @param {ArrayLike<number>} values
 */
export function extent(values) {
  let most = 0;
  for (let n = 0; n < values.length; n++) most = Math.max(most, Math.abs(values[n]));
  return most || 1;
}

/**
 * Paint a plane, one pixel of the canvas for each number.
 * @param {HTMLCanvasElement} canvas
 * @param {Plane} plane
 * @param {{signed: boolean, most?: number, low?: number, high?: number}} how
 */
export function paint(canvas, { rows, columns, values }, how) {
  canvas.width = columns;
  canvas.height = rows;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  const colours = palette();
  const most = how.most ?? extent(values);
  let low = how.low ?? Infinity;
  let high = how.high ?? -Infinity;
  if (how.low === undefined) for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  for (let n = 0; n < values.length; n++) {
    const colour = how.signed ? mixed(colours, values[n] / most) : Array(3).fill(high > low ? (255 * (values[n] - low)) / (high - low) : 128);
    image.data.set([...colour, 255], 4 * n);
  }
  context.putImageData(image, 0, 0);
}

/**
 * Black and white of an image: 0 and 1, or its lowest and highest number where one is outside.
 * @param {Tensor} x
 * @returns {[number, number]}
 */
export function range({ data }) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of data) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low >= 0 && high <= 1 ? [0, 1] : [low, high > low ? high : low + 1];
}

/**
 * Paint an image in its own colours: one channel grey, three as red, green and blue.
 * @param {HTMLCanvasElement} canvas
 * @param {Tensor} x
 */
export function paintImage(canvas, x) {
  const [C, rows, columns] = x.shape.length === 3 ? x.shape : [1, 1, x.data.length];
  const [low, high] = range(x);
  if (C !== 3) return paint(canvas, plane(x, 0), { signed: false, low, high });
  canvas.width = columns;
  canvas.height = rows;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  const size = rows * columns;
  for (let n = 0; n < size; n++) image.data.set([0, 1, 2].map((c) => (255 * (x.data[c * size + n] - low)) / (high - low)).concat(255), 4 * n);
  context.putImageData(image, 0, 0);
}

/**
 * From the colour of 0 to that of the sign.
 * @param {Record<string, number[]>} colours
 * @param {number} share  of the largest, -1 to 1
 */
function mixed(colours, share) {
  const end = share > 0 ? colours.plus : colours.minus;
  const part = Math.min(1, Math.abs(share)) ** 0.8;
  return colours.zero.map((zero, n) => zero + part * (end[n] - zero));
}

/**
 * Paint a plane large: a mark on negative cells where they are large enough, and a frame around one.
 * @param {HTMLCanvasElement} canvas
 * @param {Plane} plane
 * @param {{signed: boolean, most?: number, low?: number, high?: number, at?: number, width: number, height: number}} how
 */
export function paintLarge(canvas, plane, how) {
  const small = document.createElement("canvas");
  paint(small, plane, how);
  const scale = window.devicePixelRatio || 1;
  const cell = Math.min(how.width / plane.columns, how.height / plane.rows);
  canvas.width = Math.round(cell * plane.columns * scale);
  canvas.height = Math.round(cell * plane.rows * scale);
  canvas.style.width = `${cell * plane.columns}px`;
  canvas.style.height = `${cell * plane.rows}px`;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  const size = cell * scale;
  const most = how.most ?? extent(plane.values);
  const style = getComputedStyle(document.documentElement);
  if (how.signed && cell >= 9) {
    for (let n = 0; n < plane.values.length; n++) {
      const share = plane.values[n] / most;
      if (share > -0.05) continue;
      context.fillStyle = Math.abs(share) > 0.45 ? style.getPropertyValue("--zero") : style.getPropertyValue("--ink");
      const [x, y] = [((n % plane.columns) + 0.5) * size, (Math.floor(n / plane.columns) + 0.5) * size];
      const [long, thick] = [Math.min(size * 0.4, 7 * scale), Math.max(1, scale)];
      context.fillRect(x - long / 2, y - thick / 2, long, thick);
    }
  }
  if (how.at === undefined) return;
  const [x, y] = [(how.at % plane.columns) * size, Math.floor(how.at / plane.columns) * size];
  const grown = Math.max(0, (5 * scale - size) / 2);
  context.lineWidth = 3.5 * scale;
  context.strokeStyle = style.getPropertyValue("--ground");
  context.strokeRect(x - grown, y - grown, size + 2 * grown, size + 2 * grown);
  context.lineWidth = 1.8 * scale;
  context.strokeStyle = style.getPropertyValue("--ink");
  context.strokeRect(x - grown, y - grown, size + 2 * grown, size + 2 * grown);
}
