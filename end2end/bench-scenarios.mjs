// A link, what is done on it and what must hold there: each row of the table in docs/performance.md.

import { percentile } from './support/figures.mjs';
import { bitsPerSecond } from './support/link.mjs';
import { SPARSELY, observed, pressed, received, show } from './support/measure.mjs';
import { pssBytes } from './support/processes.mjs';
import { ages, framesPerSecond, liveAfter, longestFreeze, rate, rateAfter, within } from './support/series.mjs';
import { until } from './support/until.mjs';

/** @typedef {import('./support/stage.mjs').Stage} Stage */
/** @typedef {import('./support/link.mjs').Conditions} Conditions */
/** @typedef {import('./support/series.mjs').Frame} Frame */
/**
 * One figure; `holds` is missing where nothing is demanded.
 * @typedef {{ what: string, wanted: string, measured: string, value: number | number[], holds?: boolean }} Figure
 */
/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} title
 * @property {Conditions | null} link at the beginning; `null` is no link at all
 * @property {{ width: number, height: number }} [size]
 * @property {string[]} [flags] of the server
 * @property {(stage: Stage, quick: boolean) => Promise<Figure[]>} play
 */

const HD = { width: 1280, height: 720 };
const FULL_HD = { width: 1920, height: 1080 };

const decibels = (/** @type {number} */ value) => (Number.isNaN(value) ? 'no picture' : `${value.toFixed(1)} dB`);
const millis = (/** @type {number} */ value) => (Number.isFinite(value) ? `${value.toFixed(0)} ms` : 'never');
const times = (/** @type {number} */ value) => (Number.isFinite(value) ? `× ${value.toFixed(2)}` : 'unknown');
const whole = (/** @type {number} */ value) => (Number.isNaN(value) ? 'no picture' : String(value));
const seconds = (/** @type {number} */ value) => (Number.isFinite(value) ? `${(value / 1000).toFixed(1)} s` : 'never');
const megabits = (/** @type {number} */ value) => (Number.isNaN(value) ? 'unknown' : `${(value / 1e6).toFixed(1)} Mb/s`);
const mebibytes = (/** @type {number} */ value) => `${(value / 2 ** 20).toFixed(0)} MiB`;

/**
 * A figure that has a limit.
 * @param {string} what
 * @param {number} value
 * @param {'≤' | '≥'} sign
 * @param {number} limit
 * @param {(value: number) => string} say
 * @returns {Figure}
 */
function limited(what, value, sign, limit, say) {
  const holds = sign === '≤' ? value <= limit : value >= limit;
  const figure = { what, wanted: `${sign} ${say(limit)}`, measured: say(value), value };
  // What is not known neither holds nor fails.
  return say(value) === 'unknown' ? figure : { ...figure, holds };
}

/**
 * A figure that is only told.
 * @param {string} what
 * @param {number | number[]} value
 * @param {string} measured
 * @returns {Figure}
 */
function told(what, value, measured) {
  return { what, wanted: '', measured, value };
}

/**
 * p50 and p95, one of them or both with a limit.
 * @param {string} what
 * @param {{ p50: number, p95: number }} spread
 * @param {{ p50?: number, p95?: number }} [limits]
 * @returns {Figure}
 */
function spreadOf(what, { p50, p95 }, limits = {}) {
  const wanted = Object.entries(limits).map(([name, limit]) => `${name} ≤ ${limit} ms`).join(', ');
  const holds = p50 <= (limits.p50 ?? Infinity) && p95 <= (limits.p95 ?? Infinity);
  const measured = Number.isNaN(p50) ? 'no picture' : `${p50.toFixed(0)} / ${p95.toFixed(0)} ms`;
  return { what: `${what}, p50 / p95`, wanted, measured, value: [p50, p95], ...(wanted ? { holds } : {}) };
}

/**
 * @param {Frame[]} frames
 */
function ageSpread(frames) {
  const all = ages(frames);
  return { p50: percentile(all, 0.5), p95: percentile(all, 0.95) };
}

/**
 * @param {Stage} stage
 * @param {number} from
 * @param {number} to
 * @param {string | undefined} capacity
 * @returns {Figure}
 */
function used(stage, from, to, capacity) {
  const bits = rate(stage.traffic, from, to);
  const of = bitsPerSecond(capacity);
  const share = of ? `, ${((bits / of) * 100).toFixed(0)} % of the link` : '';
  return told('rate', bits, megabits(bits) + share);
}

/**
 * Plays one phase for so long; the time it took.
 * @param {Stage} stage
 * @param {'scroll' | 'heavy' | 'still'} phase
 * @param {number} forSeconds
 */
async function phase(stage, phase, forSeconds) {
  const { at: from } = await stage.become(phase);
  await stage.last(forSeconds);
  return { from, to: Date.now() };
}

/**
 * The page becomes still; a while later the video shows it, or something else.
 * @param {Stage} stage
 * @param {number} afterMillis
 */
async function stillPicture(stage, afterMillis) {
  const { at, picture } = await stage.become('still');
  await stage.last(Math.max(at + afterMillis - Date.now(), 0) / 1000);
  return (await stage.likeness(picture)) ?? { psnr: NaN, smears: NaN };
}

/**
 * The last that was told by then.
 * @param {Stage} stage
 * @param {number} at
 */
function estimateAt(stage, at) {
  return stage.estimates.findLast((estimate) => estimate.at <= at)?.bits ?? NaN;
}

/** @type {Conditions} */
const NARROW = { rate: '1500k', queue: '200ms', delay: '10ms' };
/** @type {Conditions} */
const WIDE = { rate: '10M', queue: '200ms', delay: '10ms' };
/** @type {Conditions} */
const OUTAGE = { delay: '20ms' };
/** @type {Conditions} */
const TRANSFER = { rate: '20M', queue: '100ms', delay: '10ms' };
/** Takes longer on that link than all that is measured meanwhile. */
const TRANSFER_BYTES = 256 * 2 ** 20;
const IDLE = { rate: '4M', queue: '200ms', delay: '20ms' };

/**
 * Lets a page scroll, first until it has settled, then for the time that counts.
 * @param {Stage} stage
 * @param {boolean} quick
 */
async function scroll(stage, quick) {
  await stage.open('scenery.html#scroll');
  await stage.last(3);
  const from = Date.now();
  await stage.last(quick ? 8 : 30);
  return { from, to: Date.now() };
}

/**
 * Shows a page that answers clicks, and puts the pointer on it.
 * @param {Stage} stage
 * @returns {Promise<() => Promise<void>>} a click there
 */
async function clickable(stage) {
  await stage.open('green.html', { toggle: '1' });
  const page = stage.page();
  await until(() => page.evaluate(() => window.instruments.pixel(5, 5)), () => 'no picture');
  const box = await page.getByLabel('Remote browser').boundingBox();
  if (!box) throw new Error('the video has no box');
  await page.mouse.move(box.x + box.width / 3, box.y + box.height / 2);
  return async () => {
    await page.mouse.down();
    await page.mouse.up();
  };
}

/** @type {Scenario[]} */
export const SCENARIOS = [
  {
    name: 'loopback-720p',
    title: 'Loopback, 720p60',
    link: null,
    async play(stage, quick) {
      const { server, run } = stage.ready();
      const samples = quick ? 20 : 80;
      const click = await clickable(stage);
      const page = stage.page();
      const still = await pressed(page, samples, click);
      await show(run, server, stage.session, run.url('green.html', { toggle: '1', busy: '1' }));
      const busy = await pressed(page, samples, click);
      await show(run, server, stage.session, run.url('text.html', { auto: '4' }));
      await stage.beginClock(SPARSELY);
      await stage.last(3);
      const from = Date.now();
      const cost = await observed(page, server, quick ? 6 : 20);
      const frames = within(await stage.collect(), from, from + cost.seconds * 1000);
      return [
        spreadOf('click → picture, still page', still, { p50: 22, p95: 33 }),
        spreadOf('click → picture, animated page', busy, { p50: 35, p95: 50 }),
        limited('frames per second shown', frames.length / cost.seconds, '≥', 58, (fps) => fps.toFixed(1)),
        spreadOf('age of the picture', ageSpread(frames), { p50: 35 }),
        limited('CPU of server and its Chrome', cost.cores, '≤', 0.65, (cores) => `${cores.toFixed(2)} core`),
        told('rate', cost.kilobitsPerSecond * 1000, megabits(cost.kilobitsPerSecond * 1000)),
      ];
    },
  },
  {
    name: 'loopback-1080p',
    title: 'Loopback, 1080p60',
    link: null,
    size: FULL_HD,
    async play(stage, quick) {
      const { server } = stage.ready();
      await stage.open('text.html', { auto: '4' });
      await stage.beginClock(SPARSELY);
      await stage.last(3);
      const from = Date.now();
      const cost = await observed(stage.page(), server, quick ? 6 : 20);
      const to = from + cost.seconds * 1000;
      const frames = within(await stage.collect(), from, to);
      return [
        limited('frames per second shown', frames.length / cost.seconds, '≥', 50, (fps) => fps.toFixed(1)),
        spreadOf('age of the picture', ageSpread(frames)),
        told('longest freeze', longestFreeze(frames, from, to), millis(longestFreeze(frames, from, to))),
        told('CPU of server and its Chrome', cost.cores, `${cost.cores.toFixed(2)} core`),
      ];
    },
  },
  {
    name: 'narrow',
    title: '1.5 Mb/s, 200 ms queue, 20 ms round trip',
    link: NARROW,
    async play(stage, quick) {
      const began = await stage.open('scenery.html#scroll');
      await stage.last(quick ? 12 : 30);
      const to = Date.now();
      const frames = await stage.collect();
      // What it has to settle in is over.
      const from = began + 3000;
      const seen = within(frames, from, to);
      const { psnr } = await stillPicture(stage, 500);
      return [
        limited('settled after', liveAfter(frames, 150, began, to), '≤', 3000, seconds),
        spreadOf('age of the picture from then on', ageSpread(seen), { p95: 150 }),
        limited('longest freeze from then on', longestFreeze(frames, from, to), '≤', 300, millis),
        told('frames per second shown', framesPerSecond(frames, from, to), framesPerSecond(frames, from, to).toFixed(1)),
        used(stage, from, to, NARROW.rate),
        told('0.5 s after it became still: luma PSNR', psnr, decibels(psnr)),
      ];
    },
  },
  {
    name: 'steps',
    title: '10 → 1 → 10 Mb/s, 200 ms queue, 20 ms round trip',
    link: WIDE,
    flags: ['--bitrate', '12M'],
    async play(stage, quick) {
      const { link } = stage;
      if (!link) throw new Error('there is no link');
      const long = quick ? 7 : 15;
      await stage.open('scenery.html#heavy');
      const first = Date.now();
      await stage.last(long);
      await link.become({ ...WIDE, rate: '1M' });
      const down = Date.now();
      await stage.last(long);
      await link.become(WIDE);
      const up = Date.now();
      await stage.last(long);
      const end = Date.now();
      const frames = await stage.collect();
      return [
        used(stage, first + 2000, down, WIDE.rate),
        limited('down: age back under 200 ms after', liveAfter(frames, 200, down, up), '≤', 2000, seconds),
        { ...spreadOf('… age of the picture from 2 s on', ageSpread(within(frames, down + 2000, up))) },
        { ...used(stage, down + 2000, up, '1M'), what: '… rate' },
        limited('up: 80 % of the rate after', rateAfter(stage.traffic, 8e6, up, end), '≤', 5000, seconds),
        { ...used(stage, up + 5000, end, WIDE.rate), what: '… rate from 5 s on' },
      ];
    },
  },
  {
    name: 'loss-3',
    title: '3 % loss each way, 40 ms round trip',
    link: { loss: '3%', delay: '20ms' },
    async play(stage, quick) {
      const { from, to } = await scroll(stage, quick);
      const frames = await stage.collect();
      return [
        limited('frames per second shown', framesPerSecond(frames, from, to), '≥', 55, (fps) => fps.toFixed(1)),
        limited('longest freeze', longestFreeze(frames, from, to), '≤', 200, millis),
        spreadOf('age of the picture', ageSpread(within(frames, from, to))),
        used(stage, from, to, undefined),
      ];
    },
  },
  {
    name: 'loss-10',
    title: '10 % loss each way, 100 ms round trip',
    link: { loss: '10%', delay: '50ms' },
    async play(stage, quick) {
      const { from, to } = await scroll(stage, quick);
      const frames = [...(await stage.collect())];
      const looks = [];
      for (let look = 0; look < (quick ? 2 : 6); look++) {
        looks.push(await stillPicture(stage, 1000));
        await phase(stage, 'scroll', 3);
      }
      const smears = Math.max(...looks.map(({ smears }) => smears));
      const psnr = Math.min(...looks.map(({ psnr }) => psnr));
      return [
        limited('frames per second shown', framesPerSecond(frames, from, to), '≥', 25, (fps) => fps.toFixed(1)),
        told('longest freeze', longestFreeze(frames, from, to), millis(longestFreeze(frames, from, to))),
        spreadOf('age of the picture', ageSpread(within(frames, from, to))),
        told('page loaded → connected', stage.connectedAfterMillis, seconds(stage.connectedAfterMillis)),
        limited(`smeared blocks 1 s after it became still, worst of ${looks.length}`, smears, '≤', 0, whole),
        told('… luma PSNR', psnr, decibels(psnr)),
        used(stage, from, to, undefined),
      ];
    },
  },
  {
    name: 'outage',
    title: '2 s outage, 40 ms round trip',
    link: OUTAGE,
    async play(stage, quick) {
      const { link } = stage;
      if (!link) throw new Error('there is no link');
      await stage.open('scenery.html#scroll');
      await stage.last(quick ? 5 : 10);
      await link.become({ ...OUTAGE, loss: '100%' });
      await stage.last(2);
      await link.become(OUTAGE);
      const back = Date.now();
      await stage.last(12);
      const to = Date.now();
      const frames = await stage.collect();
      const past = within(frames, back, to).filter(({ age }) => age !== null && age > 1000);
      return [
        limited('live picture again after', liveAfter(frames, 200, back, to), '≤', 1000, seconds),
        limited('frames of the past shown', past.length, '≤', 0, whole),
        spreadOf('age of the picture, from 3 s after it on', ageSpread(within(frames, back + 3000, to))),
      ];
    },
  },
  {
    name: 'transfer',
    title: 'A large download on the way; 20 Mb/s, 20 ms round trip',
    link: TRANSFER,
    async play(stage, quick) {
      const { server, run } = stage.ready();
      const samples = quick ? 15 : 40;
      const click = await clickable(stage);
      const page = stage.page();
      const alone = await pressed(page, samples, click);
      // Whoever has clicked is handed it.
      const handed = page.waitForEvent('download');
      const file = `/file?name=large.bin&bytes=${TRANSFER_BYTES}`;
      await server.call('navigate', { session: stage.session, url: new URL(file, run.origin).href });
      const download = await handed;
      const began = Date.now();
      const bytesBefore = stage.traffic.at(-1)?.bytes ?? 0;
      const beside = await pressed(page, samples, click);
      await show(run, server, stage.session, run.url('text.html', { auto: '4' }));
      await stage.beginClock(SPARSELY);
      await stage.last(3);
      const from = Date.now();
      await stage.last(quick ? 8 : 20);
      const to = Date.now();
      const frames = within(await stage.collect(), from, to);
      const carried = ((stage.traffic.at(-1)?.bytes ?? 0) - bytesBefore) * 8000 / (to - began);
      await download.cancel();
      return [
        spreadOf('click → picture, nothing else on the way', alone),
        spreadOf('click → picture, with the download', beside),
        limited('… beside it', beside.p50 / alone.p50, '≤', 1.5, times),
        spreadOf('age of the picture, scrolling', ageSpread(frames), { p95: 150 }),
        told('rate, with the download', carried, megabits(carried)),
      ];
    },
  },
  {
    name: 'idle',
    title: 'Idle for a minute, then scrolling; 4 Mb/s, 40 ms round trip',
    link: IDLE,
    async play(stage, quick) {
      await stage.open('scenery.html#scroll');
      const page = stage.page();
      await stage.last(quick ? 5 : 12);
      const [statsAtFirst, from] = [await received(page), Date.now()];
      await stage.last(3);
      const [statsBefore, idle] = [await received(page), Date.now()];
      // Until then the still page is sharpened, with all that the link carries.
      const silent = idle + 3000;
      await phase(stage, 'still', quick ? 10 : 60);
      const still = await received(page);
      const { from: again } = await phase(stage, 'scroll', 3);
      const [statsAfter, to] = [await received(page), Date.now()];
      const frames = await stage.collect();
      const quantizer = (/** @type {typeof still} */ first, /** @type {typeof still} */ last) =>
        (last.quantizers - first.quantizers) / (last.decoded - first.decoded);
      const [before, after] = [quantizer(statsAtFirst, statsBefore), quantizer(still, statsAfter)];
      const first = within(frames, again, again + 1000);
      const firstShown = (first[0]?.at ?? Infinity) - again;
      return [
        limited('first new picture after', firstShown, '≤', 200, millis),
        limited('frames per second in the first second', framesPerSecond(frames, again, again + 1000), '≥', 50, (fps) => fps.toFixed(1)),
        spreadOf('age of the picture in the first second', ageSpread(first), { p95: 150 }),
        limited('quantizer of the first 3 s against the 3 s before', after / before, '≤', 1.1, times),
        limited('estimate after against before', estimateAt(stage, again + 500) / estimateAt(stage, silent), '≥', 0.9, times),
        told('frames per second before', framesPerSecond(frames, from, idle), framesPerSecond(frames, from, idle).toFixed(1)),
        told('rate before and after', [rate(stage.traffic, from, idle), rate(stage.traffic, again, to)], `${megabits(rate(stage.traffic, from, idle))}, ${megabits(rate(stage.traffic, again, to))}`),
      ];
    },
  },
  {
    name: 'mixed',
    title: 'Ten minutes of mixed use; 8 Mb/s, 0.5 % loss, 40 ms round trip, 4 ms jitter',
    link: { rate: '8M', queue: '200ms', delay: '20ms', jitter: '4ms', loss: '0.5%' },
    async play(stage, quick) {
      const { server } = stage.ready();
      await stage.open('scenery.html#scroll');
      const page = stage.page();
      await stage.last(5);
      const begin = Date.now();
      // A cycle is 20 s and a bit; what is compared holds the same number of them.
      const [cycles, compared] = quick ? [3, 1] : [30, 3];
      const ends = [begin];
      const memory = [];
      for (let cycle = 0; cycle < cycles; cycle++) {
        await phase(stage, 'scroll', 8);
        await page.mouse.wheel(0, 300);
        await phase(stage, 'still', 4);
        await page.keyboard.press('a');
        await phase(stage, 'heavy', 5);
        await phase(stage, 'still', 3);
        await stage.collect();
        ends.push(Date.now());
        memory.push(pssBytes(server.pid));
      }
      const first = ageSpread(within(stage.frames, begin, ends[compared]));
      const last = ageSpread(within(stage.frames, ends[cycles - compared], ends[cycles]));
      const [early, late] = [memory[compared - 1], memory[cycles - 1]];
      return [
        spreadOf('age of the picture at first', first),
        spreadOf('age of the picture at last', last),
        limited('last p50 against first', last.p50 / first.p50, '≤', 1.1, times),
        limited('memory of the server, last against first', late / early, '≤', 1.1, times),
        told('… first and last', [early, late], `${mebibytes(early)}, ${mebibytes(late)}`),
      ];
    },
  },
];

export const sizeOf = (/** @type {Scenario} */ { size }) => size ?? HD;
