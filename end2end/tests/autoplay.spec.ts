// Browsers that play nothing before the person has done something.

import { chromium } from '@playwright/test';
import { LAUNCH } from '../support/chromium.mjs';
import { hearAll } from '../support/ear.mjs';
import { expect, test } from '../support/fixtures';
import { Viewer } from '../support/viewer';

// What is recorded is asked of the page, and whatever is asked of it counts as a click to its browser.
test.use({ trace: 'off' });

test('a browser that wants a click first says so, and any click will do', async ({ open, run, server }) => {
  const playing = await open('sound.html', { left: '1000' });
  await playing.click({ x: 140, y: 70 });
  await run.saw('playing');
  const args = LAUNCH.args.filter((flag) => !flag.startsWith('--autoplay'));
  const browser = await chromium.launch({ ...LAUNCH, args: [...args, '--autoplay-policy=document-user-activation-required'] });
  try {
    const context = await browser.newContext();
    await context.request.get(server.entry.href);
    await context.addInitScript(hearAll);
    const viewer = new Viewer(await context.newPage(), server, playing.session);
    await viewer.page.goto(server.url(`/s/${playing.session}`));
    const viewers = async () => (await server.sessions()).find(({ session }) => session === playing.session)?.viewers;
    await expect.poll(viewers, { message: 'it is connected' }).toBe(2);
    await expect(viewer.button('Click for sound')).toBeVisible();
    const isPlaying = () => viewer.page.evaluate(() => window.ear.isPlaying);
    expect(await isPlaying()).toBe(false);
    const place = await viewer.video.boundingBox();
    await viewer.page.mouse.click((place?.x ?? 0) + 600, (place?.y ?? 0) + 100);
    await expect(viewer.button('Sound: 100 %')).toBeVisible();
    expect(await isPlaying()).toBe(true);
  } finally {
    await browser.close();
  }
});
