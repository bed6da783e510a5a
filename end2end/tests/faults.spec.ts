// Processes that die, freeze or are slow, for real: the person sees a live picture again without doing anything.

import { expect, test } from '../support/fixtures';
import { isLive, liveAfter, oldestAfter, tell } from '../support/live';
import { allowBuffering } from '../support/instruments.mjs';
import { descendants, flag } from '../support/processes.mjs';
import { freePort } from '../support/server.mjs';
import { installStopwatch } from '../support/stopwatch.mjs';
import { Viewer, YELLOW } from '../support/viewer';

const green = { name: 'Green', color: 'rgb(0, 180, 0)' };
/** Draws its clock as a barcode, and scrolls. */
const CLOCK = 'scenery.html';

test.beforeEach(async ({ page }) => {
  await page.addInitScript(installStopwatch, { x: 640, y: 400, color: [...YELLOW] });
  await page.addInitScript(() => {
    window.stopwatch.reads = 'clock';
  });
});

test('Chrome is killed: it comes back by itself, with its tabs and the same one in front', async ({ open, run, server }) => {
  const viewer = await open('page.html', green);
  await server.call('new_tab', { session: viewer.session, url: run.url(CLOCK) });
  await server.call('new_tab', { session: viewer.session, url: run.url('counter.html') });
  await expect(viewer.tabs).toHaveCount(3);
  await viewer.tabs.nth(1).click();
  await expect(viewer.address).toHaveValue(/scenery\.html/);
  await isLive(viewer.page);
  const peers = await viewer.page.evaluate(() => window.instruments.peers.length);

  // Three pages at once on a machine that is busy with other things too.
  test.setTimeout(120_000);
  const [chrome] = server.chromes();
  process.kill(chrome.pid, 'SIGKILL');
  const killed = Date.now();
  await expect(viewer.video).toHaveClass(/stale/);
  await expect(viewer.video).not.toHaveClass(/stale/, { timeout: 60_000 });
  // What is shown from here on is of the new Chrome.
  const running = Date.now();
  tell('Chrome killed', running - killed + (await liveAfter(viewer.page, running)));
  await expect(viewer.notice(/Chrome crashed and was started again/)).toBeVisible();
  await expect(viewer.tabs).toHaveCount(3);
  await expect(viewer.tabs.nth(1)).toHaveAttribute('aria-selected', 'true');
  await expect(viewer.address).toHaveValue(/scenery\.html/);
  expect(await viewer.page.evaluate(() => window.instruments.peers.length), 'the connection stands').toBe(peers);
});

test('a Chrome that dies again and again is left to the person', async ({ open, server }) => {
  const viewer = await open('green.html');
  await viewer.shows(YELLOW);
  for (const _ of [1, 2, 3]) {
    const [chrome] = server.chromes();
    process.kill(chrome.pid, 'SIGKILL');
    await expect.poll(() => server.chromes().filter(({ pid }) => pid !== chrome.pid)).toHaveLength(1);
    await viewer.connected();
    await viewer.shows(YELLOW);
  }
  process.kill(server.chromes()[0].pid, 'SIGKILL');
  await expect(viewer.button('Restart')).toBeVisible();
  await expect(viewer.status).toContainText(/killed/);
  await viewer.button('Restart').click();
  await viewer.connected();
  await viewer.shows(YELLOW);
});

test('a renderer is killed: reloading shows the page again', async ({ open, server }) => {
  const viewer = await open(CLOCK);
  await isLive(viewer.page);
  for (const renderer of server.renderers()) process.kill(renderer.pid, 'SIGKILL');
  await expect(viewer.notice(/crash/i)).toBeVisible();
  await viewer.button('Reload').first().click();
  const reloaded = Date.now();
  tell('renderer killed, from Reload on', await liveAfter(viewer.page, reloaded));
});

test("the viewer's machine sleeps: it wakes to a live picture, and nothing of the past is shown", async ({ open }) => {
  const viewer = await open(CLOCK);
  await isLive(viewer.page);
  // The viewer's whole browser stands still, as on a laptop whose lid is shut; the server goes on sending.
  const browser = descendants(process.pid).filter((one) => flag(one, 'user-data-dir')?.includes('playwright'));
  const all = browser.flatMap(({ pid }) => [pid, ...descendants(pid).map((child) => child.pid)]);
  for (const pid of all) process.kill(pid, 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  for (const pid of all) process.kill(pid, 'SIGCONT');
  const woken = Date.now();
  const live = await liveAfter(viewer.page, woken);
  await viewer.connected();
  const settled = await oldestAfter(viewer.page, woken + live);
  tell('5 s of sleep', live, `afterwards no picture older than ${(settled / 1000).toFixed(2)} s`);
  expect(settled, 'once live, nothing of the past').toBeLessThan(3_000);
});

test('a buffer that grows is cut back to live, and the panel says so', async ({ open, page }) => {
  // Without the header that forbids it to wait.
  await page.addInitScript(allowBuffering);
  const viewer = await open(CLOCK);
  await isLive(viewer.page);
  // The browser itself makes each frame wait for two seconds.
  await viewer.page.evaluate(() => {
    for (const peer of window.instruments.peers) {
      for (const receiver of peer.getReceivers()) receiver.jitterBufferTarget = 2000;
    }
  });
  await viewer.showStatistics();
  const panel = viewer.statistics;
  await expect(panel).toContainText(/Cut back to live\s*(once|\d+ times), last \d+ s ago/, { timeout: 20_000 });
  const cut = Date.now();
  tell('a growing buffer, from the first cut on', await liveAfter(viewer.page, cut));
  await viewer.connected();
});

test('the server is killed and started again: the session has ended, and the page says how to go on', async ({ admit, run, page, start }) => {
  const token = 'a-token-that-outlives-the-server';
  const port = await freePort();
  const mediaPort = await freePort();
  const first = await start({ port, mediaPort, flags: ['--token', token] });
  await admit(page.context(), first);
  const session = await first.open(run.url(CLOCK));
  const viewer = await new Viewer(page, first, session).watch();
  await isLive(page);
  await first.kill();
  await expect(viewer.status).toContainText('Reconnecting');
  await expect(viewer.video).toHaveClass(/stale/);

  const next = await start({ port, mediaPort, runtimeDir: first.runtimeDir, flags: ['--token', token] });
  const again = Date.now();
  await expect(viewer.status).toContainText(/Ended: .*has ended/);
  await viewer.button('Start again').click();
  tell('server killed and back, Start again pressed', await liveAfter(page, again));
  await expect(viewer.address).toHaveValue(/scenery\.html/);
  expect(await next.sessions()).toHaveLength(1);
  // Both have the same directory: the one that runs tidies up.
  expect(await next.stop()).toEqual([]);
});

test('the server comes back with another token: the page says so', async ({ admit, run, page, start }) => {
  const port = await freePort();
  const first = await start({ port });
  await admit(page.context(), first);
  const viewer = await new Viewer(page, first, await first.open(run.url('green.html'))).watch();
  await first.kill();
  await start({ port, runtimeDir: first.runtimeDir });
  await expect(viewer.status).toContainText(/Ended: .*(token|link)/i, { timeout: 20_000 });
});

test('the server stands still: the picture is dimmed, input is refused, and it goes on by itself', async ({ open, run, server }) => {
  const viewer = await open('recorder.html');
  await viewer.click(await run.center('field'));
  await run.saw('focusin', { target: 'field' });
  await viewer.page.keyboard.type('before ');
  await expect.poll(() => run.all('input', { target: 'field' }).at(-1)?.value).toBe('before ');
  server.child.kill('SIGSTOP');
  try {
    await expect(viewer.status).toContainText('Reconnecting');
    await expect(viewer.video).toHaveClass(/stale/);
    await viewer.page.keyboard.type('lost');
  } finally {
    server.child.kill('SIGCONT');
  }
  await viewer.connected();
  await expect(viewer.notice(/4 keys and clicks were not carried out/)).toBeVisible();
  await viewer.page.keyboard.type('after');
  await expect.poll(() => run.all('input', { target: 'field' }).at(-1)?.value).toBe('before after');
});
