// What a mouse does on the video is what the far page gets, to the pixel.

import { expect, test } from '../support/fixtures';
import { GREEN, YELLOW, type Viewer } from '../support/viewer';
import type { Run } from '../support/site.mjs';

test('a click arrives once, where it was made, and is seen', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  const { x, y, width, height } = await run.box('target');
  const corners = [
    { x: x + 3, y: y + 3 },
    { x: x + width - 4, y: y + height - 4 },
    { x: x + width / 2, y: y + height / 2 },
  ];
  await viewer.shows(YELLOW, corners[2]);
  for (const [number, corner] of corners.entries()) {
    run.forget();
    await viewer.click(corner);
    const click = await run.saw('click', { target: 'target' });
    expect(Math.abs(click.clientX - corner.x)).toBeLessThanOrEqual(1);
    expect(Math.abs(click.clientY - corner.y)).toBeLessThanOrEqual(1);
    expect(click.isTrusted).toBe(true);
    await viewer.shows(number % 2 === 0 ? GREEN : YELLOW, { x: x + width / 2, y: y + height / 2 });
    for (const type of ['mousedown', 'mouseup', 'click']) expect(run.all(type), type).toHaveLength(1);
  }
});

test('moving is hovering', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  const center = await run.center('target');
  await viewer.moveTo(center, 10);
  const move = await run.saw('mousemove', { target: 'target', buttons: 0 });
  expect(Math.abs(move.clientX - center.x)).toBeLessThan(320);
});

test('a double click selects a word, a triple click the line', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  const beta = await run.center('beta');
  await viewer.click(beta, { clickCount: 2 });
  expect((await run.saw('dblclick', { target: 'beta' })).selected.trim()).toBe('beta');

  // Elsewhere first, so that the next click does not count as the third.
  await viewer.click(await run.center('target'));
  await run.saw('click', { target: 'target' });
  await viewer.click(beta, { clickCount: 3 });
  expect((await run.saw('click', { target: 'beta', detail: 3 })).selected.trim()).toBe('alpha beta gamma');
});

test('right and middle button', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  const center = await run.center('target');
  await viewer.click(center, { button: 'right' });
  await run.saw('mousedown', { target: 'target', button: 2 });
  await run.saw('contextmenu', { target: 'target' });
  await run.saw('mouseup', { target: 'target', button: 2 });
  await viewer.click(center, { button: 'middle' });
  await run.saw('auxclick', { target: 'target', button: 1 });
});

test('dragging selects text', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  const { x, y, width, height } = await run.box('words');
  await viewer.drag({ x: x + 1, y: y + height / 2 }, { x: x + width - 1, y: y + height / 2 });
  expect((await run.saw('mouseup', { button: 0 })).selected.trim()).toBe('alpha beta gamma');
});

test('dragging moves a slider', async ({ open, run }) => {
  const viewer = await open('forms.html');
  const { x, y, width, height } = await run.box('slider');
  await viewer.drag({ x: x + 8, y: y + height / 2 }, { x: x + width / 2, y: y + height / 2 });
  const { value } = await run.saw('change', { target: 'slider' });
  expect(Math.abs(Number(value) - 50)).toBeLessThanOrEqual(3);
});

test('dragging beyond the picture and letting go there ends the drag', async ({ open, run }) => {
  const viewer = await open('forms.html');
  const { x, y, height } = await run.box('slider');
  await viewer.moveTo({ x: x + 8, y: y + height / 2 });
  await viewer.page.mouse.down();
  await viewer.page.mouse.move(1395, 5, { steps: 10 });
  await viewer.page.mouse.up();
  await run.saw('change', { target: 'slider' });
});

test('one thing is dropped on another', async ({ open, run }) => {
  const viewer = await open('forms.html');
  const basket = await run.center('basket');
  await viewer.shows(YELLOW, basket);
  await viewer.drag(await run.center('card'), basket);
  await run.saw('dropped', { data: 'card' });
  await viewer.shows(GREEN, basket);
});

/** Turns the wheel over the scroller and waits until it has come to rest. */
async function wheel(viewer: Viewer, run: Run, deltaX: number, deltaY: number) {
  run.forget();
  await viewer.page.mouse.wheel(deltaX, deltaY);
  const axis = deltaY === 0 ? 'deltaX' : 'deltaY';
  const wanted = deltaY === 0 ? deltaX : deltaY;
  const sum = () => run.all('wheel').reduce((sum, event) => sum + event[axis], 0);
  // The video is shown a little larger than it is; how far one turns is measured in the far page's pixels.
  await expect.poll(() => Math.round(sum() / wanted), { message: `wheel events, ${axis} in all` }).toBe(1);
  await run.saw('rested');
}

test('the wheel scrolls both axes, both ways', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await viewer.moveTo(await run.center('scroller'));
  const at = () => run.all('scrolled').at(-1) ?? { top: -1, left: -1 };

  await wheel(viewer, run, 0, 240);
  await expect.poll(() => at().top).toBeGreaterThan(150);
  await wheel(viewer, run, 240, 0);
  await expect.poll(() => at().left).toBeGreaterThan(150);
  await wheel(viewer, run, 0, -480);
  await expect.poll(() => at().top).toBe(0);
  await wheel(viewer, run, -480, 0);
  await expect.poll(() => at().left).toBe(0);
});

test('a touchpad scrolls by a few pixels, not by notches', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await viewer.moveTo(await run.center('scroller'));
  await wheel(viewer, run, 0, 9);
  const { deltaY } = await run.saw('wheel');
  expect(deltaY).toBeGreaterThan(4);
  expect(deltaY).toBeLessThan(18);
});

test('the pointer has the shape that the page asks for', async ({ open, run }) => {
  const viewer = await open('cursors.html');
  for (const shape of [
    'pointer', 'text', 'ew-resize', 'ns-resize', 'nwse-resize', 'crosshair', 'grab', 'not-allowed', 'wait', 'help', 'none',
  ]) {
    const center = await run.center(shape);
    await viewer.moveTo(center);
    await expect.poll(() => viewer.cursorAt(center)).toBe(shape);
  }
  const own = await run.center('own');
  await viewer.moveTo(own);
  await expect.poll(() => viewer.cursorAt(own), 'a picture of its own').toMatch(/^url\(.*12 12/);
});

test('a page that locks the pointer gets its motion without an edge, and Escape gives it back', async ({ open, run }) => {
  const viewer = await open('lock.html');
  const { page } = viewer;
  const isLocked = () => page.evaluate(() => document.pointerLockElement?.tagName ?? null);
  await viewer.click({ x: 640, y: 360 });
  await run.saw('locked', { on: true });
  await viewer.shows(GREEN);
  await expect.poll(isLocked, 'the viewer\'s own pointer').toBe('VIDEO');

  // Farther to the left than there is page.
  const devtools = await page.context().newCDPSession(page);
  const { x, y } = await viewer.onPage({ x: 640, y: 360 });
  for (let step = 1; step <= 40; step++) {
    await devtools.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x: x - step * 60, y });
  }
  await expect.poll(() => run.all('gone').at(-1)?.x).toBeLessThan(-1500);
  expect(Math.abs(run.all('gone').at(-1)?.y)).toBeLessThan(5);
  run.forget();
  await page.mouse.down();
  await page.mouse.up();
  await run.saw('mousedown', { button: 0 });

  await page.evaluate(() => document.exitPointerLock());
  await run.saw('locked', { on: false });
  await viewer.shows(YELLOW);
  expect(run.all('keydown'), 'Escape is Chrome\'s own').toEqual([]);

  // Given back by the page: the viewer's pointer is free too. For a second Chrome lets nobody have it again.
  run.forget();
  await expect(async () => {
    await viewer.click({ x: 640, y: 360 });
    await run.saw('locked', { on: true }, 300);
  }).toPass();
  await expect.poll(isLocked).toBe('VIDEO');
  await viewer.visit(run.url('green.html'));
  await expect.poll(isLocked).toBe(null);
});
