// What surrounds the picture: menus, find, zoom, the full screen, marks of the tabs.

import { readFileSync } from 'node:fs';
import { expect, test } from '../support/fixtures';
import { GREEN, YELLOW } from '../support/viewer';

test('the context menu is ours where the page has none, and does what it says', async ({ open, run, context, page }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const viewer = await open('tools.html');
  const menu = viewer.page.getByRole('menu', { name: 'Page' });
  const item = (name: string) => menu.getByRole('menuitem', { name });
  const ask = async (id: string) => {
    await viewer.click(await run.center(id), { button: 'right' });
    await expect(menu).toBeVisible();
  };
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());

  await ask('link');
  await item('Copy link address').click();
  await expect(menu).toBeHidden();
  await expect.poll(clipboard).toContain('/green.html');

  await viewer.click(await run.center('own'), { button: 'right' });
  await run.saw('contextmenu', { target: 'own' });
  await ask('picture');
  await item('Copy image').click();
  await expect
    .poll(() =>
      page.evaluate(async () => {
        const [item] = await navigator.clipboard.read();
        if (!item?.types.includes('image/png')) return item?.types.join();
        const { width, height } = await createImageBitmap(await item.getType('image/png'));
        return `${width} × ${height}`;
      }),
    )
    .toBe('20 × 10');
  await ask('picture');
  const [download] = await Promise.all([page.waitForEvent('download'), item('Save image').click()]);
  expect(download.suggestedFilename()).toBe('blue.png');
  // What the page has made itself, and what it has revoked since.
  await run.saw('made');
  for (const id of ['kept', 'made']) {
    await ask(id);
    const [saved] = await Promise.all([page.waitForEvent('download'), item('Save image').click()]);
    expect(saved.suggestedFilename()).toBe('image.png');
    expect(readFileSync(await saved.path()).subarray(1, 4).toString()).toBe('PNG');
  }

  // By keys: up from the first is the last; the focus goes back to the page.
  await viewer.click(await run.center('note'));
  await viewer.page.keyboard.type('abc');
  await run.saw('input', { target: 'note', value: 'abc' });
  await ask('note');
  await expect(item('Copy')).toBeDisabled();
  await item('Select all').click();
  await ask('note');
  await viewer.page.keyboard.press('Home');
  await expect(item('Cut')).toBeFocused();
  await viewer.page.keyboard.press('Enter');
  await run.saw('input', { target: 'note', value: '' });
  await viewer.page.keyboard.type('d');
  await run.saw('input', { target: 'note', value: 'd' });

  await ask('link');
  await viewer.page.keyboard.press('Escape');
  await expect(menu).toBeHidden();
  await ask('link');
  await item('Open link in new tab').click();
  await expect(viewer.tabs).toHaveCount(2);
  await viewer.shows(YELLOW);
});

test('find marks what is seen, counts, and goes round', async ({ open, run }) => {
  const viewer = await open('tools.html');
  const bar = viewer.page.getByRole('search');
  const figure = bar.getByRole('status');
  await viewer.click(await run.center('note'));
  await viewer.page.keyboard.press('Control+f');
  await expect(bar.getByRole('textbox')).toBeFocused();
  await viewer.page.keyboard.type('needle');
  await expect(figure).toHaveText('1 of 4');
  await viewer.page.keyboard.press('Enter');
  await expect(figure).toHaveText('2 of 4');
  run.forget();
  await bar.getByRole('button', { name: 'Next match' }).click();
  await expect(figure).toHaveText('3 of 4');
  expect((await run.saw('scrolled')).top).toBeGreaterThan(1000);
  const frame = await run.box('frame');
  await viewer.remember();
  await viewer.page.keyboard.press('Enter');
  await expect(figure).toHaveText('4 of 4');
  // The mark is another one now.
  await viewer.changed(frame, { width: 40, height: 10 });
  await viewer.page.keyboard.press('Enter');
  await expect(figure).toHaveText('1 of 4');
  await viewer.page.keyboard.press('Shift+Enter');
  await expect(figure).toHaveText('4 of 4');
  await bar.getByRole('textbox').fill('nowhere');
  await expect(figure).toHaveText('none');
  await viewer.page.keyboard.press('Escape');
  await expect(bar).toBeHidden();
  // From the toolbar too.
  await viewer.address.focus();
  await viewer.page.keyboard.press('Control+f');
  await expect(bar).toBeVisible();
});

test('zoom has its figure, which ends it; the full screen is the page\'s and the person\'s', async ({ open, run, page }) => {
  const viewer = await open('tools.html');
  const zoom = viewer.page.getByRole('button', { name: /^Zoom/ });
  await expect(zoom).toBeHidden();
  await viewer.click(await run.center('note'));
  await viewer.page.keyboard.press('Control+Equal');
  await run.saw('zoomed', { percent: 110 });
  await expect(zoom).toHaveText('110 %');
  await zoom.click();
  await run.saw('zoomed', { percent: 100 });
  await expect(zoom).toBeHidden();

  const isFull = () => page.evaluate(() => document.fullscreenElement !== null);
  await viewer.click(await run.center('full'));
  await run.saw('full', { is: true });
  await expect.poll(isFull).toBe(true);
  await viewer.shows(GREEN, { x: 1200, y: 600 });
  // The browser's own way out ends the page's too.
  await page.evaluate(() => document.exitFullscreen());
  await run.saw('full', { is: false });

  await viewer.button('Menu').click();
  await viewer.page.getByRole('menuitem', { name: 'Full screen' }).click();
  await expect.poll(isFull).toBe(true);
  await expect(viewer.address).not.toBeInViewport();
  await page.mouse.move(300, 0);
  await expect(viewer.address).toBeInViewport();
  await viewer.button('Menu').click();
  await viewer.page.getByRole('menuitem', { name: 'Leave full screen' }).click();
  await expect.poll(isFull).toBe(false);
  expect(run.all('full', { is: true })).toHaveLength(1);
});

test('a tab shows its icon and whether it is heard', async ({ open, join, run }) => {
  const viewer = await open('tools.html');
  const icon = viewer.tabs.first().locator('img');
  const colour = () =>
    icon.evaluate(async (image: HTMLImageElement) => {
      await image.decode();
      const context = new OffscreenCanvas(32, 32).getContext('2d');
      context?.drawImage(image, 0, 0);
      return [...(context?.getImageData(16, 16, 1, 1).data ?? [])].join();
    });
  await expect.poll(colour).toBe('0,255,0,255');
  await viewer.click(await run.center('sound'));
  await run.saw('plays');
  await expect(viewer.tab('Tools plays sound')).toBeVisible();
  // Whoever comes later sees the same.
  const other = await join(viewer);
  await expect(other.tab('Tools plays sound').locator('img')).toBeVisible();
  await viewer.click(await run.center('sound'));
  await expect(viewer.tabs.first()).toHaveAccessibleName('Tools');
});

test('keys that cannot be typed are sent, and unsaved input is asked for', async ({ open, run, page }) => {
  const viewer = await open('tools.html');
  await viewer.click(await run.center('note'));
  const send = async (keys: string) => {
    await viewer.button('Menu').click();
    await viewer.page.getByRole('menuitem', { name: keys, exact: true }).click();
  };
  await send('PrintScreen');
  await send('Alt+Tab');
  await run.saw('keydown', { key: 'Tab', altKey: true });
  await send('Ctrl+T');
  await expect(viewer.tabs).toHaveCount(2);
  await viewer.tab('Tools').click();
  await viewer.shows(YELLOW, { x: 20, y: 700 });

  const leaves = async () => {
    let asked = false;
    page.once('dialog', (dialog) => {
      asked = dialog.type() === 'beforeunload';
      void dialog.accept();
    });
    await page.reload();
    await viewer.connected();
    page.removeAllListeners('dialog');
    return asked;
  };
  await viewer.click(await run.center('note'));
  await viewer.page.keyboard.type('unsaved');
  await run.saw('input', { target: 'note', value: 'unsaved' });
  // The state has come once the viewer's page would ask.
  await expect
    .poll(() => page.evaluate(() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))))
    .toBe(true);
  expect(await leaves()).toBe(true);
  await viewer.button('Menu').click();
  await viewer.page.getByRole('menuitemcheckbox', { name: /Ask before leaving/ }).click();
  await viewer.page.keyboard.press('Escape');
  await viewer.click(await run.center('note'));
  expect(await leaves()).toBe(false);
});

test('an on-screen keyboard is told what a field wants, in a frame too', async ({ open, run }) => {
  const viewer = await open('tools.html');
  const field = viewer.page.getByLabel('Keyboard input');
  await viewer.click(await run.center('number'));
  await expect(field).toHaveAttribute('inputmode', 'numeric');
  await viewer.click(await run.center('note'));
  await expect(field).toHaveAttribute('enterkeyhint', 'send');
  const frame = await run.box('frame');
  await viewer.click({ x: frame.x + 40, y: frame.y + 30 });
  await expect(field).toHaveAttribute('inputmode', 'tel');
});
