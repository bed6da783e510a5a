// Kinds of pages that ask more of Chrome than text and boxes.

import { test } from '../support/fixtures';
import { GREEN, YELLOW } from '../support/viewer';

test('a page draws with WebGL', async ({ open }) => {
  const viewer = await open('webgl.html');
  await viewer.shows(YELLOW);
  await viewer.click({ x: 640, y: 360 });
  await viewer.shows(GREEN);
});
