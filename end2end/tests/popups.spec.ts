// What Chrome draws beside the page, and what it asks the person: shown in the picture, answered from here.

import { expect, test } from '../support/fixtures';
import { YELLOW, type Viewer } from '../support/viewer';
import type { Run } from '../support/site.mjs';

/** The free area of forms.html below the controls that open popups. */
const BELOW = { x: 0, y: 88, width: 1280, height: 300 };
/** A coloured box of that page: once it shows, the page has arrived in the picture. */
const BASKET = { x: 1000, y: 540 };

test('an option of a select is chosen with the mouse', async ({ open, run }) => {
  const viewer = await open('forms.html');
  await viewer.shows(YELLOW, BASKET);
  const pick = await run.center('pick');
  await viewer.remember();
  await viewer.click(pick);
  const popup = await viewer.changed(BELOW);
  // The fourth of six rows.
  await viewer.click({ x: popup.x + popup.width / 2, y: popup.y + (popup.height / 6) * 3.5 });
  await run.saw('change', { target: 'pick', value: 'green' });
  await viewer.unchanged(BELOW);
});

test('an option of a select is chosen with the keyboard', async ({ open, run }) => {
  const viewer = await open('forms.html');
  await viewer.shows(YELLOW, BASKET);
  await viewer.remember();
  await viewer.click(await run.center('pick'));
  await viewer.changed(BELOW);
  await viewer.page.keyboard.press('ArrowDown');
  await viewer.page.keyboard.press('ArrowDown');
  await viewer.page.keyboard.press('Enter');
  await run.saw('change', { target: 'pick', value: 'yellow' });
  await viewer.unchanged(BELOW);
});

test('a popup goes away with a click beside it', async ({ open, run }) => {
  const viewer = await open('forms.html');
  await viewer.shows(YELLOW, BASKET);
  await viewer.remember();
  await viewer.click(await run.center('pick'));
  await viewer.changed(BELOW);
  await viewer.click({ x: 1200, y: 680 });
  await viewer.unchanged(BELOW);
  expect(run.all('change')).toEqual([]);
});

test('a day is picked from the calendar', async ({ open, run }) => {
  const viewer = await open('forms.html');
  await viewer.shows(YELLOW, BASKET);
  const { x, y, width, height } = await run.box('date');
  await viewer.remember();
  await viewer.click({ x: x + width - 20, y: y + height / 2 });
  const popup = await viewer.changed(BELOW, { width: 150, height: 150 });
  // Below the middle are the third and fourth week, whatever the calendar's margins.
  await viewer.click({ x: popup.x + popup.width / 2, y: popup.y + popup.height * 0.6 });
  const { value } = await run.saw('change', { target: 'date' });
  expect(value).toMatch(/^2026-03-\d\d$/);
  expect(value).not.toBe('2026-03-10');
});

test('a colour is picked', async ({ open, run }) => {
  const viewer = await open('forms.html');
  await viewer.shows(YELLOW, BASKET);
  await viewer.remember();
  await viewer.click(await run.center('color'));
  const popup = await viewer.changed(BELOW, { width: 150, height: 150 });
  await viewer.click({ x: popup.x + popup.width * 0.3, y: popup.y + popup.height * 0.2 });
  const { value } = await run.saw('input', { target: 'color' });
  expect(value).not.toBe('#2040c0');
});

test('a suggestion of a datalist is taken', async ({ open, run }) => {
  const viewer = await open('forms.html');
  await viewer.shows(YELLOW, BASKET);
  await viewer.remember();
  await viewer.click(await run.center('fruit'));
  const popup = await viewer.changed(BELOW, { width: 40, height: 60 });
  // The second of three rows. Chrome takes no suggestion that has only just appeared, so that a double click does not
  // choose one by accident: a person who is too fast clicks again.
  await expect(async () => {
    await viewer.click({ x: popup.x + popup.width / 2, y: popup.y + popup.height / 2 });
    expect(run.all('input').map(({ value }) => value)).toContain('apricot');
  }).toPass({ intervals: [200], timeout: 10_000 });
});

test("a hint shows under the pointer", async ({ open, run }) => {
  const viewer = await open('forms.html');
  await viewer.shows(YELLOW, BASKET);
  const hint = await run.box('hint');
  await viewer.remember();
  await viewer.moveTo({ x: hint.x + 60, y: hint.y + 30 }, 5);
  await viewer.changed({ x: 0, y: hint.y + hint.height + 2, width: 580, height: 32 }, { width: 60, height: 8 });
});

test("the server's files are never shown: the person is asked for their own", async ({ open, run }) => {
  const viewer = await open('forms.html');
  await viewer.shows(YELLOW, BASKET);
  const picker = viewer.page.waitForEvent('filechooser');
  await viewer.click(await run.center('file'));
  await run.saw('click', { target: 'file' });
  await picker;
  const asked = viewer.page.getByRole('dialog', { name: 'The page asks for a file' });
  await asked.getByRole('button', { name: 'Cancel' }).click();
  await expect(asked).toBeHidden();
  // And the page goes on.
  const slider = await run.center('slider');
  await viewer.click(slider);
  await run.saw('change', { target: 'slider' });
});

/** What the page got for its question. */
async function answer(run: Run, to: string, was: unknown): Promise<void> {
  await run.saw('answer', { to, was });
  run.forget();
}

async function ask(viewer: Viewer, run: Run, what: string): Promise<void> {
  // A former dialog would take the click.
  await expect(viewer.dialog).toBeHidden();
  await viewer.click(await run.center(what));
  await expect(viewer.dialog).toBeVisible();
}

test('alert, confirm and prompt are answered', async ({ open, run }) => {
  const viewer = await open('opener.html');
  const { dialog } = viewer;
  const ok = dialog.getByRole('button', { name: 'OK' });
  const cancel = dialog.getByRole('button', { name: 'Cancel' });

  await ask(viewer, run, 'alert');
  await expect(dialog, "the page's words are text, not markup").toContainText('<b>Mind</b> the gap');
  await expect(cancel).toHaveCount(0);
  await ok.click();
  await answer(run, 'alert', null);
  await expect(dialog).toBeHidden();

  await ask(viewer, run, 'confirm');
  await expect(dialog).toContainText('Shall we?');
  await ok.click();
  await answer(run, 'confirm', true);
  await ask(viewer, run, 'confirm');
  await cancel.click();
  await answer(run, 'confirm', false);

  await ask(viewer, run, 'prompt');
  await expect(dialog).toContainText('Your name?');
  await expect(dialog.getByRole('textbox')).toHaveValue('nobody');
  await dialog.getByRole('textbox').fill('Zoë');
  await ok.click();
  await answer(run, 'prompt', 'Zoë');
  await ask(viewer, run, 'prompt');
  await cancel.click();
  await answer(run, 'prompt', null);
  await viewer.shows(YELLOW, { x: 1200, y: 600 });
});
