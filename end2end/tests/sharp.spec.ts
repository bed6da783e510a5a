// A page that comes to rest is seen as it is, soon, and then nothing is sent: measured in the viewer's own browser.

import { psnr, ssim } from '../support/likeness.mjs';
import { keptLuma, pixelsOf, watchLuma } from '../support/luma.mjs';
import { expect, test } from '../support/fixtures';
import { until } from '../support/until.mjs';
import type { Viewer } from '../support/viewer';

const EXACT = { psnr: 48, ssim: 0.998 };
/** Of a picture that is still the same one. */
const SILENCE_MILLIS = 1000;
/** On a machine with nothing else to do it is half a second. */
const SOON_MILLIS = 3000;

/** BT.709, of a picture given as a data URL. */
async function lumaOf(viewer: Viewer, picture: string): Promise<Float64Array> {
  const pixels = Buffer.from(await viewer.page.evaluate(pixelsOf, picture), 'base64');
  return Float64Array.from(
    { length: pixels.length / 4 },
    (_, at) => 0.2126 * pixels[at * 4] + 0.7152 * pixels[at * 4 + 1] + 0.0722 * pixels[at * 4 + 2],
  );
}

test('the figures of likeness are those of its definition', () => {
  const width = 64;
  const page = Array.from({ length: width * width }, (_, at) => ((at * 7919) % 256));
  expect(ssim(page, page, width)).toBeCloseTo(1, 9);
  expect(psnr(page, page)).toBe(60);
  // A mean square of 1 is 48.13 dB.
  expect(psnr(page.map((luma) => luma + 1), page)).toBeCloseTo(48.13, 2);
  // Two flat pictures: (2·100·110 + C1) / (100² + 110² + C1), the contrast's part being 1.
  const flat = (luma: number) => new Array(width * width).fill(luma);
  expect(ssim(flat(100), flat(110), width)).toBeCloseTo((22_000 + 6.5025) / (22_100 + 6.5025), 6);
  expect(ssim(page.map((luma) => 255 - luma), page, width)).toBeLessThan(0);
});

test('a page that stops is exact soon, and silent then', async ({ open, run }) => {
  const viewer = await open('sharp.html');
  await viewer.click({ x: 640, y: 360 });
  const still = await until(() => run.all('still').at(-1), () => 'the page does not stop');
  await viewer.page.evaluate(watchLuma);
  // Silence is a fact to wait for: the newest frame is older than that.
  await viewer.page.waitForFunction(
    (silence) => {
      const newest = window.lumaWatch.frames.at(-1);
      return newest && performance.timeOrigin + performance.now() - newest.at > silence;
    },
    SILENCE_MILLIS,
    { timeout: 10_000 },
  );
  const meant = await lumaOf(viewer, String(still.picture));
  const frames = await viewer.page.evaluate(keptLuma);
  const figures = frames.map(({ at, width, height, luma }) => {
    expect([width, height]).toEqual([1280, 720]);
    const seen = Float64Array.from(Buffer.from(luma, 'base64'), (level) => ((level - 16) * 255) / 219);
    return { after: at - Number(still.at), psnr: psnr(seen, meant), ssim: ssim(seen, meant, width) };
  });
  const told = ({ after, psnr, ssim }: (typeof figures)[number]) =>
    `${Math.round(after)} ms: ${psnr.toFixed(1)} dB, SSIM ${ssim.toFixed(4)}`;
  console.log(`after the last change\n  ${figures.map(told).join('\n  ')}`);
  const exact = figures.find((figure) => figure.psnr >= EXACT.psnr && figure.ssim >= EXACT.ssim);
  expect(exact, 'the page at rest becomes exact').toBeDefined();
  expect(exact?.after).toBeLessThan(SOON_MILLIS);
  const last = figures.at(-1);
  expect(last?.psnr).toBeGreaterThanOrEqual(EXACT.psnr);
  expect(last?.ssim).toBeGreaterThanOrEqual(EXACT.ssim);
});

test('a window that is a little larger than the picture does not blur it', async ({ open, run }) => {
  const viewer = await open('sharp.html');
  await viewer.click({ x: 640, y: 360 });
  const still = await until(() => run.all('still').at(-1), () => 'the page does not stop');
  const meant = await lumaOf(viewer, String(still.picture));
  const { x, y } = await viewer.onPage({ x: 0, y: 0 });
  const clip = { x, y, width: 1280, height: 720 };
  // The viewer's own screen, after all that its browser does to a video. Stretched to fill the window it stays below 20 dB.
  const likeness = async () => {
    const screen = await viewer.page.screenshot({ clip });
    return psnr(await lumaOf(viewer, `data:image/png;base64,${screen.toString('base64')}`), meant);
  };
  await expect.poll(likeness, { timeout: 10_000 }).toBeGreaterThan(40);
});
