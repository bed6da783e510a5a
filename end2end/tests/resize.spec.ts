// The page is as large as the viewer's window and as sharp as its screen.

import type { BrowserContext, Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { Viewer } from '../support/viewer';
import { until } from '../support/until.mjs';

/** The toolbar's height is the viewer page's own matter. */
const roomOf = (page: Page) =>
  page.getByLabel('Remote browser').evaluate((video) => {
    const { width, height } = video.getBoundingClientRect();
    return { width: Math.floor(width), height: Math.floor(height) };
  });
const even = (side: number) => side - (side % 2);
const pictureOf = (page: Page) =>
  page.getByLabel('Remote browser').evaluate((video: HTMLVideoElement) => [video.videoWidth, video.videoHeight]);

/** The picture has as many pixels as the room has on that screen, and lies in it without bars. */
async function fills(viewer: Viewer, ratio = 1): Promise<void> {
  const room = await roomOf(viewer.page);
  const sides = [even(Math.floor(room.width * ratio)), even(Math.floor(room.height * ratio))];
  await expect.poll(() => pictureOf(viewer.page), { intervals: [30] }).toEqual(sides);
  const bars = () =>
    viewer.video.evaluate((video) => getComputedStyle(video).padding.split(' ').map(parseFloat));
  await expect.poll(async () => Math.max(...(await bars())), { intervals: [30] }).toBeLessThan(2);
}

async function watch(context: BrowserContext, viewer: Viewer): Promise<Viewer> {
  const other = new Viewer(await context.newPage(), viewer.server, viewer.session);
  await other.page.goto(viewer.server.url(`/s/${viewer.session}`));
  await expect(other.status).toContainText('Connected');
  return other;
}

test('the page follows the window, in every tab and in the next Chrome', async ({ start, open, run, page }) => {
  const server = await start({ size: null, flags: ['--grace', '8s'] });
  await page.setViewportSize({ width: 1000, height: 700 });
  const viewer = await open('window.html', {}, server);
  await fills(viewer);
  for (const size of [{ width: 803, height: 601 }, { width: 1101, height: 650 }, { width: 360, height: 640 }]) {
    await page.setViewportSize(size);
    await fills(viewer);
    const room = await roomOf(page);
    await run.saw('size', { width: even(room.width), height: even(room.height), ratio: 1 });
  }
  // The last one is narrower than Chrome's own windows are: what lies at the right edge of its page is in the picture.
  const { width, height } = await roomOf(page);
  const told = { width: even(width), height: even(height) };
  run.forget();
  await server.ask('new_tab', { session: viewer.session, url: run.url('window.html') });
  const size = await run.saw('size', told);
  expect(size.screen, 'the screen is the page').toEqual([told.width, told.height]);
  const box = (await viewer.video.boundingBox())!;
  await page.mouse.click(box.x + width - 5, box.y + height - 5);
  await run.saw('mousedown', { target: 'field-4-4' });

  run.forget();
  process.kill(server.chromes()[0].pid, 'SIGKILL');
  await run.saw('size', told, 20_000);
  await fills(viewer);
});

test('on a sharp screen Chrome draws sharply, and menus and clicks are where they are seen', async ({ start, open, run, browser, admit }) => {
  const server = await start({ size: null, flags: ['--grace', '8s', '--max-pixels', '4000000'] });
  const viewer = await open('window.html', {}, server);
  await viewer.page.close();
  for (const ratio of [1.25, 1.5, 2]) {
    const context = await browser.newContext({ viewport: { width: 1000, height: 642 }, deviceScaleFactor: ratio });
    await admit(context, server);
    run.forget();
    const sharp = await watch(context, viewer);
    await fills(sharp, ratio);
    const { width, height } = await roomOf(sharp.page);
    const told = await run.saw('size', { ratio });
    expect([told.width, told.height]).toEqual([even(width), even(height)]);
    const box = (await sharp.video.boundingBox())!;
    const click = async (x: number, y: number) => {
      await sharp.page.mouse.click(box.x + x, box.y + y);
      return run.saw('mousedown', { clientX: Math.round(x), clientY: Math.round(y) });
    };
    expect((await click(10, 10)).target).toBe('field-0-0');
    expect((await click(width - 10, height - 10)).target).toBe('field-4-4');
    expect((await click(401, 300)).target).toBe('field-2-2');
    // An item of the menu below its field.
    await sharp.page.mouse.click(box.x + 430, box.y + 20);
    await run.saw('mousedown', { target: 'menu' });
    await sharp.page.keyboard.press(ratio === 1.5 ? 'ArrowUp' : 'ArrowDown');
    await sharp.page.keyboard.press('Enter');
    await run.saw('change', { target: 'menu' });
    await context.close();
  }
});

test('a window that is dragged larger costs a keyframe for each size, and clicks land on what is seen', async ({ start, open, run, page }) => {
  const server = await start({ size: null, flags: ['--grace', '8s'] });
  const gesture = await page.context().newCDPSession(page);
  await page.setViewportSize({ width: 900, height: 642 });
  const viewer = await open('window.html', {}, server);
  await fills(viewer);
  const keyframes = async () => {
    const metrics = await (await page.context().request.get(server.url('/metrics'))).text();
    return Number(/farpane_keyframes_total\{[^}]*\} (\d+)/.exec(metrics)?.[1]);
  };
  const before = await keyframes();
  const resize = (width: number, height: number) =>
    gesture.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  const began = Date.now();
  for (let passed = 0; passed < 2000; passed = Date.now() - began) await resize(900 + Math.floor(passed / 10), 642);
  await resize(1100, 642);
  await fills(viewer);
  expect((await keyframes()) - before, 'keyframes in a gesture of two seconds').toBeLessThanOrEqual(9);

  // What is seen under the pointer when it is pressed, whichever picture that is: the frame of then, where it lies then.
  await viewer.video.evaluate((video) => {
    window.addEventListener('pointerdown', (event) => {
      const box = video.getBoundingClientRect();
      const style = getComputedStyle(video);
      const [top, right, bottom, left] = (['Top', 'Right', 'Bottom', 'Left'] as const).map((side) => parseFloat(style[`padding${side}`]));
      const across = (event.clientX - box.x - left) / (box.width - left - right);
      const down = (event.clientY - box.y - top) / (box.height - top - bottom);
      // What lies in the bars beside the picture lands on its edge.
      const field = (part: number) => Math.min(4, Math.max(0, Math.floor(part * 5)));
      document.body.dataset.aimed = `field-${field(across)}-${field(down)}`;
    }, true);
  });
  const missed: string[] = [];
  for (let number = 0; number < 50; number += 1) {
    await resize(800 + ((number * 37) % 300), 600 + ((number * 23) % 90));
    const { width, height } = await roomOf(page);
    const box = (await viewer.video.boundingBox())!;
    const [column, row] = [number % 5, Math.floor(number / 5) % 5];
    run.forget();
    await page.mouse.click(box.x + (width * (column + 0.5)) / 5, box.y + (height * (row + 0.6)) / 5);
    const aimed = await page.evaluate(() => document.body.dataset.aimed);
    const { target } = await run.saw('mousedown');
    if (target !== aimed) missed.push(`${target} instead of ${aimed}`);
  }
  expect(missed).toEqual([]);
});

test('the window of whoever acts counts; a session of a fixed size has its own', async ({ start, open, run, browser, admit }) => {
  const server = await start({ size: null, flags: ['--grace', '8s'] });
  const viewer = await open('window.html', {}, server);
  await fills(viewer);
  const context = await browser.newContext({ viewport: { width: 700, height: 600 } });
  await admit(context, server);
  const other = await watch(context, viewer);
  const room = await roomOf(other.page);
  await other.page.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 700);
  const box = (await other.video.boundingBox())!;
  await other.page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  expect((await run.saw('mousedown')).target, 'letterboxed').toBe('field-2-2');
  await run.saw('size', { width: even(room.width), height: even(room.height) });
  await fills(other);

  run.forget();
  const { body } = await server.ask('open', { url: run.url('window.html'), size: { width: 800, height: 600 } });
  const fixed = await watch(context, new Viewer(other.page, server, body.session));
  await until(async () => (await pictureOf(fixed.page))[0] === 800, () => 'the picture has another size');
  // Before, the picture may be that of the blank page, which a click would go to.
  await run.saw('seen');
  await fixed.page.setViewportSize({ width: 1000, height: 900 });
  await fixed.page.mouse.click(500, 500);
  await run.saw('mousedown');
  expect(await pictureOf(fixed.page)).toEqual([800, 600]);
  await context.close();
});
