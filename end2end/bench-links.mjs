// The built product on emulated links → a table, plots, and whether each figure holds. Started by `cargo xtask bench --links`.
//
// Each scenario is played twice, one after the other: as the product is, and with its bitrate fixed.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
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
 * @property {{ at: number, what: string }[]} moments
 * @property {{ at: number, conditions: import('./support/link.mjs').Conditions }[]} link
 */

const began = performance.now();
function say(/** @type {string} */ text) {
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stderr.write(`[${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, '0')}] ${text}\n`);
}

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
  let [figures, trouble] = [/** @type {Figure[]} */ ([]), /** @type {string | undefined} */ (undefined)];
  try {
    figures = await scenario.play(stage, options.quick);
  } catch (problem) {
    // One that fails must not hide the others: that it failed is its result.
    trouble = String(problem).split('\n')[0];
    say(`  ${problem}`);
  } finally {
    await stage.strike();
  }
  const { frames, traffic, moments } = stage;
  return { mode: mode.name, figures, trouble, from: frames[0]?.at ?? from, to: Date.now(), frames, traffic, moments, link: link.history };
}

/**
 * @param {Scenario} scenario
 * @param {Played[]} played
 */
function plot(scenario, played) {
  const seconds = Math.max(...played.map(({ from, frames }) => ((frames.at(-1)?.at ?? from) - from) / 1000), 1);
  const step = Math.max(200, seconds);
  const [one] = played;
  const capacity = one.link.map(({ at, conditions }) => {
    const bits = bitsPerSecond(conditions.rate) ?? NaN;
    return /** @type {[number, number]} */ ([Math.max((at - one.from) / 1000, 0), bits]);
  });
  const bands = one.link.flatMap(({ at, conditions }, index) =>
    conditions.loss === '100%' ? [{ from: (at - one.from) / 1000, to: ((one.link[index + 1]?.at ?? one.to) - one.from) / 1000, what: 'cut' }] : [],
  );
  return svg({
    title: scenario.title,
    seconds,
    capacity: scenario.link ? capacity : [],
    bands,
    lines: played.map(({ mode, from, frames, traffic }) => ({
      name: mode,
      age: ageOverTime(frames, from, from + seconds * 1000, step),
      rate: rateOverTime(traffic, from, from + seconds * 1000, step),
    })),
  });
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
    return [[`**${scenario.title}**`, '', ...modes.map(() => '')], ...figures, ...trouble];
  });
  const [date, machine] = [new Date().toISOString().slice(0, 10), `${availableParallelism()} cores (${cpus()[0]?.model.trim()})`];
  const busy = loadBefore > 0.5 ? `, other work on the machine at the start (load ${loadBefore.toFixed(1)})` : '';
  return `${date}, ${machine}${busy}\n\n${table(['', 'must hold', ...modes.map(({ name }) => name)], rows)}`;
}

const [loadBefore] = loadavg();
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
  writeFileSync(options.json, JSON.stringify({ date: new Date().toISOString(), results: series }));
}
if (complete) {
  const document = readFileSync(DOCUMENT, 'utf8');
  const [before, rest] = document.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${DOCUMENT} has lost its marks ${BEGIN} … ${END}`);
  const images = SCENARIOS.map(({ name, title }) => `![${title}](links/${name}.svg)`).join('\n\n');
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${text}\n\n${images}\n${END}${after}`);
}
