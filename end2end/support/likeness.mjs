// Pure: two pictures' luma → how alike they are.
//
// Luma is a row of numbers 0 to 255, 0 black and 255 white, as many as width × height.

/**
 * The peak signal-to-noise ratio in dB; 60 stands for "no difference but rounding", and for less.
 * @param {ArrayLike<number>} seen
 * @param {ArrayLike<number>} meant
 */
export function psnr(seen, meant) {
  let squares = 0;
  for (let at = 0; at < meant.length; at++) squares += (seen[at] - meant[at]) ** 2;
  return Math.min(60, 10 * Math.log10(255 ** 2 / (squares / meant.length)));
}

/** A Gaussian of 11 samples and a deviation of 1.5, as in the paper that defined SSIM. */
const WINDOW = Array.from({ length: 11 }, (_, at) => Math.exp(-((at - 5) ** 2) / (2 * 1.5 ** 2)));
const SUM = WINDOW.reduce((sum, weight) => sum + weight, 0);
const WEIGHTS = WINDOW.map((weight) => weight / SUM);
const [C1, C2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];

/**
 * The mean structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004), 1 for the same picture.
 * @param {ArrayLike<number>} seen
 * @param {ArrayLike<number>} meant
 * @param {number} width
 */
export function ssim(seen, meant, width) {
  const height = meant.length / width;
  const [across, down] = [width - WEIGHTS.length + 1, height - WEIGHTS.length + 1];
  /** @param {(at: number) => number} value */
  const blurred = (value) => {
    const rows = new Float64Array(across * height);
    for (let y = 0; y < height; y++) {
      const line = Float64Array.from({ length: width }, (_, x) => value(y * width + x));
      for (let x = 0; x < across; x++) {
        let sum = 0;
        for (let tap = 0; tap < WEIGHTS.length; tap++) sum += WEIGHTS[tap] * line[x + tap];
        rows[y * across + x] = sum;
      }
    }
    const both = new Float64Array(across * down);
    for (let y = 0; y < down; y++) {
      for (let x = 0; x < across; x++) {
        let sum = 0;
        for (let tap = 0; tap < WEIGHTS.length; tap++) sum += WEIGHTS[tap] * rows[(y + tap) * across + x];
        both[y * across + x] = sum;
      }
    }
    return both;
  };
  const [meanA, meanB] = [blurred((at) => seen[at]), blurred((at) => meant[at])];
  const [squareA, squareB] = [blurred((at) => seen[at] ** 2), blurred((at) => meant[at] ** 2)];
  const product = blurred((at) => seen[at] * meant[at]);
  let total = 0;
  for (let at = 0; at < meanA.length; at++) {
    const [a, b] = [meanA[at], meanB[at]];
    const [varianceA, varianceB, covariance] = [squareA[at] - a * a, squareB[at] - b * b, product[at] - a * b];
    total +=
      ((2 * a * b + C1) * (2 * covariance + C2)) / ((a * a + b * b + C1) * (varianceA + varianceB + C2));
  }
  return total / meanA.length;
}
