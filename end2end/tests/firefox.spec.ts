// Another browser than Chrome on the viewer's side. Firefox has no H.264 in WebRTC without a plugin that it downloads.

import type { KeyInput } from 'puppeteer-core';
import { Firefox } from '../support/firefox';
import { expect, test as base } from '../support/fixtures';
import { GREEN, YELLOW } from '../support/viewer';

const test = base.extend<{ firefox: (preferences?: Record<string, unknown>) => Promise<Firefox> }>({
  // Its sessions end as those of other viewers do.
  firefox: async ({ server, admit: _ }, use) => {
    const started: Firefox[] = [];
    await use(async (preferences) => {
      const firefox = await Firefox.start(server, preferences);
      started.push(firefox);
      return firefox;
    });
    for (const firefox of started) await firefox.end();
  },
});

test('Firefox shows the page over the web socket, and takes clicks and keys to it', async ({ firefox, run, server }) => {
  const viewer = await firefox();
  const { page } = viewer;
  await page.goto(server.url(`/s/${await server.open(run.url('recorder.html'))}`));
  const target = await run.center('target');
  await viewer.shows(YELLOW, target);
  expect(await viewer.status()).toBe('Connected');
  expect(await page.evaluate(() => window.instruments.sockets.length), 'pictures come on a socket').toBe(1);

  await viewer.click(target);
  await run.saw('click', { target: 'target' });
  await viewer.shows(GREEN, target);

  await viewer.click(await run.center('field'));
  await run.saw('focusin', { target: 'field' });
  await page.keyboard.type('Fox');
  // As on a keyboard that has this key.
  await page.keyboard.press('é' as KeyInput);
  await run.saw('input', { target: 'field', value: 'Foxé' });
  await page.keyboard.press('Home');
  await page.keyboard.press('Delete');
  await run.saw('input', { target: 'field', value: 'oxé' });
});

test('a Firefox without a decoder for H.264 says so in one sentence', async ({ firefox, run, server }) => {
  const viewer = await firefox({ 'media.ffmpeg.enabled': false, 'media.ffvpx.enabled': false });
  await viewer.page.goto(server.url(`/s/${await server.open(run.url('recorder.html'))}`));
  await expect
    .poll(() => viewer.status())
    .toBe('This browser cannot decode H.264 video, which Farpane sends.');
});
