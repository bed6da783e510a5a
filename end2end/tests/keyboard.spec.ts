// What is typed on the viewer's layout is what the far page reads; no key is left down.

import { expect, test } from '../support/fixtures';
import type { Run } from '../support/site.mjs';
import type { Viewer } from '../support/viewer';

/** Clicks into a field and waits until the far page says that it has the focus. */
async function focus(viewer: Viewer, run: Run, field: string): Promise<void> {
  await viewer.click(await run.center(field));
  await run.saw('focusin', { target: field });
}

/** Waits until the far page says that the field holds this. */
async function holds(run: Run, field: string, value: string): Promise<void> {
  await expect
    .poll(() => run.all('input', { target: field }).at(-1)?.value, { message: `what "${field}" holds` })
    .toBe(value);
}

/** Keys that went down and did not come up again. */
function stillDown(run: Run): string[] {
  const down = new Set<string>();
  for (const event of run.events) {
    if (event.type === 'keydown') down.add(event.code);
    if (event.type === 'keyup') down.delete(event.code);
  }
  return [...down];
}

test('letters, capitals and signs', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  const text = 'Hello, World! 123 @#$%^&*()_+{}|:"<>?~`-=[]\\;\'./';
  for (const sign of text) {
    // Playwright types a capital without its Shift; a hand does not.
    const shifted = /[A-Z~!@#$%^&*()_+{}|:"<>?]/.test(sign);
    await viewer.page.keyboard.press(shifted ? `Shift+${sign}` : sign === ' ' ? 'Space' : sign);
  }
  await holds(run, 'field', text);
  await expect.poll(() => stillDown(run)).toEqual([]);
  const shifted = await run.saw('keydown', { key: 'H' });
  expect([shifted.code, shifted.shiftKey, shifted.isTrusted]).toEqual(['KeyH', true, true]);
});

test('a page that gives a field the focus is typed into at once', async ({ open, run }) => {
  const viewer = await open('recorder.html', { focus: 'field' });
  await run.saw('focusin', { target: 'field' });
  await expect(viewer.page.getByLabel('Keyboard input')).toBeFocused();
  await viewer.page.keyboard.type('no click');
  await holds(run, 'field', 'no click');
});

test('a capital needs no Shift, as with Caps Lock', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  await viewer.page.keyboard.type('LOUD? and low');
  await holds(run, 'field', 'LOUD? and low');
  await expect.poll(() => stillDown(run)).toEqual([]);
});

test('text that no key types arrives as text', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  for (const field of ['field', 'area', 'rich']) {
    await focus(viewer, run, field);
    await viewer.page.keyboard.type('a');
    await viewer.page.keyboard.insertText('é ß 你 😀');
    await viewer.page.keyboard.type('z');
    // A contenteditable turns a space next to another thing into a hard one.
    await expect
      .poll(() => run.all('input', { target: field }).at(-1)?.value.replaceAll('\u00a0', ' '))
      .toBe('aé ß 你 😀z');
  }
});

test('a composition arrives as the text that it ends with', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  const devtools = await viewer.page.context().newCDPSession(viewer.page);
  for (const text of ['に', 'にほ', '日本']) {
    await devtools.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  }
  await devtools.send('Input.insertText', { text: '日本' });
  await holds(run, 'field', '日本');
  await viewer.page.keyboard.type('!');
  await holds(run, 'field', '日本!');
});

test("the viewer's layout counts, not the server's", async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  const devtools = await viewer.page.context().newCDPSession(viewer.page);
  // As a French keyboard has them: the key in Q's place, the 2 and the 3 of the upper row, and a German's Z.
  for (const [code, key, virtual] of [
    ['KeyQ', 'a', 65],
    ['Digit2', 'é', 50],
    ['Digit3', '"', 51],
    ['KeyY', 'z', 90],
  ] as const) {
    const event = { code, key, windowsVirtualKeyCode: virtual };
    await devtools.send('Input.dispatchKeyEvent', { type: 'keyDown', text: key, ...event });
    await devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }
  await holds(run, 'field', 'aé"z');
  await expect.poll(() => stillDown(run)).toEqual([]);
});

/** What the viewer's browser reports of a key; `text` is what it types. */
interface Reported {
  type: 'keyDown' | 'rawKeyDown' | 'keyUp';
  code: string;
  key: string;
  text?: string;
  modifiers?: number;
}

async function report(viewer: Viewer, events: Reported[]): Promise<void> {
  const devtools = await viewer.page.context().newCDPSession(viewer.page);
  for (const event of events) await devtools.send('Input.dispatchKeyEvent', event);
}

// As the DevTools protocol counts them.
const [ALT, CTRL, META] = [1, 2, 4];

test('AltGr on Windows types, and leaves nothing held', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  await report(viewer, [
    { type: 'rawKeyDown', code: 'ControlLeft', key: 'Control', modifiers: CTRL },
    { type: 'rawKeyDown', code: 'AltRight', key: 'AltGraph', modifiers: CTRL | ALT },
  ]);
  for (const [code, key] of [
    ['KeyQ', '@'],
    ['Minus', '\\'],
    ['KeyE', '€'],
    ['IntlBackslash', '|'],
  ] as const) {
    const event = { code, key, modifiers: CTRL | ALT };
    await report(viewer, [
      { type: 'keyDown', text: key, ...event },
      { type: 'keyUp', ...event },
    ]);
  }
  await report(viewer, [
    { type: 'keyUp', code: 'ControlLeft', key: 'Control', modifiers: ALT },
    { type: 'keyUp', code: 'AltRight', key: 'AltGraph' },
  ]);
  await holds(run, 'field', '@\\€|');
  await viewer.page.keyboard.type('b');
  await holds(run, 'field', '@\\€|b');
  await expect.poll(() => stillDown(run)).toEqual([]);
});

test('Option on a Mac types', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  await report(viewer, [{ type: 'rawKeyDown', code: 'AltLeft', key: 'Alt', modifiers: ALT }]);
  for (const [code, key] of [
    ['KeyZ', 'Ω'],
    ['KeyW', '∑'],
    ['KeyL', '@'],
  ] as const) {
    const event = { code, key, modifiers: ALT };
    await report(viewer, [
      { type: 'keyDown', text: key, ...event },
      { type: 'keyUp', ...event },
    ]);
  }
  await report(viewer, [{ type: 'keyUp', code: 'AltLeft', key: 'Alt' }]);
  await holds(run, 'field', 'Ω∑@');
  await expect.poll(() => stillDown(run)).toEqual([]);
});

test('⌘C on a Mac copies, though the C never comes up', async ({ open, run, page }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'platform', { get: () => 'MacIntel' }));
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  await viewer.page.keyboard.type('copied');
  await holds(run, 'field', 'copied');
  for (const key of ['a', 'c']) {
    await report(viewer, [
      { type: 'rawKeyDown', code: 'MetaLeft', key: 'Meta', modifiers: META },
      { type: 'rawKeyDown', code: `Key${key.toUpperCase()}`, key, modifiers: META },
      { type: 'keyUp', code: 'MetaLeft', key: 'Meta' },
    ]);
  }
  expect((await run.saw('copy', { target: 'field' })).value).toBe('copied');
  await viewer.page.keyboard.press('End');
  await viewer.page.keyboard.type('!');
  await holds(run, 'field', 'copied!');
  await expect.poll(() => stillDown(run)).toEqual([]);
});

test('shortcuts: erase a word, select all, copy, paste, undo', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  const { keyboard } = viewer.page;
  await focus(viewer, run, 'field');
  await keyboard.type('one two three');
  await holds(run, 'field', 'one two three');
  await keyboard.press('Control+Backspace');
  await holds(run, 'field', 'one two ');
  await keyboard.press('Control+a');
  await keyboard.press('Control+c');
  expect((await run.saw('copy', { target: 'field' })).value).toBe('one two ');

  await focus(viewer, run, 'second');
  await keyboard.press('Control+v');
  await holds(run, 'second', 'one two ');
  await keyboard.press('Control+z');
  await holds(run, 'second', '');

  await focus(viewer, run, 'field');
  await keyboard.press('Control+a');
  await keyboard.press('Control+x');
  await holds(run, 'field', '');
  await expect.poll(() => stillDown(run)).toEqual([]);
});

test('arrows, Home, End and Delete move and edit', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  const { keyboard } = viewer.page;
  await focus(viewer, run, 'field');
  await keyboard.type('abc');
  await keyboard.press('ArrowLeft');
  await keyboard.type('X');
  await holds(run, 'field', 'abXc');
  await keyboard.press('Home');
  await keyboard.press('Delete');
  await holds(run, 'field', 'bXc');
  await keyboard.press('End');
  await keyboard.press('Shift+ArrowLeft');
  await keyboard.press('Shift+ArrowLeft');
  await keyboard.type('!');
  await holds(run, 'field', 'b!');

  await focus(viewer, run, 'area');
  await keyboard.type('up');
  await keyboard.press('Enter');
  await keyboard.type('down');
  await holds(run, 'area', 'up\ndown');
});

test('Tab moves the focus far away, not here', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  await viewer.page.keyboard.press('Tab');
  await run.saw('focusin', { target: 'second' });
  await viewer.page.keyboard.type('2');
  await holds(run, 'second', '2');
  run.forget();
  await viewer.page.keyboard.press('Shift+Tab');
  await run.saw('focusin', { target: 'field' });
});

test('function keys, Escape and the others arrive under their names', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  for (const key of ['F2', 'F4', 'F8', 'F9', 'Escape', 'Insert', 'PageUp', 'PageDown', 'NumpadAdd']) {
    await viewer.page.keyboard.press(key);
    expect((await run.saw('keydown', { code: key })).repeat).toBe(false);
    await run.saw('keyup', { code: key });
  }
});

test('a held key repeats, and stops when it is let go', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  const { keyboard } = viewer.page;
  await focus(viewer, run, 'field');
  await keyboard.down('a');
  // A second `down` without `up` is what a held key does in the viewer's own browser.
  await expect
    .poll(async () => {
      await keyboard.down('a');
      return run.all('keydown', { code: 'KeyA', repeat: true }).length;
    })
    .toBeGreaterThanOrEqual(3);
  await keyboard.up('a');
  await run.saw('keyup', { code: 'KeyA' });
  await keyboard.type('b');
  await run.saw('keyup', { code: 'KeyB' });
  expect(run.all('input').at(-1)?.value, 'nothing follows the b').toMatch(/^a{4,}b$/);
});

test('losing the focus lifts what is held', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  await viewer.page.keyboard.down('Shift');
  await viewer.page.keyboard.down('w');
  await run.saw('keydown', { code: 'KeyW' });
  await viewer.address.focus();
  await run.saw('keyup', { code: 'KeyW' });
  await run.saw('keyup', { code: 'ShiftLeft' });
  await viewer.page.keyboard.up('w');
  await viewer.page.keyboard.up('Shift');

  await focus(viewer, run, 'second');
  await viewer.page.keyboard.type('low');
  await holds(run, 'second', 'low');
});

test('a viewer that goes away lifts what it held, for the others', async ({ open, join, run }) => {
  const stays = await open('recorder.html');
  const goes = await join(stays);
  await focus(goes, run, 'field');
  await goes.page.keyboard.down('Control');
  await run.saw('keydown', { code: 'ControlLeft' });
  await goes.page.close();
  await run.saw('keyup', { code: 'ControlLeft' });
  await focus(stays, run, 'second');
  await stays.page.keyboard.type('free');
  await holds(run, 'second', 'free');
});

test('what is typed into the address bar stays here', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  run.forget();
  await viewer.address.click();
  await viewer.page.keyboard.type('private');
  await focus(viewer, run, 'second');
  await viewer.page.keyboard.type('x');
  await holds(run, 'second', 'x');
  expect(run.all('keydown').map((event) => event.key)).toEqual(['x']);
});
