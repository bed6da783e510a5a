// A composition is seen in the far field while it is made; text without a field becomes keys or is refused.

import { expect, test } from '../support/fixtures';
import type { Run } from '../support/site.mjs';
import type { Viewer } from '../support/viewer';

async function focus(viewer: Viewer, run: Run, field: string): Promise<void> {
  await viewer.click(await run.center(field));
  await run.saw('focusin', { target: field });
}

test('a composition is seen while it is made, committed exactly, and can be cancelled', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await focus(viewer, run, 'field');
  const devtools = await viewer.page.context().newCDPSession(viewer.page);
  const compose = (text: string) =>
    devtools.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  const value = () => run.all('input', { target: 'field' }).at(-1)?.value;

  await viewer.page.keyboard.type('a');
  for (const text of ['に', 'にほ', 'にほん']) {
    await compose(text);
    await run.saw('compositionupdate', { target: 'field', data: text });
    await expect.poll(value).toBe(`a${text}`);
  }
  await devtools.send('Input.insertText', { text: '日本' });
  expect((await run.saw('compositionend', { target: 'field' })).data).toBe('日本');
  await expect.poll(value).toBe('a日本');
  expect(run.all('compositionstart')).toHaveLength(1);

  await compose('かな');
  await expect.poll(value).toBe('a日本かな');
  await compose('');
  await expect.poll(() => run.all('compositionend').at(-1)?.data).toBe('');
  await expect.poll(value).toBe('a日本');
  await viewer.page.keyboard.type('!');
  await expect.poll(value).toBe('a日本!');

  // The system's candidate window opens where the local field is: at the far caret.
  const box = await run.box('field');
  const [topLeft, bottomRight] = [await viewer.onPage(box), await viewer.onPage({ x: box.x + box.width, y: box.y + box.height })];
  const field = await viewer.page.getByLabel('Keyboard input').boundingBox();
  expect(field?.x).toBeGreaterThan(topLeft.x);
  expect(field?.x).toBeLessThan(bottomRight.x);
  expect(field?.y).toBeGreaterThanOrEqual(topLeft.y);
  expect((field?.y ?? 0) + (field?.height ?? 0)).toBeLessThanOrEqual(bottomRight.y + 1);
});

test('text without a field arrives as keys, or is refused in a sentence', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await viewer.click(await run.center('target'));
  await run.saw('click', { target: 'target' });
  await viewer.page.keyboard.insertText('Go?');
  await run.saw('keydown', { key: '?', code: 'Slash', shiftKey: true });
  expect(run.all('keydown').map(({ key }) => key).join('')).toBe('Go?');
  await viewer.page.keyboard.insertText('x你');
  await expect(viewer.notice('No text field has the focus')).toBeVisible();
  await focus(viewer, run, 'field');
  await viewer.page.keyboard.insertText('你');
  await expect.poll(() => run.all('input', { target: 'field' }).at(-1)?.value).toBe('你');
  expect(run.all('keydown', { key: 'x' }), 'all of it or nothing').toEqual([]);
});
