// Pure: what was seen, and when → the figures of a link's table. All times are epoch milliseconds.

import { percentile } from './figures.mjs';

/** @typedef {{ at: number, age: number | null }} Frame when it was shown, and how old it was then, in milliseconds */
/** @typedef {{ at: number, bytes: number }} Traffic bytes that had come over the link by then */

/** How long a picture has to stay live before it counts as live again. */
const HOLDS_MILLIS = 1000;

/**
 * @template {{ at: number }} T
 * @param {T[]} series
 * @param {number} from
 * @param {number} to
 */
export function within(series, from, to) {
  return series.filter(({ at }) => at >= from && at < to);
}

/**
 * @param {Frame[]} frames
 * @param {number} from
 * @param {number} to
 */
export function framesPerSecond(frames, from, to) {
  return (within(frames, from, to).length * 1000) / (to - from);
}

/**
 * Ages of the frames that could be read.
 * @param {Frame[]} frames
 */
export function ages(frames) {
  return frames.flatMap(({ age }) => age ?? []);
}

/**
 * How long the picture stood still at most, the ends counted.
 * @param {Frame[]} frames
 * @param {number} from
 * @param {number} to
 */
export function longestFreeze(frames, from, to) {
  const times = [from, ...within(frames, from, to).map(({ at }) => at), to];
  return Math.max(...times.slice(1).map((time, at) => time - times[at]));
}

/**
 * How long after `from` the picture was live: from then on, for a second, 95 % of the frames are younger than `limit`
 * and none is missing for longer than that. `Infinity` when it never was.
 * @param {Frame[]} frames
 * @param {number} limit milliseconds
 * @param {number} from
 * @param {number} to
 */
export function liveAfter(frames, limit, from, to) {
  const seen = within(frames, from, to);
  for (const [index, { at, age }] of seen.entries()) {
    if (age === null || age > limit || at + HOLDS_MILLIS > to) continue;
    const next = within(seen.slice(index), at, at + HOLDS_MILLIS);
    const young = percentile(next.map(({ age }) => age ?? Infinity), 0.95) <= limit;
    if (young && longestFreeze(next, at, at + HOLDS_MILLIS) <= Math.max(limit, 300)) return at - from;
  }
  return Infinity;
}

/**
 * Bits per second that came over the link.
 * @param {Traffic[]} traffic
 * @param {number} from
 * @param {number} to
 */
export function rate(traffic, from, to) {
  const seen = within(traffic, from, to);
  const [first, last] = [seen.at(0), seen.at(-1)];
  if (!first || !last || first === last) return NaN;
  return ((last.bytes - first.bytes) * 8000) / (last.at - first.at);
}

/**
 * How long after `from` a whole second's rate was at least this for the first time; `Infinity` when it never was.
 * @param {Traffic[]} traffic
 * @param {number} wanted bits per second
 * @param {number} from
 * @param {number} to
 */
export function rateAfter(traffic, wanted, from, to) {
  const reached = within(traffic, from + 1000, to).find(({ at }) => rate(traffic, at - 1000, at + 1) >= wanted);
  return reached ? reached.at - from : Infinity;
}

/**
 * How old the picture on the screen was, every so often: between frames it grows older.
 * @param {Frame[]} frames
 * @param {number} from
 * @param {number} to
 * @param {number} stepMillis
 * @returns {[number, number][]} seconds after `from`, and the oldest age in that step in milliseconds
 */
export function ageOverTime(frames, from, to, stepMillis) {
  const readable = frames.filter(({ age }) => age !== null);
  const points = /** @type {[number, number][]} */ ([]);
  let next = 0;
  let born = NaN;
  for (let begin = from; begin + stepMillis <= to; begin += stepMillis) {
    const end = begin + stepMillis;
    let oldest = -Infinity;
    for (; next < readable.length && readable[next].at < end; next++) {
      const { at, age } = readable[next];
      // Just before the new frame replaces it, the old one is oldest.
      if (at >= begin && !Number.isNaN(born)) oldest = Math.max(oldest, at - born);
      born = at - Number(age);
    }
    if (!Number.isNaN(born)) points.push([(end - from) / 1000, Math.max(oldest, end - born)]);
  }
  return points;
}

/**
 * @param {Traffic[]} traffic
 * @param {number} from
 * @param {number} to
 * @param {number} stepMillis
 * @returns {[number, number][]} seconds after `from`, and bits per second in that step
 */
export function rateOverTime(traffic, from, to, stepMillis) {
  const points = /** @type {[number, number][]} */ ([]);
  for (let begin = from; begin + stepMillis <= to; begin += stepMillis) {
    // One sample more at the end: a step's last bytes are counted by the next sample.
    const bits = rate(traffic, begin, begin + stepMillis + SAMPLE_MILLIS);
    if (!Number.isNaN(bits)) points.push([(begin + stepMillis - from) / 1000, bits]);
  }
  return points;
}

/** How often the traffic is looked at. */
export const SAMPLE_MILLIS = 100;
