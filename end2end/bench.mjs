// The built product and a headless Chromium viewer → how long, how smooth, how much. `--json` for machines.
//
// What it tells depends on the machine and on what else runs there: it measures and never judges.

import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from '@playwright/test';
import { LAUNCH, VIEWPORT } from './support/chromium.mjs';
import { longestGap, percentile, spread, table } from './support/figures.mjs';
import { PATIENCE, SPARSELY, newWindow, observed, pressed, read, reset, show, watch } from './support/measure.mjs';
import { pssBytes } from './support/processes.mjs';
import { Server } from './support/server.mjs';
import { Site } from './support/site.mjs';
import { until } from './support/until.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** Presses per kind of latency. */
    samples: { type: 'string', default: '80' },
    /** How long a scrolling and a still page are watched. */
    seconds: { type: 'string', default: '20' },
    /** How often a start is timed. */
    starts: { type: 'string', default: '5' },
  },
});
const SAMPLES = Number(options.samples);
const SECONDS = Number(options.seconds);
const STARTS = Number(options.starts);

/** For the panel's figures. */
const CLIPBOARD = ['clipboard-read', 'clipboard-write'];

const say = (/** @type {string} */ text) => options.json || process.stderr.write(`${text}\n`);

/** @typedef {import('@playwright/test').Page} Page */

/**
 * Does something again and again: how long it took to be seen, and what the product itself says of that.
 * @param {Page} page
 * @param {() => Promise<void>} act
 */
async function pressedAndTold(page, act) {
  const seen = await pressed(page, SAMPLES, act);
  return { ...seen, told: await told(page, seen.began) };
}

/**
 * What the product itself says of the inputs since then: its panel's own figures, copied as a person would.
 * @param {Page} page
 * @param {number} began
 */
async function told(page, began) {
  const press = (/** @type {string} */ name) =>
    page.getByRole('button', { name, exact: true }).evaluate((button) => /** @type {HTMLElement} */ (button).click());
  // The last inputs are reported with the next second.
  await pause(2000);
  await press('Statistics');
  await press('Copy as JSON');
  await page.getByText('Copied.').waitFor();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  await press('Statistics');
  const seconds = (performance.now() - began) / 1000 - 1;
  /** @type {{ seconds_ago: number, total_millis: number, stages_millis: Record<string, number | null> }[]} */
  const own = copied.input_to_picture.measurements;
  const recent = own.filter(({ seconds_ago }) => seconds_ago <= seconds);
  const stages = Object.keys(copied.input_to_picture.stages_millis).map((stage) => {
    const known = recent.flatMap(({ stages_millis }) => stages_millis[stage] ?? []);
    return [stage, percentile(known, 0.5)];
  });
  return { ...spread(recent.map(({ total_millis }) => total_millis)), stages: Object.fromEntries(stages) };
}

/** @param {Page} page */
async function firstPicture(page) {
  return until(
    async () => {
      // While the page navigates, there is none to ask.
      const stopwatch = await read(page).catch(() => null);
      return stopwatch?.firstPicture ? stopwatch : null;
    },
    () => 'no first picture',
    PATIENCE,
  );
}

async function measure() {
  const [site, server] = [await Site.start(), await Server.start()];
  const browser = await chromium.launch({ ...LAUNCH, headless: true });
  try {
    const run = site.run();
    const begin = { pssBytes: pssBytes(server.pid) };

    say('Start → first picture, Chrome cold');
    const starts = [];
    for (let round = 0; round < STARTS; round++) {
      const page = await newWindow(browser, server, VIEWPORT, CLIPBOARD);
      await page.goto(server.url('/'), { waitUntil: 'networkidle' });
      await page.getByRole('textbox', { name: 'Address' }).fill(run.url('green.html'));
      await page.getByRole('button', { name: 'Start', exact: true }).click();
      const { firstPicture: shown, clicked } = await firstPicture(page);
      starts.push(Number(shown) - clicked);
      await page.context().close();
      for (const { session } of await server.sessions()) await server.call('end', { session });
    }

    say('page opened → first picture, session running');
    const session = await server.open(run.url('green.html', { toggle: '1' }));
    const opens = /** @type {{ fresh: number[], cached: number[] }} */ ({ fresh: [], cached: [] });
    for (let round = 0; round < STARTS; round++) {
      const page = await newWindow(browser, server, VIEWPORT, CLIPBOARD);
      for (const times of [opens.fresh, opens.cached]) {
        await page.goto(server.url(`/s/${session}`));
        const { firstPicture: shown, opened } = await firstPicture(page);
        times.push(Number(shown) - opened);
      }
      await page.context().close();
    }

    const page = await newWindow(browser, server, VIEWPORT, CLIPBOARD);
    await watch(page, server, session);
    const one = { pssBytes: pssBytes(server.pid) };
    const video = page.getByLabel('Remote browser');
    const box = await video.boundingBox();
    if (!box) throw new Error('the video has no box');
    await page.mouse.move(box.x + box.width / 3, box.y + box.height / 2);

    say('click → changed picture');
    const click = async () => {
      await page.mouse.down();
      await page.mouse.up();
    };
    const clicks = await pressedAndTold(page, click);
    say('key → changed picture');
    const keys = await pressedAndTold(page, () => page.keyboard.press('a'));
    say('click → changed picture, on a page that never rests');
    await show(run, server, session, run.url('green.html', { toggle: '1', busy: '1' }));
    const busy = await pressedAndTold(page, click);

    say('scrolling text');
    await show(run, server, session, run.url('text.html', { auto: '4' }));
    await until(() => page.evaluate(() => window.instruments.barcode()), () => 'no barcode', PATIENCE);
    await pause(3000);
    await reset(page, 'clock', SPARSELY);
    const scrolling = await observed(page, server, SECONDS);
    const { frames } = await read(page);
    const ages = frames.flatMap(({ age }) => age ?? []);

    say('still page');
    await reset(page, 'off');
    await show(run, server, session, run.url('text.html'));
    // Until it is as sharp as it gets.
    await pause(5000);
    const still = await observed(page, server, SECONDS);

    say('memory');
    const second = await server.open(run.url('green.html'));
    const other = await newWindow(browser, server, VIEWPORT, CLIPBOARD);
    await watch(other, server, second);
    const two = { pssBytes: pssBytes(server.pid) };

    return {
      date: new Date().toISOString().slice(0, 10),
      machine: { cores: availableParallelism(), model: cpus()[0]?.model.trim() ?? '', load: loadavg()[0] },
      chromium: browser.version(),
      latency: { click: clicks, key: keys, clickOnBusyPage: busy },
      scrolling: {
        ...scrolling,
        framesPerSecond: frames.length / scrolling.seconds,
        longestGapMillis: longestGap(frames.map(({ at }) => at)),
        ageMillis: spread(ages),
        unreadable: frames.filter(({ age }) => age === null).length,
      },
      still,
      start: spread(starts),
      open: { fresh: spread(opens.fresh), cached: spread(opens.cached) },
      memory: { idle: begin.pssBytes, oneSession: one.pssBytes, twoSessions: two.pssBytes },
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
  const { latency, scrolling, still, start, open, memory, machine } = figures;
  const pair = (/** @type {{ p50: number, p95: number }} */ { p50, p95 }) => `${p50.toFixed(0)} / ${p95.toFixed(0)} ms`;
  const mega = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(0);
  console.log(`\n${figures.date}, ${machine.cores} cores (${machine.model}), Chromium ${figures.chromium}, 720p\n`);
  console.log(
    table(
      ['', 'measured', 'wanted'],
      [
        ['click → changed picture, p50 / p95', pair(latency.click), '≤ 26 / 38 ms'],
        ['key → changed picture, p50 / p95', pair(latency.key), '≤ 26 / 38 ms'],
        ['click on a page that never rests, p50 / p95', pair(latency.clickOnBusyPage), ''],
        ['scrolling text: frames per second', scrolling.framesPerSecond.toFixed(1), '≥ 57'],
        ['… longest gap between two frames', `${scrolling.longestGapMillis.toFixed(0)} ms`, '≤ 100 ms'],
        ['… age of the picture, p50 / p95', pair(scrolling.ageMillis), '≤ 45 ms'],
        ['… bitrate', `${(scrolling.kilobitsPerSecond / 1000).toFixed(1)} Mb/s`, '≤ 6 Mb/s'],
        ['… CPU of server with its Chrome (server alone)', `${scrolling.cores.toFixed(2)} (${scrolling.coresOfServerAlone.toFixed(2)}) core`, '≤ 0.7 core'],
        ['still page: CPU of server with its Chrome', `${still.cores.toFixed(3)} core`, '< 0.02 core'],
        ['… bitrate', `${still.kilobitsPerSecond.toFixed(1)} kb/s`, '< 20 kb/s'],
        [`… frames in ${still.seconds.toFixed(0)} s`, String(still.framesReceived), '0'],
        ['server memory (PSS) with 0 / 1 / 2 sessions', `${mega(memory.idle)} / ${mega(memory.oneSession)} / ${mega(memory.twoSessions)} MB`, '≤ 60 + 25 MB per session'],
        ['page opened → first picture, session running, p50', `${open.fresh.p50.toFixed(0)} ms (cached ${open.cached.p50.toFixed(0)})`, '≤ 500 ms'],
        ['Start → first picture, Chrome cold, p50', `${start.p50.toFixed(0)} ms`, '≤ 1500 ms'],
      ],
    ),
  );
  const kinds = /** @type {const} */ ([
    ['click', latency.click],
    ['key', latency.key],
    ['click on a page that never rests', latency.clickOnBusyPage],
  ]);
  const one = (/** @type {number} */ millis) => (Number.isNaN(millis) ? 'unknown' : millis.toFixed(1));
  console.log('\nThe same by the product itself, by stage; both from the event on.\n');
  console.log(
    table(
      ['', ...kinds.map(([kind]) => kind)],
      [
        ['by this program, p50 / p95', ...kinds.map(([, { p50, p95, dispatch }]) => pair({ p50: p50 + dispatch.p50, p95: p95 + dispatch.p50 }))],
        ['by the product, p50 / p95', ...kinds.map(([, { told }]) => pair(told))],
        ...Object.keys(latency.click.told.stages).map((stage) => [
          `… ${stage}, ms`,
          ...kinds.map(([, { told }]) => one(told.stages[stage])),
        ]),
      ],
    ),
  );
  const lost = latency.click.lost + latency.key.lost;
  if (lost > 0) console.log(`\n${lost} presses were never answered.`);
  if (machine.load > machine.cores) console.log(`\nThe machine was busy (load ${machine.load.toFixed(1)}).`);
}
