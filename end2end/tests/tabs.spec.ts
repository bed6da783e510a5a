// Pages that open pages: nobody gets lost.

import { expect, test } from '../support/fixtures';
import { BLUE, GREEN, YELLOW, isNear } from '../support/viewer';

for (const [id, what] of [
  ['blank', 'a link with target=_blank'],
  ['open', 'window.open'],
] as const) {
  test(`${what} shows the new page; the way back is a tab`, async ({ open, run }) => {
    const viewer = await open('opener.html');
    await viewer.shows(YELLOW, { x: 20, y: 20 });
    await viewer.click(await run.center(id));
    await run.saw('opened', { page: '/child.html' });
    await viewer.shows(BLUE, { x: 60, y: 300 });
    await expect(viewer.tabs).toHaveCount(2);
    await expect(viewer.page).toHaveTitle(/Child/);

    await viewer.tab('Opener').click();
    await viewer.shows(YELLOW, { x: 20, y: 300 });
    await expect(viewer.address).toHaveValue(/opener\.html/);
    await viewer.tab('Child').click();
    await viewer.shows(BLUE, { x: 60, y: 300 });

    await viewer.closeTab('Child').click();
    await expect(viewer.tabs).toHaveCount(1);
    await viewer.shows(YELLOW, { x: 20, y: 300 });
    run.forget();
    await viewer.click(await run.center('alert'));
    await run.saw('click', { target: 'alert' });
    await viewer.dialog.getByRole('button', { name: 'OK' }).click();
  });
}

test('a window that a page opened with a size floats over it, is moved, resized and closed', async ({ open, run }) => {
  const viewer = await open('opener.html');
  await viewer.click(await run.center('sized'));
  await expect(viewer.tabs).toHaveCount(2);
  await expect(viewer.page).toHaveTitle(/Child/);
  await run.saw('layout', { page: '/child.html', width: 500 });
  // In the middle of the picture, under Chrome's title bar and the address.
  await viewer.shows(BLUE, { x: 640, y: 400 });
  const left = 640 - 250;
  const right = 640 + 250;
  await viewer.shows(BLUE, { x: left + 10, y: 400 });
  await viewer.shows(YELLOW, { x: left - 40, y: 400 });
  await viewer.shows(YELLOW, { x: right + 40, y: 400 });
  await expect(viewer.page.getByText(/%/)).toBeHidden();
  let top = 400;
  while (isNear(await viewer.pixel({ x: left + 20, y: top }), BLUE)) top -= 2;
  const bottom = top + 400;

  // By its title bar.
  await viewer.drag({ x: 640, y: top - 45 }, { x: 540, y: top + 5 });
  await viewer.shows(YELLOW, { x: right - 50, y: bottom - 20 });
  await viewer.shows(BLUE, { x: left - 50, y: bottom + 20 });

  // By its right edge.
  await viewer.drag({ x: right - 100 + 3, y: bottom - 50 }, { x: right + 3, y: bottom - 50 });
  await run.saw('layout', { page: '/child.html', width: 600 });
  await viewer.shows(BLUE, { x: right - 50, y: bottom - 20 });

  // What lies under it is used, and shows its dialogs; the window stays above.
  await viewer.click(await run.center('alert'));
  await run.saw('click', { target: 'alert' });
  await viewer.dialog.getByRole('button', { name: 'OK' }).click();
  await expect(viewer.address).toHaveValue(/opener\.html/);
  await viewer.shows(BLUE, { x: right - 50, y: bottom - 20 });
  await viewer.tab('Child').click();
  await expect(viewer.address).toHaveValue(/child\.html/);

  await viewer.click({ x: right - 16, y: top + 5 });
  await expect(viewer.tabs).toHaveCount(1);
  await viewer.shows(YELLOW, { x: right - 50, y: bottom - 20 });
  await expect(viewer.address).toHaveValue(/opener\.html/);
});

test('a page that closes itself gives way to the one before', async ({ open, run }) => {
  const viewer = await open('opener.html');
  await viewer.click(await run.center('open'));
  await viewer.shows(BLUE, { x: 60, y: 300 });
  await viewer.click(await run.center('leave'));
  await viewer.shows(YELLOW, { x: 20, y: 300 });
  await expect(viewer.tabs).toHaveCount(1);
});

test('a new tab has a start page with recent pages, is used and closed', async ({ open, run }) => {
  const viewer = await open('green.html');
  await viewer.shows(YELLOW);
  await viewer.button('New tab').click();
  await expect(viewer.tabs).toHaveCount(2);
  const field = viewer.startPage.getByRole('textbox');
  await expect(field).toBeFocused();
  await expect(viewer.startPage.getByRole('listitem')).toContainText(['Green page']);
  await field.fill(run.url('page.html', { name: 'Mine', color: 'rgb(0, 180, 0)' }));
  await field.press('Enter');
  await expect(viewer.startPage).toBeHidden();
  await viewer.shows(GREEN);
  await expect(viewer.tab('Mine')).toBeVisible();
  await viewer.tab('Mine').click({ button: 'middle' });
  await viewer.shows(YELLOW);
  await expect(viewer.tabs).toHaveCount(1);

  // The last one gives way to a new one, and the session goes on.
  await viewer.closeTab('Green').click();
  await expect(viewer.startPage.getByRole('listitem').first()).toContainText('Green page');
  await expect(viewer.tabs).toHaveCount(1);
  await viewer.startPage.getByRole('button', { name: /Green page/ }).click();
  await viewer.shows(YELLOW);
});

test('what a page writes into a blank page it opened is not covered', async ({ open, run }) => {
  const viewer = await open('opener.html');
  await viewer.click(await run.center('written'));
  await viewer.shows(BLUE, { x: 60, y: 300 });
  await expect(viewer.tabs).toHaveCount(2);
  await expect(viewer.startPage).toBeHidden();
});

test('tabs are reordered by dragging and by keys, for everybody, and Ctrl+Tab follows', async ({ open, join, run, server }) => {
  const viewer = await open('page.html', { name: 'One' });
  for (const name of ['Two', 'Three']) {
    await server.call('new_tab', { session: viewer.session, url: run.url('page.html', { name }) });
    await expect(viewer.tab(name)).toHaveAttribute('aria-selected', 'true');
  }
  const other = await join(viewer);
  const inOrder = async (...names: string[]) => {
    for (const { tabs } of [viewer, other]) await expect(tabs).toHaveText(names);
  };
  await inOrder('One', 'Two', 'Three');

  const [one, three] = [await viewer.tab('One').boundingBox(), await viewer.tab('Three').boundingBox()];
  if (!one || !three) throw new Error('a tab is not seen');
  await viewer.page.bringToFront();
  await viewer.page.mouse.move(three.x + 30, three.y + 10);
  await viewer.page.mouse.down();
  await viewer.page.mouse.move(one.x + 5, one.y + 10, { steps: 6 });
  await viewer.page.mouse.up();
  await inOrder('Three', 'One', 'Two');

  await viewer.tab('Three').focus();
  await viewer.page.keyboard.press('Alt+ArrowRight');
  await inOrder('One', 'Three', 'Two');
  await viewer.tab('Three').press('ArrowRight');
  await expect(viewer.tab('Two')).toBeFocused();
  await viewer.page.keyboard.press('Enter');
  await expect(viewer.tab('Two')).toHaveAttribute('aria-selected', 'true');

  // From the picture.
  await viewer.click({ x: 640, y: 360 });
  await viewer.page.keyboard.press('Control+Tab');
  await expect(viewer.tab('One')).toHaveAttribute('aria-selected', 'true');
  await viewer.page.keyboard.press('Control+PageUp');
  await expect(viewer.tab('Two')).toHaveAttribute('aria-selected', 'true');
});
