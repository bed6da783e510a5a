// The built product on emulated links → a table, plots, and whether each figure holds. Started by `cargo xtask bench --links`.
//
// Each scenario is played twice, one after the other: as the product is, and with its bitrate fixed.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SCENARIOS, sizeOf } from './bench-scenarios.mjs';
import { table } from './support/figures.mjs';
import { Link, bitsPerSecond } from './support/link.mjs';
import { svg } from './support/plot.mjs';
import { ageOverTime, rateOverTime } from './support/series.mjs';
import { Stage } from './support/stage.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const DOCUMENT = join(ROOT, 'docs/performance.md');
const [BEGIN, END] = ['<!-- links: begin -->', '<!-- links: end -->'];

const { values: options } = parseArgs({
  options: {
    /** Scenarios by name (repeatable); without it all. */
    only: { type: 'string', multiple: true, default: [] },
    /** Shorter, to see that it works. */
    quick: { type: 'boolean', default: false },
    /** `on` or `off`: one way of sending alone. */
    adapt: { type: 'string' },
    /** Fail when something does not hold with the product as it is. */
    strict: { type: 'boolean', default: false },
    /** Where the raw series go. */
    json: { type: 'string' },
  },
});

/** @typedef {import('./bench-scenarios.mjs').Scenario} Scenario */
/** @typedef {import('./bench-scenarios.mjs').Figure} Figure */
/** @typedef {{ name: string, flags: string[] }} Mode */
/**
 * What one scenario was in one mode.
 * @typedef {object} Played
 * @property {string} mode
 * @property {Figure[]} figures
 * @property {string} [trouble]
 * @property {number} from epoch milliseconds
 * @property {number} to
 * @property {import('./support/series.mjs').Frame[]} frames
 * @property {import('./support/series.mjs').Traffic[]} traffic
 * @property {{ at: number, bits: number }[]} estimates
 * @property {{ at: number, what: string }[]} moments
 * @property {number} otherCores what the rest of the machine did meanwhile
 * @property {{ at: number, conditions: import('./support/link.mjs').Conditions }[]} link
 */

const began = performance.now();
function say(/** @type {string} */ text) {
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stderr.write(`[${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, '0')}] ${text}\n`);
}

/** More than this by others, and figures that need the processor say little. */
const QUIET_CORES = 0.2;

/** @returns {Mode[]} */
function modes() {
  const binary = process.env.FARPANE_BIN ?? join(ROOT, 'target/release/farpane');
  const help = execFileSync(binary, ['serve', '--help'], { encoding: 'utf8' });
  if (!help.includes('--adapt')) {
    say('This build cannot adapt (no `--adapt`): each scenario is played once.');
    return [{ name: 'fixed', flags: [] }];
  }
  const both = [
    { name: 'adaptive', flags: ['--adapt', 'on'] },
    { name: 'fixed', flags: ['--adapt', 'off'] },
  ];
  return both.filter(({ flags }) => !options.adapt || flags.includes(options.adapt));
}

/**
 * @param {Scenario} scenario
 * @param {Mode} mode
 * @param {Link} link
 * @returns {Promise<Played>}
 */
async function play(scenario, mode, link) {
  link.forget();
  await link.become(scenario.link ?? {});
  const from = Date.now();
  const stage = await Stage.set(scenario.link ? link : null, {
    size: sizeOf(scenario),
    flags: ['--size', `${sizeOf(scenario).width}x${sizeOf(scenario).height}`, ...(scenario.flags ?? []), ...mode.flags],
  });
  let [to, otherCores] = [NaN, NaN];
  let [figures, trouble] = [/** @type {Figure[]} */ ([]), /** @type {string | undefined} */ (undefined)];
  try {
    figures = await scenario.play(stage, options.quick);
  } catch (problem) {
    // One that fails must not hide the others: that it failed is its result.
    trouble = String(problem).split('\n')[0];
    say(`  ${problem}`);
  } finally {
    [to, otherCores] = [Date.now(), stage.otherCores()];
    await stage.strike();
  }
  if (otherCores > QUIET_CORES) say(`  ${otherCores.toFixed(1)} cores were busy with something else`);
  const { frames, traffic, estimates, moments } = stage;
  // Without a link, what comes before the clock's first frame is another measurement.
  const first = scenario.link ? moments.find(({ what }) => what === 'connected') : frames[0];
  return { mode: mode.name, figures, trouble, from: first?.at ?? from, to, frames, traffic, estimates, moments, otherCores, link: link.history };
}

/**
 * @param {Scenario} scenario
 * @param {Played[]} played
 */
function plot(scenario, played) {
  const seconds = Math.max(...played.map(({ from, to }) => (to - from) / 1000));
  const step = Math.max(200, seconds);
  const [one] = played;
  const capacity = one.link.map(({ at, conditions }) => {
    const bits = bitsPerSecond(conditions.rate) ?? NaN;
    return /** @type {[number, number]} */ ([Math.max((at - one.from) / 1000, 0), bits]);
  });
  const bands = one.link.flatMap(({ at, conditions }, index) =>
    conditions.loss === '100%' ? [{ from: (at - one.from) / 1000, to: ((one.link[index + 1]?.at ?? one.to) - one.from) / 1000, what: 'cut' }] : [],
  );
  const still = one.moments.flatMap(({ at, what }, index) =>
    what === 'still' ? [{ from: (at - one.from) / 1000, to: ((one.moments[index + 1]?.at ?? one.to) - one.from) / 1000, what: seconds < 120 ? 'still' : '' }] : [],
  );
  return svg({
    title: scenario.title,
    seconds,
    capacity: scenario.link ? capacity : [],
    bands: [...bands, ...still],
    lines: played.map(({ mode, from, frames, traffic, estimates, moments }) => ({
      name: mode,
      age: ageOverTime(withRestarts(frames, moments), from, from + seconds * 1000, step).map(([second, age]) => [
        second,
        stillAt(moments, from + second * 1000 - step / 2) ? NaN : age,
      ]),
      estimate: estimates.filter(({ at }) => at >= from).map(({ at, bits }) => [(at - from) / 1000, bits]),
      rate: rateOverTime(traffic, from, from + seconds * 1000, step),
    })),
  });
}

/**
 * A still picture grows old only from the moment on when the page moves again.
 * @param {Played['frames']} frames
 * @param {Played['moments']} moments
 */
function withRestarts(frames, moments) {
  const restarts = moments.filter(({ what }, index) => what !== 'still' && moments[index - 1]?.what === 'still');
  return [...frames, ...restarts.map(({ at }) => ({ at, age: 0 }))].sort((one, other) => one.at - other.at);
}

/**
 * A page that does not change has no age.
 * @param {Played['moments']} moments
 * @param {number} at
 */
function stillAt(moments, at) {
  return moments.findLast((moment) => moment.at <= at)?.what === 'still';
}

/**
 * @param {Figure | undefined} figure
 * @param {string | undefined} trouble
 */
function cell(figure, trouble) {
  if (!figure) return trouble ? 'failed' : '';
  return figure.measured + (figure.holds === undefined ? '' : figure.holds ? ' ✓' : ' ✗');
}

/**
 * @param {{ scenario: Scenario, played: Played[] }[]} results
 * @param {Mode[]} modes
 */
function report(results, modes) {
  const rows = results.flatMap(({ scenario, played }) => {
    const most = played.reduce((one, other) => (other.figures.length > one.figures.length ? other : one));
    const trouble = played.flatMap(({ mode, trouble }) => (trouble ? [[`${mode} failed: ${trouble}`, '', ...modes.map(() => '')]] : []));
    const figures = most.figures.map(({ what, wanted }, at) => [what, wanted, ...played.map(({ figures, trouble }) => cell(figures[at], trouble))]);
    const busy = played.map(({ otherCores }) => (otherCores > QUIET_CORES ? `${otherCores.toFixed(1)} core` : ''));
    const others = busy.some(Boolean) ? [['other work on the machine meanwhile', '', ...busy]] : [];
    return [[`**${scenario.title}**`, '', ...modes.map(() => '')], ...figures, ...trouble, ...others];
  });
  const [date, machine] = [new Date().toISOString().slice(0, 10), `${availableParallelism()} cores (${cpus()[0]?.model.trim()})`];
  return `${date}, ${machine}\n\n${table(['', 'must hold', ...modes.map(({ name }) => name)], rows)}`;
}

const unknown = options.only.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
if (unknown.length > 0) {
  process.stderr.write(`There is no scenario ${unknown.join(', ')}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}.\n`);
  process.exit(2);
}
const chosen = SCENARIOS.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
const complete = chosen.length === SCENARIOS.length && !options.quick && !options.adapt;
// What was shortened or chosen is not what the documentation tells of.
const plots = complete ? join(ROOT, 'docs/links') : join(process.env.LINKS_SCRATCH ?? '.', 'links');
mkdirSync(plots, { recursive: true });

const link = new Link();
const ways = modes();
const results = [];
for (const [index, scenario] of chosen.entries()) {
  const played = [];
  for (const mode of ways) {
    say(`${index + 1}/${chosen.length} ${scenario.name}, ${mode.name}: ${scenario.title}`);
    const one = await play(scenario, mode, link);
    for (const figure of one.figures) say(`  ${figure.what}: ${cell(figure, undefined)}${figure.wanted && ` (${figure.wanted})`}`);
    played.push(one);
  }
  results.push({ scenario, played });
  writeFileSync(join(plots, `${scenario.name}.svg`), plot(scenario, played));
}
link.close();

const text = report(results, ways);
console.log(`\n${text}\n\nPlots: ${plots}`);
if (options.json) {
  const series = results.map(({ scenario: { name, title }, played }) => ({ name, title, played }));
  writeFileSync(resolve(process.env.LINKS_HERE ?? '.', options.json), JSON.stringify({ date: new Date().toISOString(), results: series }));
}
const missed = results.flatMap(({ scenario, played }) =>
  played
    .filter(({ mode }) => mode === ways[0].name)
    .flatMap(({ figures, trouble }) => [...(trouble ? [trouble] : []), ...figures.filter(({ holds }) => holds === false).map(({ what }) => what)])
    .map((what) => `${scenario.name}: ${what}`),
);
if (options.strict && missed.length > 0) {
  say(`Does not hold: ${missed.join('; ')}`);
  process.exitCode = 1;
}
if (complete) {
  const document = readFileSync(DOCUMENT, 'utf8');
  const [before, rest] = document.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${DOCUMENT} has lost its marks ${BEGIN} … ${END}`);
  const images = SCENARIOS.map(({ name, title }) => `![${title}](links/${name}.svg)`).join('\n\n');
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${text}\n\n${images}\n${END}${after}`);
}
