// Files that a person drags from the desktop over the page, drops there, or pastes.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '../support/fixtures';
import type { Point, Viewer } from '../support/viewer';

let dir = '';
test.beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'farpane-drop-'));
});
test.afterEach(() => rmSync(dir, { recursive: true }));

function own(name: string, text: string): string {
  const path = join(dir, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** The hand that drags these files, as the viewer's browser hears of it. */
async function drag(viewer: Viewer, files: string[]) {
  const devtools = await viewer.page.context().newCDPSession(viewer.page);
  return async (type: 'dragEnter' | 'dragOver' | 'dragCancel' | 'drop', inVideo: Point) => {
    const { x, y } = await viewer.onPage(inVideo);
    await devtools.send('Input.dispatchDragEvent', { type, x, y, data: { items: [], files, dragOperationsMask: 1 } });
  };
}

/** The person pastes a file. */
async function pasteTable(viewer: Viewer) {
  await viewer.page.getByLabel('Keyboard input').evaluate((field) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File(['a,b'], 'table.csv', { type: 'text/csv' }));
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  });
}

test('files dropped on the page are where they were dropped: some, a folder, in a frame, on a file input', async ({ open, run, server }) => {
  const viewer = await open('drop.html');
  const zone = await run.center('zone');
  const some = await drag(viewer, [own('größe.txt', 'one'), own('b.png', 'two')]);
  await some('dragEnter', zone);
  await run.saw('dragenter', { target: 'zone' });
  expect(await run.saw('dragover', { target: 'zone' })).toMatchObject({ types: 'file text/plain,file image/png', listed: 'Files' });
  await some('dragOver', { x: 700, y: 600 });
  await some('dragOver', { x: 700, y: 602 });
  await run.saw('dragleave', { target: 'zone' });
  await some('dragOver', zone);
  await some('drop', zone);
  const files = [
    { name: 'größe.txt', type: 'text/plain', text: 'one' },
    { name: 'b.png', type: 'image/png', text: 'two' },
  ];
  expect((await run.saw('drop', { target: 'zone' })).files).toEqual(files);

  own('photos/1.txt', 'first');
  own('photos/more/2.txt', 'second');
  const folder = await drag(viewer, [join(dir, 'photos')]);
  await folder('dragEnter', zone);
  await folder('drop', zone);
  await expect.poll(() => run.all('drop', { target: 'zone' })).toHaveLength(2);
  const dropped = await run.saw('drop', { target: 'zone' });
  expect(dropped.files.map(({ name }: { name: string }) => name).sort()).toEqual(['photos/1.txt', 'photos/more/2.txt']);

  const inFrame = await run.box('frame');
  const one = await drag(viewer, [own('c.txt', 'three')]);
  await one('dragEnter', { x: inFrame.x + 30, y: inFrame.y + 30 });
  await one('drop', { x: inFrame.x + 30, y: inFrame.y + 30 });
  expect((await run.saw('drop', { target: 'inner' })).files).toEqual([{ name: 'c.txt', type: 'text/plain', text: 'three' }]);

  const input = await run.center('input');
  await one('dragEnter', input);
  await one('drop', input);
  expect((await run.saw('change', { target: 'input' })).files).toEqual([{ name: 'c.txt', type: 'text/plain', text: 'three' }]);

  // What the page has is gone with it.
  expect(server.transferred()).toHaveLength(6);
  await viewer.visit(run.url('green.html'));
  await run.saw('layout', { page: '/green.html' });
  await expect.poll(() => server.transferred()).toHaveLength(0);
});

test('files dropped on a frame of another site are there, and in one within it; a drag leaves one for the other', async ({ open, run }) => {
  const viewer = await open('drop.html', { elsewhere: '' });
  await expect.poll(() => run.all('seen', { page: '/take.html' })).toHaveLength(2);
  const elsewhere = await run.box('elsewhere');
  // Within its border and its padding.
  const [left, top] = [elsewhere.x + 5 + 7, elsewhere.y + 11 + 5];
  const deep = await run.box('deep');
  const there = { x: left + 25, y: top + 25 };
  const deepest = { x: left + deep.x + 3 + 25, y: top + deep.y + 3 + 25 };
  await viewer.shows([240, 192, 0], { x: left + 5, y: top + 5 });
  const zone = await run.center('zone');
  const some = await drag(viewer, [own('a.txt', 'one')]);
  const files = [{ name: 'a.txt', type: 'text/plain', text: 'one' }];

  await some('dragEnter', zone);
  await run.saw('dragenter', { target: 'zone' });
  await some('dragOver', there);
  await run.saw('dragleave', { target: 'zone' });
  await run.saw('dragenter', { target: 'there' });
  expect(await run.saw('dragover', { target: 'there' })).toMatchObject({ types: 'file text/plain', x: 5, y: 5 });
  await some('dragOver', deepest);
  await run.saw('dragleave', { target: 'there' });
  expect(await run.saw('dragover', { target: 'deepest' })).toMatchObject({ x: 5, y: 5 });
  await some('dragOver', zone);
  await run.saw('dragleave', { target: 'deepest' });
  await some('dragOver', there);
  await some('drop', there);
  expect((await run.saw('drop', { target: 'there' })).files).toEqual(files);
  await some('dragEnter', deepest);
  await some('drop', deepest);
  expect((await run.saw('drop', { target: 'deepest' })).files).toEqual(files);

  await viewer.click(there);
  await pasteTable(viewer);
  expect((await run.saw('paste', { target: 'there' })).files).toEqual([{ name: 'table.csv', type: 'text/csv', text: 'a,b' }]);

  // Where it takes none.
  const { session, server } = viewer;
  const refused = await server.ask('drop_files', { session, at: { x: left + 5, y: top + 5, epoch: null } });
  expect(refused.status).toBe(409);
});

test('what no page takes is not left behind, and nobody leaves the viewer for a file', async ({ open, run, server }) => {
  const viewer = await open('drop.html');
  const nowhere = { x: 700, y: 600 };
  const { session } = viewer;
  const refused = await server.ask('drop_files', { session, at: { ...nowhere, epoch: null } });
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([409, expect.stringContaining('The page takes no files there.')]);
  // Meant for one page, they are not given to the next.
  const at = { ...(await run.center('zone')), epoch: null };
  const { chooser } = await server.call('drop_files', { session, at, types: ['text/plain'] });
  const put = (path: string) => {
    const query = new URLSearchParams({ session, chooser: String(chooser), path });
    return fetch(server.url(`/api/upload?${query}`), { method: 'PUT', body: 'abc', headers: server.bearer });
  };
  const { upload } = await (await put('a.txt')).json();
  expect(server.transferred()).toHaveLength(1);
  const before = run.all('seen').length;
  await viewer.button('Reload').click();
  await expect.poll(() => run.all('seen').length).toBeGreaterThan(before);
  const choose = () => server.ask('choose_files', { session, chooser, uploads: [upload] });
  const late = await choose();
  expect([late.status, JSON.stringify(late.body)]).toEqual([409, expect.stringContaining('any more')]);
  await expect.poll(() => server.transferred()).toHaveLength(0);
  expect((await choose()).status, 'once').toBe(404);
  expect((await put('b.txt')).status, 'it is over').toBe(404);
  expect((await server.ask('drop_files', { session: 'nobody' })).status).toBe(404);

  const address = viewer.page.url();
  const file = await drag(viewer, [own('a.txt', 'one')]);
  const toolbar = await viewer.address.boundingBox();
  const onToolbar = { x: toolbar!.x + 20, y: toolbar!.y + 10 };
  const devtools = await viewer.page.context().newCDPSession(viewer.page);
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    const data = { items: [], files: [own('a.txt', 'one')], dragOperationsMask: 1 };
    await devtools.send('Input.dispatchDragEvent', { type, ...onToolbar, data });
  }
  await file('dragEnter', nowhere);
  await file('dragCancel', nowhere);
  await viewer.click(await run.center('field'));
  await viewer.page.keyboard.type('x');
  await run.saw('input', { value: 'x' });
  expect(viewer.page.url()).toBe(address);
  expect(server.transferred()).toEqual([]);
});

test('files that are pasted are where the focus is', async ({ open, run }) => {
  const viewer = await open('drop.html');
  await viewer.click(await run.center('field'));
  await pasteTable(viewer);
  expect((await run.saw('paste')).files).toEqual([{ name: 'table.csv', type: 'text/csv', text: 'a,b' }]);
});

test('FilePond takes what is dropped, pasted and chosen', async ({ open, run }) => {
  const viewer = await open('uploader.html');
  await run.saw('ready');
  const pond = { x: 340, y: 70 };
  const has = async (...names: string[]) => {
    await expect.poll(() => run.all('has').at(-1)?.files.map(({ name }: { name: string }) => name).sort()).toEqual(names);
    return run.all('has').at(-1)!.files;
  };
  const some = await drag(viewer, [own('a.txt', 'one'), own('b.txt', 'two')]);
  await some('dragEnter', pond);
  await some('drop', pond);
  expect((await has('a.txt', 'b.txt')).map(({ text }: { text: string }) => text).sort()).toEqual(['one', 'two']);
  await viewer.click({ x: 340, y: 600 });
  await viewer.page.getByLabel('Keyboard input').evaluate((field) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File(['three'], 'c.txt', { type: 'text/plain' }));
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  });
  await has('a.txt', 'b.txt', 'c.txt');
  const [chooser] = await Promise.all([viewer.page.waitForEvent('filechooser'), viewer.click(pond)]);
  await chooser.setFiles(own('d.txt', 'four'));
  await has('a.txt', 'b.txt', 'c.txt', 'd.txt');
});
