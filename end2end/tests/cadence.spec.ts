// How often a page is drawn: as often as pictures are shown, although Chrome believes in a quicker screen.

import { expect, test } from '../support/fixtures';

test('a page is asked for sixty frames a second, and no more', async ({ open }) => {
  const viewer = await open('counter.html');
  await viewer.flows();
  const rate = await viewer.page.evaluate(async () => {
    const read = async () => {
      for (;;) {
        await new Promise(requestAnimationFrame);
        const frame = window.instruments.barcode();
        if (frame !== null) return { frame, at: performance.now() };
      }
    };
    const before = await read();
    let after = before;
    while (after.at - before.at < 3000) after = await read();
    return ((after.frame - before.frame) / (after.at - before.at)) * 1000;
  });
  // A busy machine draws fewer.
  expect(rate).toBeGreaterThan(10);
  expect(rate).toBeLessThan(66);
});
