// Whatever layouts the two sides have: the far page sees the key that was pressed, in its place and under its name.

import type { CDPSession } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { ALT, CTRL, LAYOUTS, SHIFT, type Stroke } from '../support/layouts';
import type { Run } from '../support/site.mjs';
import type { Viewer } from '../support/viewer';

/** The keyboard of the viewer's own browser, by what it reports. */
class Keyboard {
  constructor(readonly devtools: CDPSession) {}

  static async of(viewer: Viewer): Promise<Keyboard> {
    return new Keyboard(await viewer.page.context().newCDPSession(viewer.page));
  }

  down(code: string, key: string, modifiers = 0, more: { location?: number; autoRepeat?: boolean; isKeypad?: boolean } = {}) {
    const text = [...key].length === 1 ? key : undefined;
    const type = text === undefined ? ('rawKeyDown' as const) : ('keyDown' as const);
    return this.devtools.send('Input.dispatchKeyEvent', { type, code, key, text, modifiers, ...more });
  }

  up(code: string, key: string, modifiers = 0, more: { location?: number; isKeypad?: boolean } = {}) {
    return this.devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', code, key, modifiers, ...more });
  }

  async stroke({ code, key, shift, altGr }: Stroke) {
    const modifiers = (shift ? SHIFT : 0) | (altGr ? CTRL | ALT : 0);
    if (shift) await this.down('ShiftLeft', 'Shift', SHIFT, { location: 1 });
    if (altGr) {
      await this.down('ControlLeft', 'Control', CTRL, { location: 1 });
      await this.down('AltRight', 'AltGraph', CTRL | ALT, { location: 2 });
    }
    await this.down(code, key, modifiers);
    await this.up(code, key, modifiers);
    if (altGr) {
      await this.up('ControlLeft', 'Control', ALT, { location: 1 });
      await this.up('AltRight', 'AltGraph', 0, { location: 2 });
    }
    if (shift) await this.up('ShiftLeft', 'Shift', 0, { location: 1 });
  }
}

async function focus(viewer: Viewer, run: Run, field: string): Promise<void> {
  await viewer.click(await run.center(field));
  await run.saw('focusin', { target: field });
}

async function holds(run: Run, value: string): Promise<void> {
  await expect.poll(() => run.all('input', { target: 'field' }).at(-1)?.value ?? '', { message: 'what the field holds' }).toBe(value);
}

/** Empties the field, and forgets what was recorded. */
async function clear(viewer: Viewer, run: Run): Promise<void> {
  await viewer.page.keyboard.press('Control+a');
  await viewer.page.keyboard.press('Delete');
  await holds(run, '');
  await run.saw('keyup', { code: 'Delete' });
  run.forget();
}

test('every layout, the number pad, locks, dead keys and overlapping keys', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  const keyboard = await Keyboard.of(viewer);

  for (const { name, strokes } of LAYOUTS) {
    await test.step(name, async () => {
      for (const stroke of strokes) await keyboard.stroke(stroke);
      await holds(run, strokes.map(({ key }) => key).join(''));
      const modifiers = new Set(['Shift', 'Control', 'Alt', 'AltGraph']);
      const seen = run.all('keydown').filter(({ key }) => !modifiers.has(key));
      expect(
        seen.map(({ code, key, location, repeat, shiftKey, ctrlKey, altKey, metaKey, AltGraph }) => ({
          code, key, location, repeat, shiftKey, ctrlKey, altKey, metaKey, AltGraph,
        })),
      ).toEqual(
        strokes.map(({ code, key, shift = false, altGr = false }) => ({
          code, key, location: 0, repeat: false, shiftKey: shift, ctrlKey: false, altKey: false, metaKey: false, AltGraph: altGr,
        })),
      );
      if (strokes.some(({ altGr }) => altGr)) await run.saw('keydown', { key: 'AltGraph', code: 'AltRight', location: 2 });
      await run.saw('keydown', { key: 'Shift', code: 'ShiftLeft', location: 1, shiftKey: true });
      await clear(viewer, run);
    });
  }

  await test.step('the number pad', async () => {
    const pad = { location: 3, isKeypad: true };
    for (const digit of '0123456789') {
      await keyboard.down(`Numpad${digit}`, digit, 0, pad);
      await keyboard.up(`Numpad${digit}`, digit, 0, pad);
    }
    for (const [code, key] of [['NumpadAdd', '+'], ['NumpadDivide', '/'], ['NumpadDecimal', ','], ['NumpadComma', '.']] as const) {
      await keyboard.down(code, key, 0, pad);
      await keyboard.up(code, key, 0, pad);
    }
    await holds(run, '0123456789+/,.');
    for (const [code, key] of [['Numpad7', 'Home'], ['Numpad1', 'End'], ['Numpad4', 'ArrowLeft'], ['NumpadDecimal', 'Delete'], ['Numpad5', 'Clear']] as const) {
      await keyboard.down(code, key, 0, pad);
      await keyboard.up(code, key, 0, pad);
      await run.saw('keyup', { code, key, location: 3 });
    }
    await holds(run, '0123456789+/,');
    expect((await run.saw('keydown', { code: 'Numpad3', key: '3', location: 3 })).NumLock).toBe(true);
    expect((await run.saw('keydown', { code: 'Numpad7', key: 'Home', location: 3 })).NumLock).toBe(false);
    await keyboard.down('NumpadEnter', 'Enter', 0, pad);
    await keyboard.up('NumpadEnter', 'Enter', 0, pad);
    await run.saw('keyup', { code: 'NumpadEnter', key: 'Enter', location: 3 });
    for (const lock of ['NumLock', 'CapsLock', 'ScrollLock']) {
      await keyboard.down(lock, lock);
      await keyboard.up(lock, lock);
      await run.saw('keyup', { code: lock, key: lock });
    }
    await clear(viewer, run);
  });

  await test.step('a shortcut keeps its letter and its place', async () => {
    // Select all on a French keyboard, and with a Cyrillic one copy.
    for (const key of 'ab') {
      await keyboard.down(`Key${key.toUpperCase()}`, key);
      await keyboard.up(`Key${key.toUpperCase()}`, key);
    }
    await holds(run, 'ab');
    await keyboard.down('ControlLeft', 'Control', CTRL, { location: 1 });
    await keyboard.devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', code: 'KeyQ', key: 'a', modifiers: CTRL });
    await keyboard.up('KeyQ', 'a', CTRL);
    await keyboard.devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', code: 'KeyC', key: 'с', modifiers: CTRL });
    await keyboard.up('KeyC', 'с', CTRL);
    await keyboard.up('ControlLeft', 'Control', 0, { location: 1 });
    expect((await run.saw('copy', { target: 'field' })).value).toBe('ab');
    await run.saw('keydown', { code: 'KeyQ', key: 'a', ctrlKey: true });
    await run.saw('keydown', { code: 'KeyC', key: 'с', ctrlKey: true });
    await clear(viewer, run);
  });

  await test.step('dead keys', async () => {
    const composed = (text: string) => keyboard.devtools.send('Input.insertText', { text });
    const dead = async (code: string) => {
      await keyboard.down(code, 'Dead');
      await keyboard.up(code, 'Dead');
    };
    // ´ and e; then ^ twice, which Linux makes one character of and Windows two.
    await dead('Equal');
    await keyboard.devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', code: 'KeyE', key: 'Process' });
    await composed('é');
    await keyboard.up('KeyE', 'e');
    await holds(run, 'é');
    await dead('Backquote');
    await dead('Backquote');
    await composed('^');
    await holds(run, 'é^');
    await dead('Equal');
    await dead('Equal');
    await composed('´´');
    await holds(run, 'é^´´');
    await expect(viewer.notice(/./), 'nothing was refused').toHaveCount(0);
    await clear(viewer, run);
  });

  await test.step('overlapping keys', async () => {
    await keyboard.down('KeyA', 'a');
    await keyboard.down('KeyB', 'b');
    await keyboard.up('KeyA', 'a');
    await keyboard.down('KeyB', 'b', 0, { autoRepeat: true });
    await keyboard.up('KeyB', 'b');
    await run.saw('keyup', { code: 'KeyB' });
    const happened = run.events.filter(({ type }) => type === 'keydown' || type === 'keyup');
    expect(happened.map(({ type, code, repeat }) => `${type} ${code}${repeat ? ' again' : ''}`)).toEqual([
      'keydown KeyA', 'keydown KeyB', 'keyup KeyA', 'keydown KeyB again', 'keyup KeyB',
    ]);
    await holds(run, 'abb');
  });
});

test('⌘ is what the person says', async ({ open, run, page }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'platform', { get: () => 'MacIntel' }));
  const viewer = await open('recorder.html');
  const toggle = viewer.button('⌘ acts as Ctrl');
  await expect(toggle).toHaveAttribute('aria-pressed', 'true');
  await toggle.click();
  await expect(toggle).toHaveAttribute('aria-pressed', 'false');
  await viewer.page.reload();
  await viewer.connected();
  await expect(toggle).toHaveAttribute('aria-pressed', 'false');
  await focus(viewer, run, 'field');
  const keyboard = await Keyboard.of(viewer);
  await keyboard.down('MetaLeft', 'Meta', 4, { location: 1 });
  await keyboard.devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', code: 'KeyK', key: 'k', modifiers: 4 });
  await keyboard.up('MetaLeft', 'Meta', 0, { location: 1 });
  const pressed = await run.saw('keydown', { code: 'KeyK' });
  expect([pressed.metaKey, pressed.ctrlKey]).toEqual([true, false]);
  await run.saw('keyup', { code: 'MetaLeft' });
});
