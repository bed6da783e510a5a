// A viewer's page and its server → figures. Used by the benchmarks.

import { setTimeout as pause } from 'node:timers/promises';
import { spread } from './figures.mjs';
import { installInstruments } from './instruments.mjs';
import { clockTicks, descendants, processOf } from './processes.mjs';
import { installStopwatch } from './stopwatch.mjs';
import { until } from './until.mjs';

/** Presses that only warm up Chrome's and our caches. */
const WARM_UP = 8;
/** The background of green.html, and where it is looked at: away from everything else on the page. */
const WATCH = { x: 640, y: 400, color: [240, 192, 0] };
export const PATIENCE = 20_000;

/** @typedef {import('@playwright/test').Page} Page */
/** @typedef {import('./server.mjs').Server} Server */
/** @typedef {import('./stopwatch.mjs').Stopwatch} Stopwatch */

/**
 * A window of its own, cookie and cache fresh.
 * @param {import('@playwright/test').Browser} browser
 * @param {Server} server
 * @param {{ width: number, height: number }} viewport
 * @param {string[]} permissions what the page may do without asking
 */
export async function newWindow(browser, server, viewport, permissions = []) {
  const context = await browser.newContext({ viewport, permissions });
  await context.request.get(server.entry.href);
  await context.addInitScript(installInstruments);
  await context.addInitScript(installStopwatch, WATCH);
  return context.newPage();
}

/**
 * @param {Page} page
 * @returns {Promise<Stopwatch>}
 */
export function read(page) {
  return page.evaluate(() => ({ ...window.stopwatch }));
}

/**
 * @param {Page} page
 * @param {Stopwatch['reads']} reads
 * @param {number} rest
 */
export async function reset(page, reads, rest = 0) {
  await page.evaluate(
    ({ reads, rest }) => Object.assign(window.stopwatch, { reads, rest, frames: [], answers: [] }),
    { reads, rest },
  );
}

/** Milliseconds between readings of ages, where every frame counts but not every frame's age. */
export const SPARSELY = 100;

/**
 * Watches a session until it has a picture.
 * @param {Page} page
 * @param {Server} server
 * @param {string} session
 */
export async function watch(page, server, session) {
  await page.goto(server.url(`/s/${session}`));
  await until(() => page.evaluate(() => window.instruments.pixel(5, 5)), () => 'no picture', PATIENCE);
}

/**
 * Goes to a page of the site and waits until it is there.
 * @param {import('./site.mjs').Run} run
 * @param {Server} server
 * @param {string} session
 * @param {string} url
 */
export async function show(run, server, session, url) {
  await server.call('navigate', { session, url });
  await run.saw('layout', { query: new URL(url).search });
}

/**
 * Does something again and again, and tells how long it took to be seen.
 * @param {Page} page
 * @param {number} samples
 * @param {() => Promise<void>} act
 */
export async function pressed(page, samples, act) {
  await reset(page, 'color');
  let lost = 0;
  let began = performance.now();
  for (let number = 0; number < WARM_UP + samples; number++) {
    if (number === WARM_UP) {
      await reset(page, 'color');
      began = performance.now();
    }
    await act();
    // Irregular, so that no timer of anybody's is hit in step; and nobody asks the page in the meantime.
    await pause(150 + Math.random() * 250);
    if ((await read(page)).waiting) {
      await pause(1000);
      if ((await read(page)).waiting) lost++;
    }
  }
  const { answers } = await read(page);
  return {
    ...spread(answers.map(({ waited }) => waited)),
    dispatch: spread(answers.map(({ dispatch }) => dispatch)),
    lost,
    /** When the first one that counts was done. */
    began,
  };
}

/**
 * What the viewer has received so far, all of it: media, repairs, data, and the connection's own upkeep.
 * @param {Page} page
 */
export async function received(page) {
  return page.evaluate(async () => {
    const live = window.instruments.peers.filter((peer) => peer.connectionState === 'connected').at(-1);
    if (!live) throw new Error('no peer is connected');
    const figures = { bytes: 0, frames: 0, freezes: 0, lost: 0, quantizers: 0, decoded: 0 };
    for (const report of (await live.getStats()).values()) {
      if (report.type === 'transport') figures.bytes += report.bytesReceived;
      if (report.type === 'inbound-rtp' && report.kind === 'video') {
        figures.frames = report.framesReceived ?? 0;
        figures.freezes = report.freezeCount ?? 0;
        figures.lost = report.packetsLost ?? 0;
        figures.quantizers = report.qpSum ?? 0;
        figures.decoded = report.framesDecoded ?? 0;
      }
    }
    return figures;
  });
}

/**
 * Clock ticks of the server and all its Chromes, by process.
 * @param {Server} server
 */
export function ticks(server) {
  const own = processOf(server.pid);
  const all = own ? [own, ...descendants(server.pid)] : [];
  return new Map(all.map(({ pid, ticks }) => [pid, ticks]));
}

/**
 * The processor time of the server with its Chromes, in cores.
 * @param {Server} server
 * @param {number} forSeconds
 */
export async function observedCores(server, forSeconds) {
  const [ticksBefore, began] = [ticks(server), performance.now()];
  await pause(forSeconds * 1000);
  const [ticksAfter, seconds] = [ticks(server), (performance.now() - began) / 1000];
  const spent = (/** @type {number} */ pid) => (ticksAfter.get(pid) ?? 0) - (ticksBefore.get(pid) ?? 0);
  const total = [...ticksAfter.keys()].reduce((sum, pid) => sum + spent(pid), 0);
  return {
    cores: total / clockTicks() / seconds,
    coresOfServerAlone: spent(server.pid) / clockTicks() / seconds,
    seconds,
  };
}

/**
 * Watches for a while: traffic, frames, and the processor time of the server with its Chromes.
 * @param {Page} page
 * @param {Server} server
 * @param {number} forSeconds
 */
export async function observed(page, server, forSeconds) {
  const before = await received(page);
  const cores = await observedCores(server, forSeconds);
  const [after, { seconds }] = [await received(page), cores];
  return {
    ...cores,
    kilobitsPerSecond: ((after.bytes - before.bytes) * 8) / 1000 / seconds,
    framesReceived: after.frames - before.frames,
    freezes: after.freezes - before.freezes,
    packetsLost: after.lost - before.lost,
  };
}
