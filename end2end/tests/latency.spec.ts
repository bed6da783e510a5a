// What the Statistics panel says about an input's way to the picture, beside what the test's own stopwatch says.

import { percentile } from '../support/figures.mjs';
import { expect, test } from '../support/fixtures';
import { installStopwatch } from '../support/stopwatch.mjs';
import type { Viewer } from '../support/viewer';

type Measured = {
  seconds_ago: number;
  exact: boolean;
  total_millis: number;
  stages_millis: Record<string, number | null>;
  remainder_millis: number;
};
type Told = {
  input_to_picture: {
    p50_millis: number | null;
    p95_millis: number | null;
    inputs: number;
    clock: { uncertainty_millis: number } | null;
    stages_millis: Record<string, number | null>;
    measurements: Measured[];
  };
};

const STAGES = [
  'dispatch',
  'input_network',
  'seat',
  'chrome',
  'convert',
  'wait',
  'encode',
  'send',
  'network',
  'buffer',
  'decode',
  'present',
];

/** The background of green.html, away from everything else on it. */
const WATCH = { x: 640, y: 400, color: [240, 192, 0] };

/** What the panel's button puts into the clipboard. */
async function copied({ page }: Viewer): Promise<Told> {
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  await expect(page.getByText('Copied.')).toBeVisible();
  return JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
}

/** Does it again and again, each time waiting until the stopwatch has seen it, and then at rest. */
async function pressed({ page }: Viewer, times: number, act: () => Promise<void>): Promise<void> {
  for (let number = 0; number < times; number++) {
    await act();
    await page.waitForFunction(() => !window.stopwatch.waiting);
    // Whatever follows an answer (a callback, a key's release) is over when the page has been still for so long.
    await page.evaluate(() => new Promise((still) => setTimeout(still, 120)));
  }
}

/** What the stopwatch saw, from the event's own time stamp on. */
async function stopped({ page }: Viewer): Promise<number[]> {
  const answers = await page.evaluate(() => window.stopwatch.answers);
  return answers.map(({ waited, dispatch }) => waited + dispatch);
}

/** Waits until so many inputs have been reported. */
async function reported(viewer: Viewer, inputs: number): Promise<Told['input_to_picture']> {
  let told = await copied(viewer);
  await expect
    .poll(
      async () => {
        told = await copied(viewer);
        return told.input_to_picture.inputs;
      },
      { message: 'inputs in the statistics' },
    )
    .toBeGreaterThanOrEqual(inputs);
  return told.input_to_picture;
}

test.beforeEach(async ({ context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
});

test('what an input takes to be seen is measured by stage, and agrees with a stopwatch', async ({
  open,
  page,
  server,
}) => {
  await page.addInitScript(installStopwatch, WATCH);
  const viewer = await open('green.html', { toggle: '1' });
  await viewer.moveTo({ x: 300, y: 300 });
  const click = async () => {
    await page.mouse.down();
    await page.mouse.up();
  };
  await pressed(viewer, 12, click);
  await pressed(viewer, 12, () => page.keyboard.press('a'));
  const seen = await stopped(viewer);

  await viewer.showStatistics();
  const panel = page.getByRole('region', { name: 'Input to picture' });
  await expect(panel).toContainText(/p50 \d+\.\d ms/);
  // Half of the quickest ping there and back; a busy machine answers some of them late.
  await expect
    .poll(async () => (await copied(viewer)).input_to_picture.clock?.uncertainty_millis, {
      message: 'the clocks of one machine',
      timeout: 30_000,
    })
    .toBeLessThan(5);
  const told = await reported(viewer, 24);
  expect(Object.keys(told.stages_millis)).toEqual(STAGES);
  for (const { total_millis, stages_millis, remainder_millis, exact } of told.measurements) {
    expect(exact, 'the page rests').toBe(true);
    for (const stage of STAGES) {
      expect(stages_millis[stage], `${stage} is known`).not.toBeNull();
      expect(stages_millis[stage]).toBeGreaterThanOrEqual(0);
    }
    const sum = STAGES.reduce((sum, stage) => sum + (stages_millis[stage] ?? 0), 0);
    expect(Math.abs(total_millis - sum), `the stages of ${total_millis} ms`).toBeLessThanOrEqual(2);
    expect(remainder_millis).toBeLessThanOrEqual(2);
  }
  const [p50, own] = [told.p50_millis ?? NaN, percentile(seen, 0.5)];
  console.log(`      p50 ${p50.toFixed(1)} ms in the panel, ${own.toFixed(1)} ms by the stopwatch`, told.stages_millis);
  // Both stop in a callback of the same frame.
  expect(Math.abs(p50 - own), `${p50} ms in the panel, ${own} ms by the stopwatch`).toBeLessThanOrEqual(8);

  const metrics = await (await fetch(server.url('/metrics'), { headers: server.bearer })).text();
  const count = (name: string) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(metrics)?.[1]);
  const labels = `session="${viewer.session}"`;
  expect(count(`farpane_input_latency_seconds_count{${labels}}`)).toBeGreaterThanOrEqual(24);
  expect(count(`farpane_latency_stage_seconds_count{${labels},stage="network"}`)).toBeGreaterThanOrEqual(24);
});

test('an input that changes nothing is not counted, whatever moves later', async ({ open, page, run }) => {
  const viewer = await open('recorder.html');
  await viewer.showStatistics();
  // F9 does nothing here. A second later the page is asked to change.
  await viewer.click({ x: 640, y: 700 });
  await run.saw('mouseup');
  await page.evaluate(() => new Promise((still) => setTimeout(still, 1000)));
  const before = (await copied(viewer)).input_to_picture.inputs;
  await viewer.page.getByLabel('Keyboard input').focus();
  await page.keyboard.press('F9');
  await run.saw('keyup', { code: 'F9' });
  await page.evaluate(() => new Promise((still) => setTimeout(still, 700)));
  await viewer.click(await run.center('target'));
  const told = await reported(viewer, before + 1);
  for (const { total_millis } of told.measurements) expect(total_millis).toBeLessThan(500);
});

test('nobody can spoil the figures', async ({ open, server }) => {
  const viewer = await open('green.html');
  const { viewer: hostile } = await server.call('join', { session: viewer.session });
  const unknown = Array(12).fill(null);
  const ask = (measurements: unknown) =>
    server.ask('send_input', {
      session: viewer.session,
      viewer: hostile,
      messages: [{ LatencyReport: { measurements } }],
    });
  for (const total of [-1, 1.5, 1e300, 'NaN', null]) {
    expect((await ask([{ total, stages: unknown }])).status, String(total)).toBe(400);
  }
  expect((await ask([{ total: 1, stages: [1] }])).status).toBe(400);
  // A day, a part longer than the whole, and more of them than a hand makes.
  expect((await ask([{ total: 4e9, stages: unknown }])).status).toBe(200);
  expect((await ask([{ total: 1000, stages: [...unknown.slice(1), 5_000_000] }])).status).toBe(200);
  expect((await ask(Array(5000).fill({ total: 9_000_000, stages: unknown }))).status).toBe(200);
  const metrics = await (await fetch(server.url('/metrics'), { headers: server.bearer })).text();
  const labels = `session="${viewer.session}"`;
  const value = (name: string) => Number(new RegExp(`^${name}{${labels}} (\\S+)`, 'm').exec(metrics)?.[1]);
  expect(value('farpane_input_latency_seconds_count')).toBeLessThanOrEqual(128);
  expect(value('farpane_input_latency_seconds_sum')).toBeLessThanOrEqual(128 * 9.001);
});
