// The built product and a headless Chromium viewer whose window changes → how soon the picture is sharp again, and how sharp
// it is on a screen of twice the pixels; how soon a tap is a click; how many frames the largest page shows; and what WebGL
// costs without a GPU. `--json` for machines. It measures and never judges.

import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from '@playwright/test';
import { LAUNCH } from './support/chromium.mjs';
import { spread, table } from './support/figures.mjs';
import { psnr } from './support/likeness.mjs';
import { keptLuma, pixelsOf, watchLuma } from './support/luma.mjs';
import { newWindow, observed, observedCores, watch } from './support/measure.mjs';
import { Server } from './support/server.mjs';
import { Site } from './support/site.mjs';
import { until } from './support/until.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** Gestures whose end is timed. */
    gestures: { type: 'string', default: '20' },
    taps: { type: 'string', default: '60' },
  },
});

/** In dB, against the picture that it becomes: no eye tells them apart. */
const SHARP = 40;
/** Nothing changes any more. */
const REST_MILLIS = 1200;

/** @typedef {import('@playwright/test').Page} Page */

/** @param {string} text */
const luma = (text) => Buffer.from(text, 'base64');

/** @param {Page} page */
async function rest(page) {
  await page.waitForFunction(
    (rest) => {
      const newest = window.lumaWatch.frames.at(-1);
      return newest && performance.timeOrigin + performance.now() - newest.at > rest;
    },
    REST_MILLIS,
    { timeout: 20_000 },
  );
}

/**
 * A gesture of half a second, as a hand makes it; what its end takes to be sharp.
 * @param {Page} page
 * @param {number} number
 */
async function gesture(page, number) {
  await page.evaluate(() => {
    addEventListener('resize', () => Object.assign(window, { resizedAt: performance.timeOrigin + performance.now() }));
  });
  const last = { width: 900 + ((number * 131) % 380), height: 600 + ((number * 67) % 160) };
  const from = page.viewportSize() ?? last;
  for (let step = 1; step <= 12; step++) {
    const between = (/** @type {'width' | 'height'} */ side) => Math.round(from[side] + ((last[side] - from[side]) * step) / 12);
    await page.setViewportSize({ width: between('width'), height: between('height') });
    await pause(40);
  }
  await rest(page);
  const resizedAt = await page.evaluate(() => /** @type {any} */ (window).resizedAt);
  const frames = await page.evaluate(keptLuma);
  const final = frames[frames.length - 1];
  const meant = luma(final.luma);
  const sharp = frames.find(
    ({ at, width, height, luma: seen }) =>
      at >= resizedAt - 500 && width === final.width && height === final.height && psnr(luma(seen), meant) >= SHARP,
  );
  return Math.max(0, (sharp ?? final).at - resizedAt);
}

/**
 * Milliseconds from a finger's last event in the viewer to the page's `click`.
 * @param {import('@playwright/test').Browser} browser
 * @param {Server} server
 * @param {import('./support/site.mjs').Run} run
 */
async function taps(browser, server, run) {
  const context = await browser.newContext({ viewport: { width: 800, height: 800 }, hasTouch: true, isMobile: true });
  await context.request.get(server.entry.href);
  const page = await context.newPage();
  await page.addInitScript(() => {
    const lifted = /** @type {number[]} */ ([]);
    Object.assign(window, { lifted });
    addEventListener('pointerup', ({ timeStamp }) => lifted.push(performance.timeOrigin + timeStamp), { capture: true });
  });
  await page.goto(server.url(`/s/${await server.open(run.url('touch.html'))}`));
  await page.getByRole('status').filter({ hasText: 'Connected' }).waitFor({ timeout: 20_000 });
  await run.saw('seen', { page: '/touch.html' });
  const place = await page.getByLabel('Remote browser').boundingBox();
  if (!place) throw new Error('the video has no box');
  const devtools = await context.newCDPSession(page);
  const touchPoints = [{ x: place.x + 150, y: place.y + 150 }];
  const waited = [];
  for (let number = 0; number < Number(options.taps); number++) {
    await devtools.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
    await pause(40 + Math.random() * 30);
    await devtools.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    const tapped = await until(() => run.all('tapped')[number], () => 'no tap arrives');
    const lifted = await page.evaluate(() => /** @type {any} */ (window).lifted.at(-1));
    waited.push(Number(tapped.at) - lifted);
    // Two that are close are a double tap.
    await pause(500 + Math.random() * 100);
  }
  await context.close();
  return spread(waited);
}

/**
 * Text that scrolls on the largest page that is allowed without being asked, for a viewer that has a machine of its own: here
 * one that takes what comes, over the web socket, and decodes none of it.
 * @param {import('@playwright/test').Browser} browser
 * @param {import('./support/site.mjs').Run} run
 */
async function largest(browser, run) {
  const server = await Server.start({ size: null });
  try {
    const session = await server.open(run.url('text.html', { auto: '4' }));
    const page = await newWindow(browser, server, { width: 400, height: 300 });
    await page.goto(server.url('/'));
    const viewport = { page: { width: 2560, height: 1400 }, scale: 120 };
    const { viewer } = await server.call('join', { session, viewport });
    await page.evaluate((path) => {
      const socket = new WebSocket(path);
      socket.binaryType = 'arraybuffer';
      window.arrived = 0;
      socket.onmessage = ({ data }) => {
        const bytes = new Uint8Array(data);
        if (bytes[0] !== 1) return;
        window.arrived += 1;
        // It has arrived: the frame's timestamp.
        socket.send(Uint8Array.of(1, ...bytes.subarray(2, 6)));
      };
    }, `/api/socket?session=${session}&viewer=${viewer}`);
    const arrived = () => page.evaluate(() => window.arrived);
    await until(async () => (await arrived()) > 100, () => 'no frames arrive');
    const before = await arrived();
    const { cores, coresOfServerAlone, seconds } = await observedCores(server, 8);
    const framesPerSecond = ((await arrived()) - before) / seconds;
    const { video } = (await server.call('updates', { session, viewer })).geometry;
    return { ...video, framesPerSecond, cores, coresOfServerAlone };
  } finally {
    await server.stop();
  }
}

async function measure() {
  const [site, server] = [await Site.start(), await Server.start({ size: null, flags: ['--max-pixels', '8000000'] })];
  const browser = await chromium.launch({ ...LAUNCH, headless: true });
  try {
    const run = site.run();
    const session = await server.open(run.url('text.html'));
    const page = await newWindow(browser, server, { width: 1100, height: 700 });
    await watch(page, server, session);
    await page.evaluate(watchLuma);
    const sharpAfter = [];
    for (let number = 0; number < Number(options.gestures); number++) sharpAfter.push(await gesture(page, number));
    await page.context().close();

    const context = await browser.newContext({ viewport: { width: 1280, height: 798 }, deviceScaleFactor: 2 });
    await context.request.get(server.entry.href);
    const fine = await context.newPage();
    const drawn = await server.open('about:blank');
    await fine.goto(server.url(`/s/${drawn}`));
    await fine.getByRole('status').filter({ hasText: 'Connected' }).waitFor({ timeout: 20_000 });
    await server.call('navigate', { session: drawn, url: run.url('sharp.html') });
    await run.saw('seen', { page: '/sharp.html' });
    const place = await fine.getByLabel('Remote browser').boundingBox();
    if (!place) throw new Error('the video has no box');
    await fine.mouse.click(place.x + 300, place.y + 300);
    const still = await until(() => run.all('still').at(-1), () => 'the page does not stop');
    await fine.evaluate(watchLuma);
    await rest(fine);
    const frame = (await fine.evaluate(keptLuma)).at(-1);
    const pixels = Buffer.from(await fine.evaluate(pixelsOf, String(still.picture)), 'base64');
    const meant = Float64Array.from(
      { length: pixels.length / 4 },
      (_, at) => 0.2126 * pixels[at * 4] + 0.7152 * pixels[at * 4 + 1] + 0.0722 * pixels[at * 4 + 2],
    );
    const seen = Float64Array.from(luma(frame?.luma ?? ''), (level) => ((level - 16) * 255) / 219);
    if (seen.length !== meant.length) throw new Error(`${frame?.width} × ${frame?.height} is not the page's size`);
    await context.close();

    const tapped = await taps(browser, server, run);
    const budget = await largest(browser, run);

    const scene = await server.open(run.url('orbit.html', { spin: '1' }));
    const turning = await newWindow(browser, server, { width: 1280, height: 798 });
    await watch(turning, server, scene);
    await pause(2000);
    const webgl = await observed(turning, server, 8);
    return {
      webgl: { framesPerSecond: webgl.framesReceived / webgl.seconds, cores: webgl.cores, coresOfServerAlone: webgl.coresOfServerAlone },
      resizeToSharpMillis: spread(sharpAfter),
      tapToClickMillis: tapped,
      largest: budget,
      twice: { width: frame?.width, height: frame?.height, psnr: psnr(seen, meant) },
    };
  } finally {
    await browser.close();
    await server.stop();
    await site.stop();
  }
}

const figures = await measure();
if (options.json) {
  console.log(JSON.stringify(figures, null, 2));
} else {
  const { resizeToSharpMillis: sharp, tapToClickMillis: tap, twice, largest: budget, webgl } = figures;
  console.log(
    table(
      ['', 'measured', 'wanted'],
      [
        ['last resize → sharp picture, p50 / p95', `${sharp.p50.toFixed(0)} / ${sharp.p95.toFixed(0)} ms`, '≤ 300 / 500 ms'],
        ['tap → click, p50 / p95', `${tap.p50.toFixed(1)} / ${tap.p95.toFixed(1)} ms`, '≤ 15 ms p50'],
        [
          `text that scrolls, ${budget.width} × ${budget.height}, not decoded: frames per second, CPU of server with its Chrome (server alone)`,
          `${budget.framesPerSecond.toFixed(0)}, ${budget.cores.toFixed(2)} (${budget.coresOfServerAlone.toFixed(2)}) core`,
          '60',
        ],
        [
          'a scene in WebGL that turns: frames per second, CPU of server with its Chrome (server alone)',
          `${webgl.framesPerSecond.toFixed(0)}, ${webgl.cores.toFixed(2)} (${webgl.coresOfServerAlone.toFixed(2)}) core`,
          '',
        ],
        [`still page at ratio 2 (${twice.width} × ${twice.height}), luma`, `${twice.psnr.toFixed(1)} dB`, '≥ 44 dB'],
      ],
    ),
  );
}
