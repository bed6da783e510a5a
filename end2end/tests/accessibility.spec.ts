// Our own pages for people who do not see well, or at all, or use no pointer: under axe, and by keys alone.

import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '../support/fixtures';
import { YELLOW } from '../support/viewer';

/** What axe objects to in what is shown now. */
async function objections(axe: AxeBuilder): Promise<string[]> {
  // Our pages have no frames, for which it would open another page.
  const { violations } = await axe.setLegacyMode().analyze();
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id} (${help}): ${html}`));
}

test('axe objects to nothing, in the light scheme and in the dark one', async ({ open, page, run, server }) => {
  const isFine = async (view: string, on = page) => {
    await on.emulateMedia({ colorScheme: 'light' });
    const whole = new AxeBuilder({ page: on }).options({ rules: { 'target-size': { enabled: true } } });
    expect.soft(await objections(whole), `${view}, light`).toEqual([]);
    // The document is the same; what differs are the colours.
    await on.emulateMedia({ colorScheme: 'dark' });
    const colours = new AxeBuilder({ page: on }).withRules(['color-contrast', 'link-in-text-block']);
    expect.soft(await objections(colours), `${view}, dark`).toEqual([]);
  };
  const viewer = await open('opener.html');
  await viewer.shows(YELLOW, { x: 20, y: 300 });
  await isFine('the viewer');

  await viewer.travelsBy('UDP');
  await viewer.address.press('Control+f');
  await page.getByRole('search').getByRole('textbox').fill('window');
  await expect(page.getByRole('search').getByRole('status')).toContainText('of');
  await isFine('the panel of statistics, and the find bar');
  await viewer.button('Close find').click();
  await viewer.button('Close the panel').click();

  await viewer.button('Menu').click();
  await expect(page.getByRole('menu', { name: 'Menu' })).toBeVisible();
  await isFine('the main menu');
  await page.keyboard.press('Escape');
  await viewer.click({ x: 20, y: 600 }, { button: 'right' });
  await expect(page.getByRole('menu', { name: 'Page' })).toBeVisible();
  await isFine('the context menu');
  await page.keyboard.press('Escape');

  for (const kind of ['alert', 'prompt']) {
    await viewer.click(await run.center(kind));
    await expect(viewer.dialog).toBeVisible();
    await isFine(`the page's ${kind}`);
    await viewer.dialog.getByRole('button', { name: 'OK' }).click();
    await run.saw('answer', { to: kind });
  }

  await viewer.visit(run.url('files.html'));
  await run.saw('seen', { page: '/files.html' });
  await viewer.click(await run.center('data'));
  await page.getByRole('button', { name: 'Downloads' }).click();
  await expect(page.getByRole('region', { name: 'Downloads' })).toContainText('data.txt');
  await isFine('the list of downloads');
  await viewer.button('Close downloads').click();
  const chooser = page.waitForEvent('filechooser');
  await viewer.click(await run.center('one'));
  await chooser;
  await isFine('a page that asks for a file');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();

  await viewer.button('Site information: not encrypted').click();
  await expect(page.getByRole('region', { name: 'Site information' }).getByLabel('Location')).toBeVisible();
  await isFine('what a site may do');
  await page.keyboard.press('Escape');
  await viewer.visit(run.url('private/Office/page.html'));
  await expect(viewer.dialog).toContainText('Office');
  await isFine('a server that asks who the person is');
  await viewer.dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(viewer.dialog).toBeHidden();

  await viewer.button('New tab').click();
  const field = viewer.startPage.getByRole('textbox');
  await field.fill('file:///etc/hostname');
  await field.press('Enter');
  await expect(viewer.notice(/file/)).toBeVisible();
  await viewer.visit('file:///etc/hostname');
  await expect(viewer.address).toHaveAttribute('aria-invalid', 'true');
  await isFine('the start page, a notice, and an address that is refused');

  const home = await page.context().newPage();
  const heading = home.getByRole('heading', { name: 'Running sessions' });
  const start = home.getByRole('button', { name: 'Start' });
  await home.goto(server.url('/'));
  await expect(heading).toBeVisible();
  await expect(start).toBeEnabled();
  await isFine('the home page', home);
  await server.ask('end', { session: viewer.session });
  await expect(viewer.button('Start again')).toBeVisible();
  await isFine('a session that has ended');
  await home.reload();
  await expect(heading).toBeHidden();
  await expect(start).toBeEnabled();
  await isFine('the home page without sessions', home);
});

test('keys alone reach every control, and show where they are', async ({ open, page, run, server }) => {
  const viewer = await open('opener.html');
  /** What has the focus, and whether that is seen. */
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      if (!element) throw new Error('nothing has the focus');
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const name = element.getAttribute('aria-label') ?? element.textContent ?? '';
      return { name, isSeen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
    });
  /** What Tab passes from the address on, until the keyboard is the remote page's again. */
  const walk = async () => {
    const passed = [];
    for (let { name, isSeen } = await focused(); name !== 'Keyboard input'; { name, isSeen } = await focused()) {
      expect(isSeen, `"${name}" shows that it has the focus`).toBe(true);
      passed.push(name);
      expect(passed.length, passed.join()).toBeLessThan(40);
      await page.keyboard.press('Tab');
    }
    return passed;
  };
  const strip = ['New tab', 'New tab', 'Reload', 'Site information'];
  const bar = ['Address', 'Statistics', 'End', 'Menu'];

  await viewer.click(await run.center('alert'));
  await expect(viewer.dialog.getByRole('button', { name: 'OK' })).toBeFocused();
  await page.keyboard.press('Tab');
  const field = page.getByLabel('Keyboard input');
  await expect(field, 'the page does not listen while it asks').not.toBeFocused();
  await viewer.dialog.getByRole('button', { name: 'OK' }).focus();
  await page.keyboard.press('Enter');
  await run.saw('answer', { to: 'alert' });
  run.forget();
  // In the remote page Tab is the page's.
  await page.keyboard.press('Tab');
  await run.saw('keydown', { key: 'Tab' });
  await page.keyboard.press('Control+F6');
  await expect(viewer.address).toBeFocused();
  expect(await walk()).toEqual(bar);

  // All that can lie around the picture at once.
  await page.keyboard.press('Control+F6');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(viewer.statistics).toBeVisible();
  for (let back = 0; back < 4; back++) await page.keyboard.press('Shift+Tab');
  await expect(viewer.button('New tab')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(viewer.startPage.getByRole('textbox')).toBeFocused();
  await page.keyboard.type('file:///etc/hostname');
  await page.keyboard.press('Enter');
  await expect(viewer.notice(/file/)).toBeVisible();
  await page.keyboard.press('Control+f');
  await expect(page.getByRole('search')).toBeVisible();
  await viewer.tab('New tab').focus();
  expect(await walk()).toEqual([
    ...strip,
    ...bar,
    ...['Move the panel', 'Dock beside the page', 'Close the panel', 'Copy as JSON'],
    ...['Search or go to', 'Go', expect.stringContaining('Opener'), 'Dismiss'],
    ...['Find in page', 'Previous match', 'Next match', 'Close find'],
  ]);
  await viewer.button('Dismiss').focus();
  await page.keyboard.press('Enter');
  await expect(field).toBeFocused();
  await viewer.tab('New tab').focus();
  await page.keyboard.press('Delete');
  await expect(viewer.tabs).toHaveCount(1);

  await server.ask('end', { session: viewer.session });
  await expect(viewer.button('Start again')).toBeVisible();
  await viewer.button('Menu').focus();
  expect(await walk()).toEqual(expect.arrayContaining(['Start again', 'All sessions']));
});
