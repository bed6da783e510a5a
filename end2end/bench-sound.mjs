// The built product and a headless Chromium viewer → how late a page is heard, how far sound and picture lie apart, and what
// playing costs. It measures and never judges.

import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import { LAUNCH } from './support/chromium.mjs';
import { hearAll } from './support/ear.mjs';
import { spread, table } from './support/figures.mjs';
import { newWindow, observedCores, watch } from './support/measure.mjs';
import { Server } from './support/server.mjs';
import { Site } from './support/site.mjs';
import { until } from './support/until.mjs';

const { values: options } = parseArgs({
  options: { clicks: { type: 'string', default: '60' }, seconds: { type: 'string', default: '20' } },
});
/** Between two clicks: more than either takes, in milliseconds. */
const INTERVAL = 500;
/** The lamp, in the page. */
const LAMP = { x: 800, y: 400 };

/** Runs in the viewer's page: when the lamp is seen to go on. @param {{ x: number, y: number }} at */
function watchLamp({ x, y }) {
  const flashes = /** @type {number[]} */ ([]);
  Object.assign(window, { flashes });
  let wasLit = false;
  const look = async () => {
    const pixel = await window.instruments?.pixel(x, y);
    const isLit = pixel ? pixel[1] > 128 : wasLit;
    if (isLit && !wasLit) flashes.push(performance.timeOrigin + performance.now());
    wasLit = isLit;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** @param {number[]} times @param {number} after */
const next = (times, after) => times.find((time) => time > after && time < after + INTERVAL);

const [site, server] = [await Site.start(), await Server.start({ flags: ['--grace', '60s'] })];
const browser = await chromium.launch({ ...LAUNCH, headless: true });
try {
  const rows = [];
  const opened = async (/** @type {Record<string, string>} */ params) => {
    const run = site.run();
    const session = await server.open(run.url('sound.html', params));
    const page = await newWindow(browser, server, { width: 1280, height: 798 });
    await page.addInitScript(hearAll);
    if (params.clicks) await page.addInitScript(watchLamp, LAMP);
    await watch(page, server, session);
    await run.saw('seen');
    const place = await page.getByLabel('Remote browser').boundingBox();
    if (!place) throw new Error('the video has no box');
    const play = () => page.mouse.click(place.x + 140, place.y + 70);
    const end = async () => {
      await page.context().close();
      await server.ask('end', { session });
    };
    return { run, page, play, end };
  };

  {
    const { run, page, play, end } = await opened({ clicks: String(INTERVAL) });
    await play();
    const wanted = Number(options.clicks);
    await until(() => run.all('clicked').length > wanted, () => 'there are too few clicks', wanted * INTERVAL + 20_000);
    await pause(INTERVAL);
    const { clicks, flashes } = await page.evaluate(() => ({
      clicks: window.ear.clicks,
      flashes: /** @type {{ flashes: number[] }} */ (/** @type {any} */ (window)).flashes,
    }));
    const [late, apart] = [[], []].map((list) => /** @type {number[]} */ (list));
    // The first ones find buffers that are empty.
    for (const { rendered } of run.all('clicked').slice(4)) {
      const heard = next(clicks, Number(rendered));
      const seen = next(flashes, Number(rendered));
      if (heard !== undefined) late.push(heard - Number(rendered));
      if (heard !== undefined && seen !== undefined) apart.push(heard - seen);
    }
    const [{ p50, p95, samples }, gap] = [spread(late), spread(apart)];
    rows.push([`rendered in the page → in the viewer's audio graph (${samples})`, `${p50.toFixed(0)} / ${p95.toFixed(0)} ms`, '≤ 80 / 120 ms']);
    rows.push([`sound after picture (${gap.samples})`, `${gap.p50.toFixed(0)} / ${gap.p95.toFixed(0)} ms`, '± 45 ms']);
    await end();
  }
  {
    const { run, play, end } = await opened({ left: '1000', right: '400' });
    const seconds = Number(options.seconds);
    await pause(3000);
    const still = await observedCores(server, seconds);
    await play();
    await run.saw('playing');
    await pause(2000);
    const playing = await observedCores(server, seconds);
    await play();
    await run.saw('stopped');
    await pause(3000);
    const silent = await observedCores(server, seconds);
    const cores = (/** @type {number} */ figure) => `${figure.toFixed(3)} cores`;
    rows.push(['playing, the server alone', cores(playing.coresOfServerAlone - still.coresOfServerAlone), '≤ 0.03 cores']);
    rows.push(['playing, with its Chrome', cores(playing.cores - still.cores), '']);
    rows.push(['silent again, the server alone', cores(silent.coresOfServerAlone - still.coresOfServerAlone), '0.000 cores']);
    await end();
  }
  console.log(table(['sound, p50 / p95', 'measured', 'wanted'], rows));
} finally {
  await browser.close();
  await server.stop();
  await site.stop();
}
