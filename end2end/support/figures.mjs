// Pure: samples → the figures that are told.

/**
 * The value below which that share of the samples lies; `NaN` without samples.
 * @param {number[]} samples
 * @param {number} share 0.5 is the median
 */
export function percentile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? NaN;
}

/**
 * @param {number[]} samples
 */
export function spread(samples) {
  return {
    p50: percentile(samples, 0.5),
    p95: percentile(samples, 0.95),
    longest: Math.max(...samples),
    samples: samples.length,
  };
}

/**
 * The longest time between two neighbours.
 * @param {number[]} times
 */
export function longestGap(times) {
  return Math.max(...times.slice(1).map((time, at) => time - times[at]));
}

/**
 * A Markdown table.
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function table(head, rows) {
  const width = head.map((title, at) => Math.max(...[title, ...rows.map((row) => row[at])].map((cell) => cell.length)));
  const line = (/** @type {string[]} */ cells) => `| ${cells.map((cell, at) => cell.padEnd(width[at])).join(' | ')} |`;
  return [line(head), `|${width.map((dashes) => '-'.repeat(dashes + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}
