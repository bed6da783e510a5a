// The instruments themselves, on a <video> whose picture is drawn by the same page: no server takes part.

import { installInstruments } from '../support/instruments.mjs';
import { expect, test } from '../support/fixtures';
import { Server } from '../support/server.mjs';
import { GREEN, LILAC, Viewer, YELLOW } from '../support/viewer';

test.beforeEach(async ({ page, run }) => {
  await page.addInitScript(installInstruments);
  await page.goto(run.url('loopback.html'));
});

// A viewer that is given no server: only its eyes and hands are used.
const on = (page: Viewer['page']) => new Viewer(page, undefined as unknown as Server, '');

test('a pixel of the video is seen in its colour', async ({ page }) => {
  const viewer = on(page);
  await viewer.shows(LILAC, { x: 300, y: 600 });
  await viewer.shows(YELLOW, { x: 700, y: 450 });
});

test('a click on the video lands on the point that was meant', async ({ page, run }) => {
  const viewer = on(page);
  await viewer.shows(YELLOW, { x: 700, y: 450 });
  // 1300×840 holds 1280×720 at 1300/1280, with bars of 54.375 px above and below.
  await viewer.click({ x: 640, y: 360 });
  const { clientX, clientY } = await run.saw('mousedown');
  expect(clientX).toBeCloseTo(50 + 650, 0);
  expect(clientY).toBeCloseTo(30 + 420, 0);
  await viewer.shows(GREEN, { x: 700, y: 450 });
});

test('a barcode is read as the number that was drawn', async ({ page }) => {
  const viewer = on(page);
  await viewer.flows();
  const read = await page.evaluate(async () => [(await window.instruments.barcode()) ?? -1, Date.now() % 2 ** 20]);
  expect(read[1] - read[0], 'the age of the picture in milliseconds').toBeLessThan(2000);
  expect(read[1] - read[0]).toBeGreaterThanOrEqual(0);
});

test('what changed in the picture is found as a box', async ({ page }) => {
  const viewer = on(page);
  await viewer.shows(YELLOW, { x: 700, y: 450 });
  await viewer.remember();
  await viewer.click({ x: 10, y: 700 });
  const box = await viewer.changed({ x: 0, y: 40, width: 1280, height: 680 });
  for (const [side, is] of Object.entries({ x: 600, y: 300, width: 200, height: 300 })) {
    expect(Math.abs(box[side as keyof typeof box] - is), side).toBeLessThanOrEqual(4);
  }
  await viewer.click({ x: 10, y: 700 });
  await viewer.unchanged({ x: 0, y: 40, width: 1280, height: 680 });
});
