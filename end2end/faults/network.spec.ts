// Networks that fail, for real: wires between two network namespaces are cut, swapped and filtered.

import { chromium } from '@playwright/test';
import { LAUNCH } from '../support/chromium.mjs';
import { expect, test as base } from '../support/fixtures';
import { installInstruments } from '../support/instruments.mjs';
import { isLive, liveAfter, oldestAfter, tell } from '../support/live';
import { wrapped } from '../support/stage.mjs';
import { installStopwatch } from '../support/stopwatch.mjs';
import { Viewer, YELLOW } from '../support/viewer';
import { SERVER_IP, Wire } from '../support/wire.mjs';

const CLOCK = 'scenery.html';

/** A viewer at the other end of a wire. */
const test = base.extend<{ far: (page: string) => Promise<Viewer> }, { wire: Wire }>({
  wire: [
    async ({}, use) => {
      const wire = await Wire.lay();
      await use(wire);
      wire.remove();
    },
    { scope: 'worker' },
  ],
  far: async ({ wire, start, run }, use) => {
    wire.lose('nothing');
    wire.plug(0);
    const server = await start({ host: SERVER_IP });
    const browser = await chromium.launch({ executablePath: wrapped(wire.viewerNamespace), args: LAUNCH.args });
    await use(async (name) => {
      const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
      await context.addInitScript(installInstruments);
      await context.addInitScript(installStopwatch, { x: 640, y: 400, color: [...YELLOW] });
      await context.addInitScript(() => {
        window.stopwatch.reads = 'clock';
      });
      const page = await context.newPage();
      await page.goto(server.entry.href);
      return new Viewer(page, server, await server.open(run.url(name))).watch();
    });
    wire.lose('nothing');
    await browser.close();
  },
});

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

test('a wire is cut for 2 s: live again, without a replay of the past', async ({ far, wire }) => {
  const viewer = await far(CLOCK);
  await isLive(viewer.page);
  wire.lose('everything');
  await pause(2_000);
  await expect(viewer.video, 'the last picture is dimmed').toHaveClass(/stale/);
  wire.lose('nothing');
  const back = Date.now();
  const live = await liveAfter(viewer.page, back);
  await viewer.connected();
  const oldest = await oldestAfter(viewer.page, back);
  tell('wire cut for 2 s', live, `the oldest after it ${(oldest / 1000).toFixed(2)} s`);
  expect(oldest, 'nothing of before the cut').toBeLessThan(2_000);
});

test('a wire is cut for 12 s: longer than ICE waits', async ({ far, wire }) => {
  const viewer = await far(CLOCK);
  await isLive(viewer.page);
  wire.lose('everything');
  await expect(viewer.status).toContainText('Reconnecting');
  await pause(11_000);
  wire.lose('nothing');
  const back = Date.now();
  tell('wire cut for 12 s', await liveAfter(viewer.page, back));
  await viewer.connected();
});

test('from one wire to another: another interface, another address', async ({ far, wire }) => {
  const viewer = await far(CLOCK);
  await isLive(viewer.page);
  wire.plug(1);
  const moved = Date.now();
  const live = await liveAfter(viewer.page, moved + 50);
  tell('another wire, another address', live + 50);
  await viewer.connected();
});

test('UDP stops in the middle of a session: TCP takes over by itself', async ({ far, wire }) => {
  const viewer = await far(CLOCK);
  await isLive(viewer.page);
  await viewer.travelsBy('UDP');
  wire.lose('udp');
  const cut = Date.now();
  const live = await liveAfter(viewer.page, cut + 50);
  tell('UDP cut', live + 50);
  await viewer.connected();
  await viewer.travelsBy('TCP');
  await expect(viewer.statistics).toContainText(/Interrupted\s*(once|\d+ times)/);
});

test('what is typed while the wire is cut is not carried out later, and the person is told', async ({ far, wire, run }) => {
  const viewer = await far('recorder.html');
  await viewer.click(await run.center('field'));
  await run.saw('focusin', { target: 'field' });
  await viewer.page.keyboard.type('a');
  await expect.poll(() => run.all('input', { target: 'field' }).at(-1)?.value).toBe('a');
  wire.lose('everything');
  // Nobody knows yet: sent, and on its way for longer than anybody wants to wait.
  await viewer.page.keyboard.type('bc');
  await expect(viewer.video).toHaveClass(/stale/);
  // Known: not sent at all.
  await viewer.page.keyboard.type('def');
  await pause(1_500);
  wire.lose('nothing');
  await viewer.connected();
  await expect(viewer.notice(/5 keys and clicks were not carried out/)).toBeVisible();
  await viewer.page.keyboard.type('g');
  await expect.poll(() => run.all('input', { target: 'field' }).at(-1)?.value).toBe('ag');
  await viewer.showStatistics();
  await expect(viewer.statistics).toContainText(/Input not carried out\s*5/);
});
