// Pages that take what they can get: the viewer stays in control, and every page can be left within three seconds.

import { expect, test } from '../support/fixtures';
import type { Run } from '../support/site.mjs';
import { LILAC, type Viewer } from '../support/viewer';

const LEFT_WITHIN = 3_000;

/** By the address bar, as a person who has had enough. */
async function leave(viewer: Viewer, run: Run): Promise<void> {
  await viewer.visit(run.url('recorder.html'));
  await viewer.shows(LILAC, { x: 200, y: 600 }, LEFT_WITHIN);
}

async function provoke(viewer: Viewer, run: Run): Promise<void> {
  await viewer.click({ x: 640, y: 360 });
  await run.saw('mousedown', { page: '/hostile.html' });
}

test('a storm of windows that jump about', async ({ open, run }) => {
  const viewer = await open('hostile.html', { what: 'popups' });
  await provoke(viewer, run);
  await expect.poll(() => run.all('popup').length).toBeGreaterThan(20);
  await viewer.closeTab('Child').click();
  await expect(viewer.tabs).toHaveCount(1, { timeout: LEFT_WITHIN });
  await leave(viewer, run);
  await viewer.button('End').click();
  await expect(viewer.status).toContainText('closed', { timeout: LEFT_WITHIN });
});

test('a page that grabs pointer, keyboard and screen', async ({ open, run }) => {
  const viewer = await open('hostile.html', { what: 'grab' });
  await provoke(viewer, run);
  await run.saw('fullscreen', { on: true });
  await viewer.moveTo({ x: 300, y: 300 });
  await viewer.page.keyboard.press('Escape');
  await leave(viewer, run);
  await viewer.moveTo({ x: 400, y: 300 });
  // The pointer is the person's again.
  await expect.poll(() => viewer.cursorAt({ x: 400, y: 300 })).not.toBe('none');
});

test('a cursor of 4096 pixels is none', async ({ open, run }) => {
  const viewer = await open('hostile.html', { what: 'cursor' });
  await provoke(viewer, run);
  await run.saw('dressed');
  await viewer.moveTo({ x: 300, y: 300 });
  await expect.poll(() => viewer.cursorAt({ x: 300, y: 300 })).toBe('crosshair');
  await leave(viewer, run);
});

test('a list of 10,000 options opens, is used and is left', async ({ open, run }) => {
  const viewer = await open('hostile.html', { what: 'options' });
  const list = { x: 40, y: 80, width: 300, height: 600 };
  await viewer.remember();
  await viewer.click(await run.center('select'));
  await viewer.changed(list);
  await viewer.page.keyboard.press('End');
  await viewer.page.keyboard.press('Enter');
  expect((await run.saw('chosen')).value).toBe('option 9999');
  await viewer.click(await run.center('select'));
  await viewer.changed(list);
  await leave(viewer, run);
});

test('a page that asks to stay is left all the same', async ({ open, run }) => {
  const viewer = await open('hostile.html', { what: 'leave' });
  await provoke(viewer, run);
  await run.saw('holding');
  await viewer.visit(run.url('recorder.html'));
  await expect(viewer.dialog).toContainText('Leave this page?');
  await leave(viewer, run);
});
