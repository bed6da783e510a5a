// Pages that open pages: nobody gets lost.

import { expect, test } from '../support/fixtures';
import { BLUE, GREEN, YELLOW } from '../support/viewer';

for (const [id, what] of [
  ['blank', 'a link with target=_blank'],
  ['open', 'window.open'],
  ['sized', 'window.open with a size'],
] as const) {
  test(`${what} shows the new page; the way back is a tab`, async ({ open, run }) => {
    const viewer = await open('opener.html');
    await viewer.shows(YELLOW, { x: 20, y: 20 });
    await viewer.click(await run.center(id));
    await run.saw('opened', { page: '/child.html' });
    // A sized window may be smaller than the picture: its top left third is never bare.
    await viewer.shows(BLUE, { x: 60, y: 300 });
    await expect(viewer.tabs).toHaveCount(2);
    await expect(viewer.page).toHaveTitle(/Child/);

    await viewer.tab('Opener').click();
    await viewer.shows(YELLOW, { x: 20, y: 300 });
    await expect(viewer.address).toHaveValue(/opener\.html/);
    await viewer.tab('Child').click();
    await viewer.shows(BLUE, { x: 60, y: 300 });

    await viewer.closeTab('Child').click();
    await expect(viewer.tabs).toHaveCount(0);
    await viewer.shows(YELLOW, { x: 20, y: 300 });
    run.forget();
    await viewer.click(await run.center('alert'));
    await run.saw('click', { target: 'alert' });
    await viewer.dialog.getByRole('button', { name: 'OK' }).click();
  });
}

test('a page that closes itself gives way to the one before', async ({ open, run }) => {
  const viewer = await open('opener.html');
  await viewer.click(await run.center('open'));
  await viewer.shows(BLUE, { x: 60, y: 300 });
  await viewer.click(await run.center('leave'));
  await viewer.shows(YELLOW, { x: 20, y: 300 });
  await expect(viewer.tabs).toHaveCount(0);
});

test('a new tab is opened, used and closed', async ({ open, run }) => {
  const viewer = await open('green.html');
  await viewer.shows(YELLOW);
  await viewer.button('New tab').click();
  await expect(viewer.tabs).toHaveCount(2);
  await viewer.visit(run.url('page.html', { name: 'Mine', color: 'rgb(0, 180, 0)' }));
  await viewer.shows(GREEN);
  await expect(viewer.tab('Mine')).toBeVisible();
  await viewer.closeTab('Mine').click();
  await viewer.shows(YELLOW);
  await expect(viewer.tabs).toHaveCount(0);
});
