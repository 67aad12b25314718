/** Numbers as the page shows them: the digits of Python's format "g", with the minus of print. @module */

/**
 * Write a number with `count` digits, without trailing zeros.
 * @param {number} value
 * @param {number} [count]
 * @returns {string}
 */
export function digits(value, count = 4) {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const [mantissa, exponent] = Math.abs(value).toExponential(count - 1).split("e");
  const power = Number(exponent);
  const sign = value < 0 ? "−" : "";
  if (power >= -4 && power < count) return sign + trimmed(Math.abs(value).toFixed(count - 1 - power));
  const size = String(Math.abs(power)).padStart(2, "0");
  return `${sign}${trimmed(mantissa)}e${power < 0 ? "−" : "+"}${size}`;
}

/**
 * A number with its sign, also where it is positive.
 * @param {number} value
 * @param {number} [count]
 * @returns {string}
 */
export function signed(value, count = 4) {
  return value > 0 ? `+${digits(value, count)}` : digits(value, count);
}

/** @param {string} text */
function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/**
 * A count with its noun: "1 image", "45 images".
 * @param {number} count
 * @param {string} noun
 * @returns {string}
 */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * Root of the mean of the squares.
 * @param {ArrayLike<number>} values
 * @returns {number}
 */
export function rms(values) {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n] * values[n];
  return Math.sqrt(sum / values.length);
}

/**
 * The position of the largest value, the first one of several.
 * @param {ArrayLike<number>} values
 * @returns {number}
 */
export function largest(values) {
  let best = 0;
  for (let n = 1; n < values.length; n++) if (values[n] > values[best]) best = n;
  return best;
}
