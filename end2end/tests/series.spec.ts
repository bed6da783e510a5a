// The figures of the links' table, on series that are made up: no browser takes part.

import { expect, test } from '@playwright/test';
import { svg } from '../support/plot.mjs';
import { ageOverTime, framesPerSecond, liveAfter, longestFreeze, rate, rateAfter } from '../support/series.mjs';

/** 50 frames a second from `from` to `to`, each that old. */
function film(from: number, to: number, age: number) {
  return Array.from({ length: (to - from) / 20 }, (_, at) => ({ at: from + at * 20, age }));
}

test('the longest freeze counts the time before the first and after the last frame', () => {
  const frames = film(400, 600, 10);
  expect(longestFreeze(frames, 0, 2000)).toBe(1420);
  expect(longestFreeze(frames, 400, 600)).toBe(20);
  expect(longestFreeze([], 0, 2000)).toBe(2000);
  expect(framesPerSecond(frames, 0, 2000)).toBe(5);
});

test('a picture is live again when it stays young, not at its first young frame', () => {
  const frames = [...film(0, 1000, 500), { at: 1000, age: 50 }, ...film(1020, 1500, 800), ...film(1500, 4000, 60)];
  expect(liveAfter(frames, 200, 0, 4000)).toBe(1500);
  expect(liveAfter(film(0, 4000, 500), 200, 0, 4000)).toBe(Infinity);
  expect(liveAfter([], 200, 0, 4000)).toBe(Infinity);
});

test('a film that stops is not live', () => {
  expect(liveAfter(film(0, 500, 50), 200, 0, 4000)).toBe(Infinity);
});

test('a rate is reached when a whole second had it', () => {
  // 1 Mb/s for two seconds, then 8.
  const traffic = Array.from({ length: 60 }, (_, at) => ({
    at: at * 100,
    bytes: at <= 20 ? at * 12_500 : 250_000 + (at - 20) * 100_000,
  }));
  expect(rate(traffic, 0, 2000)).toBeCloseTo(1e6);
  expect(rateAfter(traffic, 8e6, 0, 6000)).toBe(3000);
  expect(rateAfter(traffic, 9e6, 0, 6000)).toBe(Infinity);
});

test('between frames the picture on the screen grows older', () => {
  const ages = ageOverTime([{ at: 100, age: 40 }, { at: 1700, age: 30 }], 0, 2000, 500);
  expect(ages).toEqual([
    [0.5, 440],
    [1, 940],
    [1.5, 1440],
    [2, 1640],
  ]);
});

test('a plot has a line for each way of sending, broken where there is nothing to tell', () => {
  const line = { age: [[0, 20], [1, NaN], [2, 30], [3, 40]], rate: [[0, 1e6], [3, 2e6]], estimate: [] } as const;
  const text = svg({
    title: 'a < b',
    seconds: 3,
    lines: ['adaptive', 'fixed'].map((name) => ({ name, ...structuredClone(line) as any })),
    capacity: [[0, 2e6]],
    bands: [{ from: 1, to: 2, what: 'cut' }],
  });
  expect(text).toContain('a &#60; b');
  expect(text).not.toContain('NaN');
  expect(text.match(/d="M[^"]*M[^"]*" fill="none"/g)).toHaveLength(2);
});
