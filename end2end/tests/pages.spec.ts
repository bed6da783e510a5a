// Kinds of pages that ask more of Chrome than text and boxes: used by hand through the picture, believed by their own word.

import { readFileSync } from 'node:fs';
import { expect, test } from '../support/fixtures';
import type { Run } from '../support/site.mjs';
import { GREEN, YELLOW, type Viewer } from '../support/viewer';

test('a page draws with WebGL', async ({ open }) => {
  const viewer = await open('webgl.html');
  await viewer.shows(YELLOW);
  await viewer.click({ x: 640, y: 360 });
  await viewer.shows(GREEN);
});

/** One session shows one page after the other. */
async function go(viewer: Viewer, run: Run, page: string) {
  run.forget();
  await viewer.visit(run.url(page));
  const ready = await run.saw('ready', { page: `/${page}` });
  await run.saw('seen', { page: `/${page}` });
  return ready;
}

async function wheel(viewer: Viewer, at: { x: number; y: number }, down: number): Promise<void> {
  await viewer.moveTo(at);
  await viewer.page.mouse.wheel(0, down);
}

test('editors: typing, composing, selecting, undoing, pasting', async ({ open, run, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const viewer = await open('green.html');
  const { keyboard } = viewer.page;
  const devtools = await viewer.page.context().newCDPSession(viewer.page);

  await test.step('CodeMirror', async () => {
    const { left, top, height, width } = await go(viewer, run, 'editor-codemirror.html');
    const line = (number: number) => top + height * (number - 0.5);
    await viewer.click({ x: left + width * 30, y: line(3) });
    await run.saw('document', { selected: '' });
    // A bracket brings its own end; Enter keeps to the text.
    await keyboard.type(' {x');
    const document = () => run.all('document').at(-1);
    await expect.poll(() => document()?.text.split('\n')[2]).toBe('line 3 {x}');
    await keyboard.press('Control+z');
    await expect.poll(() => document()?.text.split('\n')[2]).toBe('line 3');
    await viewer.drag({ x: left + 1, y: line(5) }, { x: left + width * 4 + 1, y: line(5) });
    await expect.poll(() => document()?.selected).toBe('line');
    await keyboard.press('Delete');
    await expect.poll(() => document()?.text.split('\n')[4]).toBe(' 5');
    await wheel(viewer, { x: 400, y: 300 }, 600);
    expect((await run.saw('scrolled')).top).toBeGreaterThan(0);
    await keyboard.press('Control+End');
    await keyboard.type('!');
    await expect.poll(() => document()?.text.endsWith('line 200!')).toBe(true);
  });

  await test.step('ProseMirror', async () => {
    await go(viewer, run, 'editor-prosemirror.html');
    const document = () => run.all('document').at(-1);
    await viewer.click({ x: 300, y: 100 });
    await keyboard.type('plain ');
    await expect.poll(() => document()?.text.replaceAll('\u00a0', ' ')).toBe('plain ');
    await keyboard.press('Control+b');
    await keyboard.type('bold');
    await expect.poll(() => document()?.marked).toEqual(['bold']);
    await keyboard.press('Enter');
    for (const text of ['に', 'にほん']) {
      await devtools.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
    }
    await expect.poll(() => document()?.text).toBe('plain bold\nにほん');
    await devtools.send('Input.insertText', { text: '日本' });
    await expect.poll(() => document()?.text).toBe('plain bold\n日本');
    await keyboard.type('é!');
    await expect.poll(() => document()?.text).toBe('plain bold\n日本é!');
    // From another editor, with a picture in it.
    const picture = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=';
    await viewer.page.evaluate((picture) => {
      const html = `<p>see <strong>this</strong> <img src="${picture}"></p>`;
      return navigator.clipboard.write([new ClipboardItem({ 'text/html': html, 'text/plain': 'see this' })]);
    }, picture);
    await keyboard.press('Control+a');
    await keyboard.press('Control+v');
    await expect.poll(() => document()?.images).toEqual([picture]);
    expect(document()).toMatchObject({ marked: ['this'] });
  });
});

test('a terminal: every key, a selection, its history', async ({ open, run }) => {
  const viewer = await open('green.html');
  const { keyboard } = viewer.page;
  const { line } = await go(viewer, run, 'terminal.html');
  await viewer.click({ x: 300, y: 300 });
  await keyboard.type('ls -l | grep "é~"');
  await keyboard.press('Enter');
  await keyboard.press('ArrowUp');
  await keyboard.press('Control+c');
  await keyboard.press('Tab');
  await keyboard.press('Escape');
  const received = 'ls -l | grep "é~"\r\x1b[A\x03\t\x1b';
  await expect.poll(() => run.all('data').at(-1)?.data).toBe(received);
  await wheel(viewer, { x: 300, y: 300 }, -480);
  await expect.poll(() => run.all('terminalscroll').at(-1)?.line).toBeLessThan(line);
  const { x, y } = await viewer.onPage({ x: 60, y: 200 });
  await viewer.page.mouse.dblclick(x, y);
  await expect.poll(() => run.all('selection').at(-1)?.text).toMatch(/^word\d+$/);
});

test('a scene in WebGL turns and zooms', async ({ open, run }) => {
  const viewer = await open('green.html');
  await go(viewer, run, 'orbit.html');
  const camera = () => run.all('camera').at(-1);
  await viewer.shows(YELLOW, { x: 100, y: 100 });
  await viewer.shows(GREEN, { x: 640, y: 360 });
  expect(camera()?.angle).toBeCloseTo(0);
  await viewer.drag({ x: 500, y: 300 }, { x: 700, y: 300 });
  await expect.poll(() => Math.abs(camera()?.angle ?? 0)).toBeGreaterThan(0.5);
  expect(camera()?.distance, 'turning does not zoom').toBeCloseTo(3);
  await wheel(viewer, { x: 640, y: 360 }, 240);
  await expect.poll(() => camera()?.distance).toBeGreaterThan(3.1);
});

test('a map is dragged and zoomed', async ({ open, run }) => {
  const viewer = await open('green.html');
  await go(viewer, run, 'map.html');
  const view = () => run.all('view').at(-1);
  await viewer.drag({ x: 640, y: 360 }, { x: 440, y: 360 });
  await expect.poll(() => view()?.lng).toBeGreaterThan(5);
  expect(view()?.zoom).toBe(4);
  await wheel(viewer, { x: 640, y: 360 }, -120);
  await expect.poll(() => view()?.zoom).toBeGreaterThan(4);
  await viewer.page.keyboard.press('ArrowDown');
  await expect.poll(() => view()?.lat).toBeLessThan(-0.5);
});

test('a grid is sorted, edited and scrolled', async ({ open, run }) => {
  const viewer = await open('green.html');
  const { keyboard } = viewer.page;
  const { header, cell } = await go(viewer, run, 'grid.html');
  await viewer.click(header);
  await expect.poll(() => run.all('sorted').at(-1)?.shown[1].weight).toBe(1);
  const { x, y } = await viewer.onPage(cell);
  await viewer.page.mouse.dblclick(x, y);
  await keyboard.press('Control+a');
  await keyboard.type('edited');
  await keyboard.press('Enter');
  await expect.poll(() => run.all('edited').at(-1)?.shown[1]).toEqual({ name: 'edited', weight: 1 });
  await wheel(viewer, cell, 600);
  await expect.poll(() => run.all('bodyscroll').at(-1)?.top ?? 0).toBeGreaterThan(300);
});

test('workers of every kind run, in a frame of another site too', async ({ open, run }) => {
  await open('workers.html', { elsewhere: '' });
  for (const where of ['page', 'frame']) {
    for (const kind of ['classic', 'module', 'nested', 'shared', 'service', 'worklet']) await run.saw('answered', { kind, where });
  }
  console.log('   ', run.all('answered').map(({ kind, where, millis }) => `${kind} (${where}) ${millis.toFixed(0)} ms`).join(', '));
});

test('a drawing: shapes, words, undo, a copy, zoom', async ({ open, run, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const viewer = await open('green.html');
  const { keyboard } = viewer.page;
  await go(viewer, run, 'drawing.html');
  const drawing = () => run.all('drawing').at(-1);
  const types = () => drawing()?.drawn.map(({ type }: { type: string }) => type);
  await viewer.click({ x: 640, y: 600 });
  await keyboard.press('r');
  await viewer.drag({ x: 400, y: 250 }, { x: 600, y: 400 });
  await expect.poll(types).toEqual(['rectangle']);
  expect(drawing()?.drawn[0]).toMatchObject({ width: 200, height: 150 });

  await keyboard.press('Control+c');
  // It copies when it has made a text of the shape.
  await expect.poll(() => viewer.page.evaluate(() => navigator.clipboard.readText())).toContain('excalidraw');
  await viewer.moveTo({ x: 900, y: 400 });
  await keyboard.press('Control+v');
  await expect.poll(types).toEqual(['rectangle', 'rectangle']);

  await keyboard.press('Escape');
  await keyboard.press('t');
  await viewer.click({ x: 700, y: 550 });
  // Its text field takes the focus, loses it to the drawing, and takes it again.
  await expect.poll(() => run.all('focusin').filter(({ value }) => value === '').length).toBe(2);
  await keyboard.type('Grüße\nx²');
  await keyboard.press('Escape');
  await expect.poll(() => drawing()?.drawn.at(-1)?.text).toBe('Grüße\nx²');
  await keyboard.press('Control+z');
  await expect.poll(types).toEqual(['rectangle', 'rectangle']);

  await viewer.moveTo({ x: 640, y: 360 });
  await keyboard.down('Control');
  await viewer.page.mouse.wheel(0, -120);
  await keyboard.up('Control');
  await expect.poll(() => drawing()?.zoom).toBeGreaterThan(1);
});

test('a sheet takes rows from the clipboard, gives them back and is saved', async ({ open, run, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const viewer = await open('green.html');
  const { page } = viewer;
  await go(viewer, run, 'sheet.html');
  await page.evaluate(() => navigator.clipboard.writeText('Name\tWeight\nGrüße\t2\n世界\t3'));
  await viewer.click({ x: 140, y: 150 });
  await page.keyboard.press('Control+V');
  const { rows } = await run.saw('rows');
  expect(rows).toEqual([{ name: 'Grüße', weight: '2' }, { name: '世界', weight: '3' }]);
  await viewer.shows([255, 255, 255], { x: 600, y: 180 });
  await page.keyboard.press('Control+C');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('Name\tWeight\nGrüße\t2\n世界\t3');
  const [saved] = await Promise.all([page.waitForEvent('download'), viewer.click({ x: 120, y: 40 })]);
  expect(saved.suggestedFilename()).toBe('weights.csv');
  expect(readFileSync(await saved.path(), 'utf8')).toBe('"Name","Weight"\n"Grüße","2"\n"世界","3"');
});

test('paper: shown by pdf.js, its words are copied, it is saved as it is; shown by Chrome itself', async ({ open, run, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const viewer = await open('green.html');
  const { page } = viewer;
  run.forget();
  await viewer.visit(run.url('paper.html', { file: 'paper.pdf' }));
  const { word } = await run.saw('ready');
  const { x, y } = await viewer.onPage(word);
  await page.mouse.dblclick(x, y);
  await run.saw('selected', { text: 'needle' });
  await page.keyboard.press('Control+C');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('needle');
  const [saved] = await Promise.all([page.waitForEvent('download'), viewer.click({ x: 780, y: 40 })]);
  const paper = readFileSync(new URL('../pages/paper.pdf', import.meta.url));
  expect(readFileSync(await saved.path())).toEqual(paper);

  await viewer.visit(`${run.origin}/paper.pdf`);
  // The ground that Chrome's viewer lays paper on.
  await viewer.shows([40, 40, 40], { x: 1240, y: 400 });
});
