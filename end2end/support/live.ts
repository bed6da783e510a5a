// A fault → how long until the viewer sees a live picture again, and what it saw meanwhile.
//
// The far page draws its clock: each frame on the screen tells how old it is.

import { expect, type Page } from '@playwright/test';

/** A picture is live when the page drew it less than this ago; the machine may be busy with other tests too. */
const LIVE_MILLIS = 700;

/** One frame on the viewer's screen; epoch milliseconds, and milliseconds. */
type Seen = { at: number; age: number | null };

/** The frames since the page began, as `installStopwatch` notes them. */
async function frames(page: Page): Promise<Seen[]> {
  return page.evaluate(() => {
    // Not `timeOrigin`: that clock may have drifted since.
    const epoch = Date.now() - performance.now();
    return window.stopwatch.frames.map(({ at, age }) => ({ at: at + epoch, age: age ?? null }));
  });
}

/** Waits for live pictures. */
export async function isLive(page: Page): Promise<void> {
  await liveAfter(page, Date.now());
}

/** When the first live picture after that moment was shown, in milliseconds since then. */
export async function liveAfter(page: Page, moment: number, timeout = 30_000): Promise<number> {
  let first: Seen | undefined;
  await expect(async () => {
    const seen = await frames(page);
    first = seen.find(({ at, age }) => at >= moment && age !== null && age < LIVE_MILLIS);
    const last = seen.slice(-5).map(({ at, age }) => `${age} ms old at ${Math.round(at - moment)} ms`);
    expect(first, `no live picture; the last ones: ${last.join(', ')}`).toBeDefined();
  }).toPass({ intervals: [50], timeout });
  return (first?.at ?? NaN) - moment;
}

/**
 * The oldest picture that was shown in the second after that moment, in milliseconds: a replay of the past would be old.
 * Waits until the second is over and pictures have come.
 */
export async function oldestAfter(page: Page, moment: number): Promise<number> {
  let shown: number[] = [];
  await expect(async () => {
    const seen = await frames(page);
    expect(seen.some(({ at }) => at >= moment + 1000), 'a second has passed').toBe(true);
    shown = seen.filter(({ at }) => at >= moment && at < moment + 1000).flatMap(({ age }) => age ?? []);
    expect(shown.length, 'pictures were shown in it').toBeGreaterThan(0);
  }).toPass({ intervals: [50], timeout: 10_000 });
  return Math.max(...shown);
}

/** One line in the tests' output. */
export function tell(fault: string, millis: number, more = ''): void {
  console.log(`    ${fault}: a live picture after ${(millis / 1000).toFixed(2)} s${more && ` (${more})`}`);
}
