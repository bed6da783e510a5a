// Several people, several sessions, and how a session ends.

import type { Locator } from '@playwright/test';
import { expect, test } from '../support/fixtures';
import { flag, held, isAlive } from '../support/processes.mjs';
import { until } from '../support/until.mjs';
import { GREEN, Viewer, YELLOW } from '../support/viewer';
import type { Server } from '../support/server.mjs';

test('two viewers see the same picture, and both can act', async ({ open, join, run, server }) => {
  const first = await open('recorder.html');
  const second = await join(first);
  const target = await run.center('target');
  await first.shows(YELLOW, target);
  await second.shows(YELLOW, target);
  expect((await server.sessions())[0].viewers).toBe(2);

  await second.click(target);
  await first.shows(GREEN, target);
  await second.shows(GREEN, target);
  await first.click(target);
  await first.shows(YELLOW, target);
  await second.shows(YELLOW, target);
  expect(run.all('mousedown')).toHaveLength(2);
});

test('pictures flow to both viewers, and go on when one leaves', async ({ open, join, server }) => {
  const first = await open('counter.html');
  const second = await join(first);
  await first.flows();
  await second.flows();
  await first.page.close();
  await second.flows();
  await expect.poll(async () => (await server.sessions())[0].viewers).toBe(1);
});

test('a viewer who joins a still page sees it at once', async ({ open, join }) => {
  const first = await open('green.html');
  await first.shows(YELLOW);
  const second = await join(first);
  await second.shows(YELLOW);
});

test('each session has a profile of its own', async ({ open, run, server }) => {
  const first = await open('cookie.html');
  await run.saw('profile', { cookie: '', stored: null });
  await first.visit(run.url('cookie.html', { again: '1' }));
  await run.saw('profile', { cookie: 'visited=yes', stored: 'yes' });

  run.forget();
  const second = await open('cookie.html');
  await run.saw('profile', { cookie: '', stored: null });
  expect(second.session).not.toBe(first.session);
  const profiles = server.chromes().map((chrome) => flag(chrome, 'user-data-dir'));
  expect(new Set(profiles).size).toBe(2);
});

test('a page begins in a window that fills the screen, as often as one looks', async ({ run, server }) => {
  for (let look = 0; look < 6; look++) {
    const url = run.url('recorder.html', { look: String(look) });
    const session = await server.open(url);
    const { width, height } = await run.saw('layout', { query: new URL(url).search, number: 0 });
    expect({ width, height }).toEqual({ width: 1280, height: 720 });
    await server.call('end', { session });
  }
});

test('what is done in one session does not show in another', async ({ open }) => {
  const first = await open('green.html');
  const second = await open('green.html');
  await second.click({ x: 640, y: 360 });
  await second.shows(GREEN);
  await first.shows(YELLOW);
});

/** Waits until no session and none of these Chromes is left, nor their profiles. */
async function allGone(server: Server, chromes: ReturnType<Server['chromes']>): Promise<void> {
  await until(async () => (await server.sessions()).length === 0, () => 'the session is still listed', 20_000);
  await until(() => !chromes.some(isAlive), () => 'Chrome still runs');
  await until(() => server.files().length === 0, () => `files are left: ${server.files()}`);
}

test('End ends the session for all its viewers', async ({ open, join, server }) => {
  const first = await open();
  const second = await join(first);
  const chromes = server.chromes();
  expect(chromes).toHaveLength(1);
  await first.button('End').click();
  for (const viewer of [first, second]) {
    await expect(viewer.status).toContainText(/Ended: \w+/);
    await expect(viewer.button('Start again')).toBeVisible();
  }
  await allGone(server, chromes);
});

test('a script that ends a session is answered when nothing of it is left', async ({ run, server }) => {
  const session = await server.open(run.url('green.html'));
  const chromes = server.chromes();
  await server.call('end', { session });
  expect(await server.sessions()).toEqual([]);
  expect(chromes.filter(isAlive)).toEqual([]);
  expect(server.files()).toEqual([]);
});

test('a session that no script knows ends soon after its page is closed, and survives a reload', async ({ page, admit, run, start }) => {
  // Long enough to join again on a slow machine; the other time is longer than this test may take.
  const server = await start({ flags: ['--grace', '300s', '--grace-closed', '8s'] });
  await admit(page.context(), server);
  await page.goto(server.url('/'));
  await page.getByRole('textbox', { name: 'Address' }).fill(run.url('green.html'));
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.waitForURL(/\/s\//);
  const session = new URL(page.url()).pathname.split('/').pop() ?? '';
  // Not opened once more: a page that is left before it knows its own name cannot say that it goes.
  const viewer = new Viewer(page, server, session);
  await viewer.shows(YELLOW);
  await page.reload();
  await viewer.shows(YELLOW);
  expect(await server.sessions()).toHaveLength(1);
  const chromes = server.chromes();
  await page.close();
  await allGone(server, chromes);
});

test('Start again leads to a new session', async ({ open, server }) => {
  const viewer = await open();
  await viewer.button('End').click();
  await viewer.button('Start again').click();
  await viewer.page.waitForURL((url) => !url.pathname.endsWith(viewer.session));
  await until(
    async () => viewer.page.url().includes('/s/') || (await viewer.page.getByRole('button', { name: 'Start' }).isVisible()),
    () => `neither a session nor the home page: ${viewer.page.url()}`,
  );
  expect((await server.sessions()).map(({ session }) => session)).not.toContain(viewer.session);
});

test('an ended session says so to who comes late', async ({ open, server, page }) => {
  const viewer = await open();
  await server.call('end', { session: viewer.session });
  await expect(viewer.status).toContainText('Ended');
  await page.reload();
  await expect(page.getByRole('status')).toContainText(/Ended/);
  expect((await server.ask('navigate', { session: viewer.session, url: 'example.org' })).status).toBe(404);
});

test('the last viewer leaves: the session ends after the grace time', async ({ open, server }) => {
  const viewer = await open();
  const chromes = server.chromes();
  await viewer.page.close();
  await allGone(server, chromes);
});

test('coming back within the grace time resumes', async ({ open, server, page }) => {
  const viewer = await open('green.html');
  await viewer.click({ x: 640, y: 360 });
  await viewer.shows(GREEN);
  const next = await page.context().newPage();
  await page.close();
  await expect.poll(async () => (await server.sessions())[0]?.viewers).toBe(0);
  const again = await new Viewer(next, server, viewer.session).watch();
  // Still green: it is the same page, not the same address opened again.
  await again.shows(GREEN);
  await again.click({ x: 640, y: 360 });
});

test('reloading the viewer keeps the session', async ({ open, page }) => {
  const viewer = await open('green.html');
  await viewer.click({ x: 640, y: 360 });
  await viewer.shows(GREEN);
  await page.reload();
  await viewer.connected();
  await viewer.shows(GREEN);
});

test('the statistics tell how the stream does', async ({ open }) => {
  const viewer = await open('counter.html');
  await viewer.showStatistics();
  const page = viewer.page.locator('body');
  for (const label of [/frames/i, /bitrate/i, /round trip/i, /buffer/i, /decode/i, /encode/i, /loss|lost/i]) {
    await expect(page).toContainText(label);
  }
  await expect(page).toContainText(/1280\s*[×x]\s*720/);
});

test('the Statistics panel has a line per figure, can be moved, and docked it hides nothing of the page', async ({ open }) => {
  const viewer = await open('counter.html');
  await viewer.showStatistics();
  const panel = viewer.statistics;
  await expect(panel).toContainText(/Frames per second\s*\d+/);
  const figures = await panel.locator('dt').evaluateAll((names) =>
    names.map((name) => {
      const value = name.nextElementSibling as HTMLElement;
      const line = parseFloat(getComputedStyle(value).lineHeight);
      const plot = value.nextElementSibling?.querySelector('svg');
      return {
        name: name.textContent,
        lines: Math.max(name.getBoundingClientRect().height, value.getBoundingClientRect().height) / line,
        plot: plot?.getBoundingClientRect().width,
      };
    }),
  );
  for (const { name, lines, plot } of figures) {
    expect(lines, `${name} is one line`).toBeLessThan(1.5);
    if (plot !== undefined) expect(plot, `${name}'s plot`).toBeGreaterThanOrEqual(120);
  }
  expect(figures.filter(({ plot }) => plot !== undefined)).toHaveLength(8);

  const box = async (of: Locator) => (await of.boundingBox()) ?? expect.fail('it is not shown');
  const before = await box(panel);
  const handle = panel.getByRole('heading', { name: 'Statistics' });
  const { x, y } = await box(handle);
  await viewer.page.mouse.move(x + 10, y + 10);
  await viewer.page.mouse.down();
  await viewer.page.mouse.move(x - 190, y - 20, { steps: 4 });
  await viewer.page.mouse.up();
  const after = await box(panel);
  // It lies on whole pixels from then on.
  expect(Math.abs(after.x - before.x + 200)).toBeLessThan(1);
  expect(Math.abs(after.y - before.y + 30)).toBeLessThan(1);

  await panel.getByRole('button', { name: 'Dock beside the page' }).click();
  const docked = await box(panel);
  const video = await box(viewer.video);
  expect(video.x + video.width).toBeLessThanOrEqual(docked.x);
  await panel.getByRole('button', { name: 'Close the panel' }).click();
  await expect(panel).toBeHidden();
});

test('with room for one session a second one is refused with a reason', async ({ open, start, page, run }) => {
  const server = await start({ flags: ['--max-sessions', '1'] });
  const viewer = await open('green.html', {}, server);
  expect(await server.ask('open', { url: run.url('green.html') })).toEqual({
    status: 503,
    body: { error: 'full', message: expect.stringMatching(/\w+ \w+/) },
  });
  const home = await page.context().newPage();
  await home.goto(server.url('/'));
  await home.getByRole('textbox', { name: 'Address' }).fill(run.url('green.html'));
  await home.getByRole('button', { name: 'Start', exact: true }).click();
  await expect(home.getByRole('alert')).toContainText(/session/i);

  await server.call('end', { session: viewer.session });
  await until(async () => (await server.sessions()).length === 0, () => 'the session does not end');
  await home.getByRole('button', { name: 'Start', exact: true }).click();
  await expect(home).toHaveURL(/\/s\//);
});

/** `FARPANE_SESSIONS=90 npx playwright test -g 'leave nothing'` ends a hundred; it takes some minutes. */
const MORE = Number(process.env.FARPANE_SESSIONS ?? 12);

/** One heap, which gives back what is free. As it is, glibc keeps tens of megabytes, now more and now less. */
const heap = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '65536' };

/** Also with such a heap two measurements differ by this much. */
const NOISE_BYTES = 1024 * 1024;

/** The metrics of a session are kept for ten minutes after its end: some 30 kB. A session that leaked held 300. */
const METRICS_BYTES = 64 * 1024;

/** Waits until the server holds what it held `before`: threads and connections that have no work give up in time. */
async function holdsNoMore(server: Server, before: ReturnType<typeof held>, moreBytes: number): Promise<void> {
  const more = () => {
    const { descriptors, threads } = held(server.pid);
    const counts = Object.entries({ ...descriptors, threads });
    const then: Record<string, number> = { ...before.descriptors, threads: before.threads };
    return counts.filter(([kind, count]) => count > (then[kind] ?? 0));
  };
  await until(() => more().length === 0, () => `${more()}, and before ${JSON.stringify(before)}`, 20_000);
  expect(held(server.pid).bytes - before.bytes, 'bytes more than before').toBeLessThan(moreBytes);
}

test('sessions that end leave nothing behind in the server', async ({ start, run }) => {
  test.setTimeout(60_000 + MORE * 5_000);
  const server = await start({ env: heap });
  let opened = 0;
  const openAndEnd = async (times: number) => {
    for (let time = 0; time < times; time++) {
      const url = run.url('counter.html', { opened: String(opened++) });
      const session = await server.open(url);
      await run.saw('layout', { query: new URL(url).search });
      const chromes = server.chromes();
      expect(chromes).toHaveLength(1);
      await server.call('end', { session });
      await allGone(server, chromes);
    }
  };
  await openAndEnd(10);
  const before = held(server.pid);
  await openAndEnd(MORE);
  await holdsNoMore(server, before, NOISE_BYTES + MORE * METRICS_BYTES);
});

test('viewers that come and go leave nothing behind in the server', async ({ open, join, start }) => {
  const server = await start({ env: heap });
  const first = await open('counter.html', {}, server);
  const comeAndGo = async (times: number) => {
    for (let time = 0; time < times; time++) {
      const viewer = await join(first);
      await viewer.flows();
      await viewer.page.close();
      await expect.poll(async () => (await server.sessions())[0].viewers).toBe(1);
    }
  };
  // Tables and pools grow with the first twenty, and then no more.
  test.setTimeout(150_000);
  await comeAndGo(20);
  const before = held(server.pid);
  await comeAndGo(10);
  await holdsNoMore(server, before, NOISE_BYTES);
});
