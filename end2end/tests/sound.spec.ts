// What a page plays is heard by the viewer: left on the left, as loud as the person wants, and not at all when it is silent.

import { hearAll } from '../support/ear.mjs';
import { expect, test } from '../support/fixtures';
import { keepMediaPortShut } from '../support/instruments.mjs';
import type { Server } from '../support/server.mjs';
import type { Viewer } from '../support/viewer';

/** The button on the page that plays. */
const PLAY = { x: 140, y: 70 };
/** Below full scale, in dB: what is lower is not heard. */
const SILENT = -80;
/** What of the spectrum one figure stands for, in Hz. */
const STEP = 48_000 / 8192;

const heard = (viewer: Viewer) => viewer.page.evaluate(() => ({ left: window.ear.left(), right: window.ear.right() }));

async function hears(viewer: Viewer, left: number, right: number): Promise<void> {
  const steps = (frequency: number) => Math.round(frequency / STEP);
  const loud = ({ frequency, level }: { frequency: number; level: number }) => (level > SILENT / 2 ? steps(frequency) : 'silence');
  await expect
    .poll(async () => Object.values(await heard(viewer)).map(loud), { message: 'what is heard on the left and on the right' })
    .toEqual([left, right].map(steps));
}

async function soundBytes(server: Server, session: string): Promise<number> {
  const reply = await fetch(server.url('/metrics'), { headers: server.bearer });
  const line = new RegExp(`farpane_sound_bytes_total\\{session="${session}"\\} (\\d+)`).exec(await reply.text());
  return Number(line?.[1] ?? 0);
}

test('left is left, as loud as the person wants, and silence is not sent', async ({ open, page, run, server }) => {
  await page.addInitScript(hearAll);
  const viewer = await open('sound.html', { left: '1000', right: '400' });
  await viewer.click(PLAY);
  await run.saw('playing');
  await hears(viewer, 1000, 400);
  expect(await page.evaluate(() => window.ear.from)).toBe('track');

  await viewer.button('Sound: 100 %').click();
  await page.getByRole('slider', { name: 'Volume' }).fill('50');
  await expect(viewer.button('Sound: 50 %')).toBeVisible();
  expect(await page.evaluate(() => window.ear.volume)).toBe(0.25);
  await viewer.button('Mute').click();
  await expect(viewer.button('Sound: muted')).toBeVisible();
  expect(await page.evaluate(() => window.ear.volume)).toBe(0);
  await page.reload();
  await viewer.connected();
  await viewer.button('Sound: muted').click();
  await viewer.button('Unmute').click();
  await expect(viewer.button('Sound: 50 %')).toBeVisible();
  await hears(viewer, 1000, 400);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('slider', { name: 'Volume' })).toBeHidden();

  await viewer.click(PLAY);
  await run.saw('stopped');
  await expect.poll(async () => (await heard(viewer)).left.level, { message: 'it is silent' }).toBeLessThan(SILENT);
  await run.saw('silent', { seconds: 1 });
  const silent = await soundBytes(server, viewer.session);
  expect(silent).toBeGreaterThan(1000);
  await run.saw('silent', { seconds: 2 });
  expect(await soundBytes(server, viewer.session), 'nothing is sent of silence').toBe(silent);
});

test('sound takes the web socket, too', async ({ open, page, run }) => {
  await page.addInitScript(keepMediaPortShut);
  await page.addInitScript(hearAll);
  const viewer = await open('sound.html', { left: '1000', right: '400' });
  await viewer.click(PLAY);
  await run.saw('playing');
  await hears(viewer, 1000, 400);
  expect(await page.evaluate(() => window.ear.from)).toBe('packets');
  await viewer.button('Sound: 100 %').click();
  await viewer.button('Mute').click();
  await expect.poll(async () => (await heard(viewer)).left.level, { message: 'it is muted' }).toBeLessThan(SILENT);
});

test('without sound pages play to nobody, and go on', async ({ open, run, start }) => {
  const viewer = await open('sound.html', {}, await start({ flags: ['--sound', 'off'] }));
  await viewer.click(PLAY);
  await run.saw('playing');
  await expect(viewer.page.getByRole('button', { name: /^Sound/ })).toBeHidden();
});
