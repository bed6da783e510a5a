// How often a page is drawn: as often as pictures are shown, although Chrome believes in a quicker screen.

import { expect, test } from '../support/fixtures';

test('a page is never asked for two frames where one is shown', async ({ open, run }) => {
  const viewer = await open('counter.html');
  await viewer.flows();
  run.forget();
  const { closest } = await run.saw('cadence');
  // Sixtieths of a second, moved a little to suit the viewer's screen; half of that on the screen Chrome believes in.
  expect(closest).toBeGreaterThan(12);
});
