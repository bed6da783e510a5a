// What pages give and what they are given: files, byte for byte.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Download, Page } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { Relay } from '../support/relay.mjs';
import { textOf } from '../support/pdf.mjs';
import { fileOf } from '../support/site.mjs';
import { isNear, Viewer } from '../support/viewer';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** What the person's browser saves of what happens meanwhile. */
async function saved(page: Page, act: () => Promise<void>): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), act()]);
  return { name: download.suggestedFilename(), bytes: await bytesOf(download) };
}

async function bytesOf(download: Download): Promise<Buffer> {
  return readFileSync(await download.path());
}

const downloads = async (viewer: Viewer) => {
  const list = viewer.page.getByRole('region', { name: 'Downloads' });
  if (!(await list.isVisible())) await viewer.page.getByRole('button', { name: /^Downloads/ }).click();
  await expect(list).toBeVisible();
  return list;
};

test('a link, a blob and a data: link are saved on the person’s own computer', async ({ open, run, server }) => {
  const viewer = await open('files.html', { name: 'Bericht über 日本.bin' });
  const { page } = viewer;
  const linked = await saved(page, async () => viewer.click(await run.center('link')));
  expect(linked.name).toBe('Bericht über 日本.bin');
  expect(sha256(linked.bytes)).toBe(sha256(fileOf(300_000)));
  const made = await saved(page, async () => viewer.click(await run.center('blob')));
  expect([made.name, made.bytes.toString()]).toEqual(['made.txt', 'made by the page']);
  const data = await saved(page, async () => viewer.click(await run.center('data')));
  expect([data.name, data.bytes.toString()]).toEqual(['data.txt', 'from a link']);
  const typed = await saved(page, () => viewer.visit(`${run.origin}/file?name=typed.bin&bytes=10`));
  expect(typed.name).toBe('typed.bin');
  await expect(viewer.address, 'the page stays').toHaveValue(/files\.html/);
  // Where Chrome says how to leave its full screen, for seconds after each.
  const notice = await viewer.pixel({ x: 740, y: 70 });
  expect(isNear(notice, [200, 180, 250]), `the page's own ground, not ${notice}`).toBe(true);

  const list = await downloads(viewer);
  await expect(list.getByRole('listitem')).toHaveCount(4);
  await expect(list.getByRole('listitem').first()).toContainText('typed.bin');
  await expect(list.getByRole('listitem').first(), 'handed over').toContainText('saved');
  const again = await saved(page, () => list.getByRole('button', { name: 'Save made.txt' }).click());
  expect(again.bytes.toString()).toBe('made by the page');
  expect(server.transferred()).toHaveLength(4);
  await list.getByRole('button', { name: 'Remove made.txt' }).click();
  await expect(list.getByRole('listitem')).toHaveCount(3);
  await expect.poll(() => server.transferred()).toHaveLength(3);
});

test('a download on its way is seen and broken off; one that is too large does not come', async ({ start, open, run }) => {
  const server = await start({ flags: ['--grace', '8s', '--max-file', '100'] });
  const viewer = await open('files.html', { name: '../../etc/pass\u202ewd.bin', bytes: '50000000', begins: '20000000' }, server);
  await viewer.click(await run.center('link'));
  const list = await downloads(viewer);
  await expect(list).toContainText('of 50 MB');
  await expect(list.getByRole('progressbar')).toBeVisible();
  // Whatever Chrome makes of the path, it is a name here.
  const name = await list.locator('.name').innerText();
  expect(name).not.toMatch(/[\\/\u202e]/);
  await expect.poll(() => server.transferred()).toHaveLength(1);
  await list.getByRole('button', { name: /^Cancel/ }).click();
  await expect(list).toBeHidden();
  await expect.poll(() => server.transferred()).toHaveLength(0);

  await viewer.visit(run.url('files.html', { name: 'two.tb', bytes: '2000000000000', begins: '1000' }));
  await run.saw('layout', { query: new URL(run.url('files.html', { name: 'two.tb', bytes: '2000000000000', begins: '1000' })).search });
  await viewer.click(await run.center('link'));
  await expect(viewer.notice(/two\.tb was not saved.*larger.*100 MiB/)).toBeVisible();
  await expect.poll(() => server.transferred()).toHaveLength(0);
});

test('a page that saves files without end has most of them wait for a click', async ({ open, run }) => {
  const viewer = await open('files.html');
  let saved = 0;
  viewer.page.on('download', () => (saved += 1));
  await viewer.click(await run.center('flood'));
  await expect(viewer.page.getByRole('button', { name: 'Downloads' })).toBeVisible();
  const list = await downloads(viewer);
  await expect.poll(() => list.getByRole('listitem').count()).toBeGreaterThanOrEqual(30);
  await viewer.visit(run.url('green.html'));
  await run.saw('layout', { page: '/green.html' });
  expect(saved).toBeLessThanOrEqual(10);
});

test('files of one’s own are given to the page: one, several, a folder', async ({ open, run, server }) => {
  const viewer = await open('files.html');
  const { page } = viewer;
  const own = (name: string, bytes: number) => {
    const path = test.info().outputPath(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, fileOf(bytes));
    return path;
  };
  const given = (name: string, bytes: number) => ({ name, bytes, sha256: sha256(fileOf(bytes)) });
  const choose = async (target: string, paths: string | string[]) => {
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), run.center(target).then((at) => viewer.click(at))]);
    const input = chooser.element();
    const accept = await input.getAttribute('accept');
    await chooser.setFiles(paths);
    return { isMultiple: chooser.isMultiple(), accept, files: (await run.saw('given', { target })).files };
  };
  const one = await choose('one', own('größe.bin', 3_000_000));
  expect(one).toEqual({ isMultiple: false, accept: 'text/plain,.bin', files: [given('größe.bin', 3_000_000)] });
  const many = await choose('many', [own('a.bin', 1), own('empty.bin', 0), own('other/a.bin', 2)]);
  expect(many.isMultiple).toBe(true);
  expect(many.files).toEqual([given('a.bin', 1), given('empty.bin', 0), given('a.bin', 2)]);
  own('photos/1.bin', 10);
  own('photos/more/2.bin', 20);
  const folder = await choose('folder', test.info().outputPath('photos'));
  expect(folder.files.sort((a: any, b: any) => (a.name < b.name ? -1 : 1))).toEqual([given('photos/1.bin', 10), given('photos/more/2.bin', 20)]);
  // What a page was given goes with it.
  expect(server.transferred()).toHaveLength(6);
  await viewer.visit(run.url('green.html'));
  await run.saw('layout', { page: '/green.html' });
  await expect.poll(() => server.transferred()).toHaveLength(0);
});

test('a link that is cut in the middle of a file is told at once, and tried again the file comes whole', async ({ server, run, page, admit, context }) => {
  await admit(context, server);
  const relay = await Relay.start(server.entry.origin);
  const session = await server.open(run.url('files.html', { name: 'large.bin', bytes: '20000000' }));
  const viewer = new Viewer(page, server, session);
  await page.goto(relay.url(`/s/${session}`));
  await viewer.connected();
  const path = test.info().outputPath('own.bin');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, fileOf(20_000_000));
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), run.center('one').then((at) => viewer.click(at))]);
  relay.cutAfter('up', 8_000_000);
  await chooser.setFiles(path);
  const again = page.getByRole('button', { name: /^Try again/ });
  await expect(again).toBeVisible({ timeout: 3000 });
  expect(relay.isCut).toBe(true);
  expect(server.transferred(), 'nothing half is kept').toHaveLength(0);
  relay.mend();
  await again.click();
  const { files } = await run.saw('given', { target: 'one' });
  expect(files).toEqual([{ name: 'own.bin', bytes: 20_000_000, sha256: sha256(fileOf(20_000_000)) }]);

  relay.cutAfter('down', 8_000_000);
  const [broken] = await Promise.all([page.waitForEvent('download'), run.center('link').then((at) => viewer.click(at))]);
  expect(await broken.failure()).not.toBeNull();
  relay.mend();
  const list = await downloads(viewer);
  const whole = await saved(page, () => list.getByRole('button', { name: 'Save large.bin' }).click());
  expect(sha256(whole.bytes)).toBe(sha256(fileOf(20_000_000)));
  relay.stop();
});

test('whoever is not asked for a file cannot send one, nor take one that is not there', async ({ open, run, server }) => {
  const viewer = await open('files.html');
  const put = (query: Record<string, string>, body: string | Buffer = 'abc', headers = {}) =>
    fetch(server.url(`/api/upload?${new URLSearchParams(query)}`), { method: 'PUT', body, headers: { ...server.bearer, ...headers } });
  const { session } = viewer;
  expect((await put({ session, chooser: '1', path: 'a.txt' })).status, 'no page asks').toBe(404);
  const [chooser] = await Promise.all([viewer.page.waitForEvent('filechooser'), run.center('one').then((at) => viewer.click(at))]);
  expect(chooser.isMultiple()).toBe(false);
  expect((await put({ session, chooser: '2', path: 'a.txt' })).status, 'another chooser').toBe(404);
  expect((await put({ session: 'nobody', chooser: '1', path: 'a.txt' })).status).toBe(404);
  expect((await put({ session, chooser: '1', path: '' })).status, 'no name').toBe(409);
  expect((await put({ session, chooser: '1' })).status, 'no path').toBe(400);
  const foreign = await put({ session, chooser: '1', path: 'a.txt' }, 'abc', { origin: 'https://evil.example' });
  expect(foreign.status).toBe(403);
  const choose = (uploads: string[]) => server.ask('choose_files', { session, chooser: 1, uploads });
  expect((await choose(['0123456789'])).status, 'never sent').toBe(404);
  expect((await choose(['01', '02'])).status, 'one is asked for').toBe(409);
  const sent = await put({ session, chooser: '1', path: '../../a\u202e.txt' });
  expect(sent.status).toBe(200);
  const { upload } = await sent.json();
  expect((await choose([upload])).status).toBe(200);
  expect((await run.saw('given', { target: 'one' })).files[0].name).toBe('a.txt');
  expect((await choose([upload])).status, 'once').toBe(404);

  const get = (query: Record<string, string>) => fetch(server.url(`/api/download?${new URLSearchParams(query)}`), { headers: server.bearer });
  const [name, whole] = ['whole.bin', fileOf(100_000)];
  await saved(viewer.page, () => viewer.visit(`${run.origin}/file?name=${name}&bytes=${whole.length}`));
  const { viewer: watcher } = await server.call('join', { session });
  const { downloads: list } = await server.call('updates', { session, viewer: watcher, after: 0 });
  const part = async (range: string, ifRange?: string) => {
    const asked = { ...server.bearer, range, ...(ifRange && { 'if-range': ifRange }) };
    const reply = await fetch(server.url(`/api/download?session=${session}&download=${list[0].id}`), { headers: asked });
    return { status: reply.status, tag: reply.headers.get('etag') ?? '', body: Buffer.from(await reply.arrayBuffer()) };
  };
  const rest = await part('bytes=40000-');
  expect([rest.status, sha256(rest.body)], 'the rest of what was broken off').toEqual([206, sha256(whole.subarray(40_000))]);
  expect((await part('bytes=0-9', rest.tag)).body).toEqual(whole.subarray(0, 10));
  expect((await part('bytes=0-9', '"another"')).body, 'all of it, if it is another').toHaveLength(whole.length);
  expect((await part('bytes=100000-')).status).toBe(416);
  expect((await get({ session, download: '0'.repeat(32) })).status).toBe(404);
  expect((await get({ session, download: '../x' })).status).toBe(400);
  expect((await fetch(server.url(`/api/download?session=${session}&download=a`))).status).toBe(401);
  expect((await server.ask('remove_download', { session, download: 'a' })).status).toBe(404);
});

test('an operator switches files off', async ({ start, open, run }) => {
  const server = await start({ flags: ['--grace', '8s', '--downloads', 'off', '--uploads', 'off'] });
  const viewer = await open('files.html', {}, server);
  await viewer.click(await run.center('link'));
  await expect(viewer.notice(/report\.bin was not saved: this server gives no files out/)).toBeVisible();
  await viewer.click(await run.center('one'));
  await expect(viewer.notice(/asks for a file: this server takes none/)).toBeVisible();
  expect(server.transferred()).toEqual([]);
});

test('a program of the operator’s decides of each file whether it passes', async ({ start, open, run }) => {
  const scanner = test.info().outputPath('scanner');
  mkdirSync(dirname(scanner), { recursive: true });
  const script = `#!/bin/sh\nif grep -q -e 'from a link' -e multipart/related; then echo "$FILE_NAME holds what is forbidden."; exit 1; fi\n`;
  writeFileSync(scanner, script, { mode: 0o755 });
  const server = await start({ flags: ['--grace', '8s', '--scan-command', scanner] });
  const viewer = await open('files.html', {}, server);
  const { page } = viewer;
  const made = await saved(page, async () => viewer.click(await run.center('blob')));
  expect(made.bytes.toString()).toBe('made by the page');
  await viewer.click(await run.center('data'));
  await expect(viewer.notice('data.txt was not saved. data.txt holds what is forbidden.')).toBeVisible();
  expect(server.transferred()).toHaveLength(1);

  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), run.center('many').then((at) => viewer.click(at))]);
  const file = (name: string, text: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  await chooser.setFiles([file('good.txt', 'from here'), file('bad.txt', 'from a link')]);
  const asks = page.getByRole('dialog');
  await expect(asks).toContainText('bad.txt was not taken. bad.txt holds what is forbidden.');
  await asks.getByRole('button', { name: 'Leave out bad.txt' }).click();
  const { files } = await run.saw('given', { target: 'many' });
  expect(files.map(({ name }: { name: string }) => name)).toEqual(['good.txt']);

  // What is made of a page is a file, too: this one's link holds the words.
  const get = async (what: string) => {
    const answer = await fetch(server.url(`/api/${what}?session=${viewer.session}`), { headers: server.bearer });
    return { status: answer.status, said: (await answer.text()).slice(0, 200) };
  };
  const refused = (name: string) => expect.objectContaining({ status: 409, said: expect.stringContaining(`${name} holds what is forbidden.`) });
  expect(await get('save_page')).toEqual(refused('Files.mhtml'));
  expect(await get('print')).toEqual(refused('Files.pdf'));
  await viewer.visit(run.url('green.html'));
  await run.saw('seen', { page: '/green.html' });
  expect((await get('print')).status).toBe(200);
});

test('a frame of another site asks for a file, has a menu and a text field, and is searched like the page', async ({ open, run }) => {
  const viewer = await open('files.html', { elsewhere: '' });
  const { page } = viewer;
  await run.saw('seen', { page: '/frame.html' });
  const frame = await run.box('frame');
  // A click goes to a frame that Chrome has drawn.
  await viewer.shows([240, 192, 0], { x: frame.x + 5, y: frame.y + 5 });
  const within = async (id: string) => {
    const { x, y } = await run.center(id);
    return { x: frame.x + x, y: frame.y + y };
  };
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), within('inner').then((at) => viewer.click(at))]);
  await chooser.setFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('from here') });
  expect((await run.saw('given', { target: 'inner' })).text).toBe('from here');

  await viewer.click(await within('inner-link'), { button: 'right' });
  await expect(page.getByRole('menuitem', { name: 'Copy link address' })).toBeVisible();
  await page.keyboard.press('Escape');

  await viewer.click(await within('inner-field'));
  await expect(page.getByLabel('Keyboard input')).toHaveAttribute('inputmode', 'tel');

  await page.keyboard.press('Control+f');
  const bar = page.getByRole('search');
  await expect(bar.getByRole('textbox')).toBeFocused();
  await page.keyboard.type('inner link');
  await expect(bar.getByRole('status')).toHaveText('1 of 1');
});

test('what is printed is saved as PDF, and a page as one file', async ({ open, run }) => {
  const viewer = await open('page.html', { name: 'A/B page', color: 'rgb(0, 180, 0)' });
  await viewer.click({ x: 640, y: 360 });
  await run.saw('seen');
  const printed = await saved(viewer.page, () => viewer.page.keyboard.press('Control+p'));
  expect(printed.name).toBe('A_B page.pdf');
  expect(printed.bytes.subarray(0, 5).toString()).toBe('%PDF-');
  await viewer.button('Menu').click();
  const again = await saved(viewer.page, () => viewer.page.getByRole('menuitem', { name: 'Print', exact: true }).click());
  expect(again.bytes.subarray(0, 5).toString()).toBe('%PDF-');

  const whole = await saved(viewer.page, () => viewer.page.keyboard.press('Control+s'));
  expect(whole.name).toBe('A_B page.mhtml');
  expect(whole.bytes.toString()).toMatch(/Content-Type: multipart\/related[^]*A\/B page/);

  await viewer.visit(run.url('files.html'));
  await run.saw('seen', { page: '/files.html' });
  expect(await run.saw('can'), 'what would need handles of files takes an input').toMatchObject({ pick: false });
  const bySelf = await saved(viewer.page, async () => viewer.click(await run.center('print')));
  expect(bySelf.name).toBe('Files.pdf');
  expect(bySelf.bytes.subarray(0, 5).toString()).toBe('%PDF-');
  await run.saw('afterprint');
});

test('a frame that a page prints is saved as PDF, also one that is gone at once, or another site’s; unasked, once', async ({ open, run, server }) => {
  const viewer = await open('invoice.html', { elsewhere: '' });
  const { page } = viewer;
  await expect.poll(() => run.all('seen')).toHaveLength(2);
  const frame = await run.box('frame');
  await viewer.shows([0, 180, 0], { x: frame.x + 5, y: frame.y + 5 });
  const at = async (id: string, { x, y } = { x: 0, y: 0 }) => {
    const center = await run.center(id);
    return { x: x + center.x, y: y + center.y };
  };
  const printed = async (where: { x: number; y: number }) => {
    const { name, bytes } = await saved(page, async () => viewer.click(where));
    expect(name).toBe('Shop.pdf');
    return { title: bytes.toString('latin1').match(/\/Title \((.*)\)/)?.[1], lines: textOf(bytes).split('\n') };
  };
  const invoice = (name: string) => ({ title: name, lines: expect.arrayContaining([`invoice of ${name}`, 'written by its script']) });
  const written = await printed(await at('written'));
  expect(written).toEqual(invoice('Ada'));
  expect(written.lines).toContain('filled in');
  expect(written.lines).not.toContain('described');
  expect([run.all('beforeprint'), run.all('afterprint')].map(({ length }) => length)).toEqual([1, 1]);
  expect(await printed(await at('described'))).toEqual(invoice('Grace'));
  expect(await printed(await at('written', frame))).toEqual(invoice('Ada'));
  const paper = await saved(page, async () => viewer.click(await at('paper')));
  expect(sha256(paper.bytes)).toBe(sha256(readFileSync('pages/paper.pdf')));
  const whole = await printed(await at('itself'));
  expect([whole.title, whole.lines]).toEqual(['Shop', expect.arrayContaining(['written', 'described'])]);
  expect(whole.lines).not.toContain('invoice of Ada');
  // What was open meanwhile was no tab of theirs, and behind the page.
  await expect(viewer.tabs).toHaveCount(1);
  expect(run.all('hidden')).toEqual([]);
  const { session } = viewer;
  const gone = await fetch(server.url(`/api/print?session=${session}&frame=1`), { headers: server.bearer });
  expect(gone.status, 'each once').toBe(409);

  const sandboxed = await saved(page, () => viewer.visit(run.url('invoice.html', { sandboxed: '' })));
  expect(textOf(sandboxed.bytes).split('\n')).toEqual(expect.arrayContaining(['invoice of Linus', 'written by its script']));

  const early = await saved(page, () => viewer.visit(run.url('invoice.html', { early: '' })));
  expect(early.bytes.subarray(0, 5).toString()).toBe('%PDF-');

  const files: string[] = [];
  page.on('download', (download) => files.push(download.suggestedFilename()));
  await viewer.visit(run.url('invoice.html', { unasked: '' }));
  await expect.poll(() => run.all('unasked').length).toBeGreaterThan(20);
  expect(files.length).toBeLessThanOrEqual(1);
  await expect.poll(() => files).toHaveLength(1);
});
