// The built product and a headless Chromium viewer → how soon what was copied on one side is in the other's clipboard. It
// measures and never judges.

import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from '@playwright/test';
import { LAUNCH } from './support/chromium.mjs';
import { spread, table } from './support/figures.mjs';
import { newWindow, watch } from './support/measure.mjs';
import { Server } from './support/server.mjs';
import { Site } from './support/site.mjs';
import { until } from './support/until.mjs';

const { values: options } = parseArgs({ options: { samples: { type: 'string', default: '40' } } });
const LETTERS = 1024;

/** Runs in the viewer's page: when the browser took what was copied, and when the person pressed to paste. */
function listen() {
  const heard = { written: 0, pressed: 0 };
  Object.assign(window, { heard });
  const now = () => performance.timeOrigin + performance.now();
  for (const name of /** @type {const} */ (['write', 'writeText'])) {
    const own = /** @type {(...content: any[]) => Promise<void>} */ (Clipboard.prototype[name]);
    Clipboard.prototype[name] = async function (/** @type {any[]} */ ...content) {
      await own.apply(this, content);
      heard.written = now();
    };
  }
  const press = (/** @type {KeyboardEvent} */ { code, timeStamp }) => {
    if (code === 'KeyV') heard.pressed = performance.timeOrigin + timeStamp;
  };
  addEventListener('keydown', press, { capture: true });
}

const [site, server] = [await Site.start(), await Server.start({ flags: ['--grace', '60s'] })];
const browser = await chromium.launch({ ...LAUNCH, headless: true });
try {
  const run = site.run();
  const session = await server.open(run.url('clipboard.html'));
  const page = await newWindow(browser, server, { width: 1280, height: 798 }, ['clipboard-read', 'clipboard-write']);
  await page.addInitScript(listen);
  await watch(page, server, session);
  await run.saw('seen');
  const heard = () => page.evaluate(() => /** @type {{ written: number, pressed: number }} */ (/** @type {any} */ (window).heard));
  const place = await page.getByLabel('Remote browser').boundingBox();
  if (!place) throw new Error('the video has no box');
  const { x, y } = await run.center('field');
  await page.mouse.click(place.x + x, place.y + y);

  const [out, back] = [[], []].map((list) => /** @type {number[]} */ (list));
  for (let number = 0; number < Number(options.samples); number++) {
    const text = `${number} `.padEnd(LETTERS, 'x');
    await page.evaluate((text) => navigator.clipboard.writeText(text), text);
    await page.keyboard.press('Control+A');
    const pasted = run.all('pasted').length;
    await page.keyboard.press('Control+V');
    const paste = await until(() => run.all('pasted')[pasted], () => 'nothing is pasted');
    back.push(Number(paste.at) - (await heard()).pressed);
    // What is copied differs from what is there.
    await page.keyboard.type('.');
    await page.keyboard.press('Control+A');
    const copied = run.all('copying').length;
    const { written } = await heard();
    await page.keyboard.press('Control+C');
    const copy = await until(() => run.all('copying')[copied], () => 'nothing is copied');
    const now = await until(async () => ((await heard()).written > written ? heard() : undefined), () => 'it does not arrive');
    out.push((await now).written - Number(copy.at));
    await pause(100 + Math.random() * 100);
  }
  const row = (/** @type {string} */ what, /** @type {number[]} */ millis) => {
    const { p50, p95 } = spread(millis);
    return [what, `${p50.toFixed(0)} / ${p95.toFixed(0)} ms`, 'p50 ≤ 100 ms'];
  };
  const rows = [row('copied in the page → in the local clipboard', out), row('pasted here → pasted in the page', back)];
  console.log(table([`${LETTERS} letters, p50 / p95`, 'measured', 'wanted'], rows));
} finally {
  await browser.close();
  await server.stop();
  await site.stop();
}
