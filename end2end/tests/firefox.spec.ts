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

test('what is copied in Firefox is pasted in the page, and the other way round', async ({ firefox, run, server }) => {
  const viewer = await firefox();
  const { page } = viewer;
  const chord = async (key: KeyInput) => {
    await page.keyboard.down('Control');
    await page.keyboard.press(key);
    await page.keyboard.up('Control');
  };
  await page.goto(server.url(`/s/${await server.open(run.url('clipboard.html'))}`));
  const field = await run.center('field');
  await viewer.shows(YELLOW, { x: field.x, y: field.y + 60 });
  await viewer.click(field);
  await page.keyboard.type('Fuchs');
  await run.saw('value', { value: 'Fuchs' });
  await chord('a');
  await chord('c');

  const address = 'input[aria-label=Address]';
  const value = () => page.$eval(address, (input) => (input as HTMLInputElement).value);
  await page.click(address);
  // It is written to the clipboard some time after the chord, and only pasting tells when.
  await expect(async () => {
    await chord('a');
    await chord('v');
    expect(await value()).toBe('Fuchs');
  }).toPass();

  await page.keyboard.type(' und Hase');
  await chord('a');
  await chord('c');
  await page.keyboard.press('Escape');
  await viewer.click(field);
  await page.keyboard.press('End');
  await chord('v');
  await run.saw('value', { value: 'FuchsFuchs und Hase' });
});

test('a Firefox without a decoder for H.264 says so in one sentence', async ({ firefox, run, server }) => {
  const viewer = await firefox({ 'media.ffmpeg.enabled': false, 'media.ffvpx.enabled': false });
  await viewer.page.goto(server.url(`/s/${await server.open(run.url('recorder.html'))}`));
  await expect
    .poll(() => viewer.status())
    .toBe('This browser cannot decode H.264 video, which Farpane sends.');
});
