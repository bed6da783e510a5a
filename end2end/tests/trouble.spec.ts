// Pages, Chromes and servers that fail: the person sees what happened and can go on.

import { expect, test } from '../support/fixtures';
import { pssBytes } from '../support/processes.mjs';
import { Server } from '../support/server.mjs';
import { until } from '../support/until.mjs';
import { GREEN, YELLOW } from '../support/viewer';

const green = { name: 'Green', color: 'rgb(0, 180, 0)' };

test('a page crashes: the viewer is told, and reloads it', async ({ open, server, run }) => {
  const viewer = await open('green.html');
  await viewer.click({ x: 640, y: 360 });
  await viewer.shows(GREEN);
  for (const renderer of server.renderers()) process.kill(renderer.pid, 'SIGKILL');
  await expect(viewer.notice(/crash/i)).toBeVisible();
  run.forget();
  await viewer.button('Reload').first().click();
  await viewer.shows(YELLOW);
  await expect(viewer.notice(/crash/i)).toHaveCount(0);
});

test('a page hangs: the viewer is told, and gets out', async ({ open, run }) => {
  const viewer = await open('opener.html');
  await viewer.click(await run.center('hang'));
  const told = viewer.notice(/respond/i);
  await expect(told).toBeVisible({ timeout: 30_000 });
  await viewer.button('Reload').first().click();
  await expect(told).toHaveCount(0, { timeout: 20_000 });
  // The page lives again: it hears a click.
  run.forget();
  await expect(async () => {
    await viewer.click(await run.center('close').then(({ x, y }) => ({ x, y: y + 150 })));
    expect(run.all('click').length).toBeGreaterThan(0);
  }).toPass({ timeout: 15_000 });
});

test('a page hangs: another address is a way out too', async ({ open, run }) => {
  const viewer = await open('opener.html');
  await viewer.click(await run.center('hang'));
  await run.saw('click', { target: 'hang' });
  await viewer.visit(run.url('page.html', green));
  await viewer.shows(GREEN, undefined, 30_000);
});

test('who stops before a hanging page has been left stays there', async ({ open, run }) => {
  const viewer = await open('opener.html');
  await viewer.click(await run.center('hang'));
  await run.saw('click', { target: 'hang' });
  // As soon as it can be pressed: a second later the page has been left.
  await viewer.page.evaluate(() => {
    const stop = () => document.querySelector<HTMLElement>('button[aria-label="Stop"]')?.click();
    new MutationObserver((_, observer) => {
      if (stop() !== undefined) observer.disconnect();
    }).observe(document, { subtree: true, childList: true, attributes: true });
  });
  await viewer.visit(run.url('page.html', green));
  await expect(viewer.button('Reload')).toBeVisible();
  await expect(viewer.address).toHaveValue(/opener/);
  // The script has been ended: the page lives again, and nothing leads away from it any more.
  run.forget();
  await viewer.click(await run.center('open'));
  await run.saw('click', { target: 'open' });
  expect(run.all('opened').map(({ name }) => name)).not.toContain('Green');
});

test('alerts without end can be left', async ({ open, run }) => {
  const viewer = await open('opener.html');
  await viewer.click(await run.center('loop'));
  for (const round of [1, 2, 3]) {
    await expect(viewer.dialog).toContainText(`Round ${round}`);
    await viewer.dialog.getByRole('button', { name: 'OK' }).click();
  }
  await expect(viewer.dialog).toBeVisible();
  await viewer.visit(run.url('page.html', green));
  await viewer.shows(GREEN);
  await expect(viewer.dialog).toBeHidden();
});

test('a page that changes its title without end can be left at once, and fills no memory', async ({ open, server, run }) => {
  const viewer = await open('titles.html');
  const held = () => server.chromes().reduce((sum, { pid }) => sum + pssBytes(pid), 0);
  // By then it has had its way for a while.
  await until(() => run.all('round').length >= 1, () => 'the page does not run', 20_000);
  run.forget();
  const most = held();
  const left = performance.now();
  await viewer.visit(run.url('page.html', green));
  await run.saw('opened', { name: 'Green' });
  const millis = performance.now() - left;
  console.log(`    left after ${Math.round(millis)} ms; Chrome's main process held ${Math.round(most / 1e6)} MB`);
  expect(millis).toBeLessThan(3000);
  expect(most, 'what it sent is not kept').toBeLessThan(700e6);
  await viewer.shows(GREEN);
  await expect(viewer.notice(/crash/i)).toHaveCount(0);
});

test('the only page closes itself: one can go on', async ({ open, run, server }) => {
  const viewer = await open('opener.html');
  await viewer.click(await run.center('close'));
  await expect(viewer.address).not.toHaveValue(/opener\.html/);
  expect(await server.sessions()).toHaveLength(1);
  await viewer.visit(run.url('page.html', green));
  await viewer.shows(GREEN);
});

test('the server is killed: none of its Chromes survives, and the next start tidies up', async ({ start, run }) => {
  const server = await start();
  await server.open(run.url('green.html'));
  await server.open(run.url('counter.html'));
  await run.saw('layout', { page: '/green.html' });
  await run.saw('layout', { page: '/counter.html' });
  const chromes = server.chromes();
  expect(chromes).toHaveLength(2);

  await server.kill();
  await until(() => server.survivors().length === 0, () => `still running: ${server.survivors()}`);
  expect(server.files(), 'nobody was left to tidy up').not.toEqual([]);

  const next = await start({ runtimeDir: server.runtimeDir });
  expect(next.files()).toEqual([]);
});

test('the server is asked to end: it ends its sessions first', async ({ start, run }) => {
  const server = await start();
  await server.open(run.url('counter.html'));
  await run.saw('layout');
  expect(server.chromes()).toHaveLength(1);
  expect(await server.stop()).toEqual([]);
  expect(server.child.exitCode, 'a clean end').toBe(0);
});

test('a port that is taken is said in one sentence', async ({ server }) => {
  const port = Number(new URL(server.entry).port);
  await expect(Server.start({ port })).rejects.toThrow(new RegExp(`${port}.*(in use|taken|already)`, 'i'));
});
