// Pure: age and bitrate over time → one SVG, each way of sending a line of its own.

const [WIDTH, PANEL, LEFT, RIGHT, TOP, GAP] = [860, 190, 64, 16, 54, 46];
/** Milliseconds; logarithmic, because a backlog is a hundred times older than a live picture. */
const AGE_TICKS = [10, 30, 100, 300, 1000, 3000, 10000];
const COLORS = ['#0a6ebd', '#c2410c'];

/** @typedef {[number, number][]} Points seconds, and a value */
/**
 * @typedef {object} Plot
 * @property {string} title
 * @property {number} seconds
 * @property {{ name: string, age: Points, rate: Points, estimate: Points }[]} lines ages in milliseconds,
 *   `NaN` where there is none; rates, and what the server believes of the link, in bits per second
 * @property {Points} capacity the link's rate from each moment on; `NaN` without limit
 * @property {{ from: number, to: number, what: string }[]} bands
 */

/** @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/**
 * Interrupted where there is no value.
 * @param {Points} points
 */
function path(points) {
  const known = (/** @type {[number, number] | undefined} */ point) => point !== undefined && !Number.isNaN(point[1]);
  return points
    .map(([x, y], at) => (known(points[at]) ? `${known(points[at - 1]) ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}` : ''))
    .join('');
}

/** @param {Plot} plot */
export function svg({ title, seconds, lines, capacity, bands }) {
  const height = TOP + 2 * PANEL + GAP + 40;
  const x = (/** @type {number} */ second) => LEFT + (second / seconds) * (WIDTH - LEFT - RIGHT);
  const clamp = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) => Math.min(Math.max(value, low), high);

  const ageY = (/** @type {number} */ age) => {
    const [low, high] = [Math.log(AGE_TICKS[0]), Math.log(AGE_TICKS[AGE_TICKS.length - 1])];
    return TOP + PANEL * (1 - (clamp(Math.log(age), low, high) - low) / (high - low));
  };
  const rates = [...lines.flatMap(({ rate }) => rate), ...capacity].map(([, bits]) => bits).filter(Number.isFinite);
  const top = niceAbove(Math.max(1e5, ...rates) * 1.05);
  const rateTop = TOP + PANEL + GAP;
  const rateY = (/** @type {number} */ bits) => rateTop + PANEL * (1 - clamp(bits / top, 0, 1));

  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    `<text x="${LEFT}" y="22" font-size="15" font-weight="bold">${escaped(title)}</text>`,
  ];
  lines.forEach(({ name }, at) => {
    const left = LEFT + at * 170;
    out.push(`<path d="M${left} 38h22" stroke="${COLORS[at]}" stroke-width="2"/><text x="${left + 28}" y="42">${escaped(name)}</text>`);
  });
  for (const { from, to, what } of bands) {
    const wide = Math.max(x(to) - x(from), 1).toFixed(1);
    for (const panel of [TOP, rateTop]) out.push(`<rect x="${x(from).toFixed(1)}" y="${panel}" width="${wide}" height="${PANEL}" fill="#f3e8d0"/>`);
    out.push(`<text x="${(x(from) + 3).toFixed(1)}" y="${TOP + 13}" fill="#7a5c1e">${escaped(what)}</text>`);
  }
  const tick = (/** @type {number} */ y, /** @type {string} */ text) =>
    out.push(
      `<path d="M${LEFT} ${y.toFixed(1)}H${WIDTH - RIGHT}" stroke="#ddd"/>`,
      `<text x="${LEFT - 6}" y="${(y + 4).toFixed(1)}" text-anchor="end" fill="#555">${text}</text>`,
    );
  for (const age of AGE_TICKS) tick(ageY(age), age < 1000 ? `${age} ms` : `${age / 1000} s`);
  for (let part = 0; part <= 4; part++) tick(rateY((top * part) / 4), `${Number(((top * part) / 4e6).toFixed(2))} Mb/s`);
  const step = niceAbove(seconds / 10);
  for (let second = 0; second <= seconds; second += step) {
    out.push(`<text x="${x(second).toFixed(1)}" y="${height - 22}" text-anchor="middle" fill="#555">${Number(second.toFixed(1))} s</text>`);
  }
  out.push(`<text x="${WIDTH - RIGHT}" y="${TOP - 6}" text-anchor="end" fill="#555">age of the picture on the screen</text>`);
  out.push(`<text x="${WIDTH - RIGHT}" y="${rateTop - 6}" text-anchor="end" fill="#555">rate on the link (lost packets too; grey: capacity; dotted: estimate)</text>`);

  capacity.forEach(([from, bits], at) => {
    const to = capacity[at + 1]?.[0] ?? seconds;
    if (Number.isFinite(bits)) out.push(`<path d="M${x(from).toFixed(1)} ${rateY(bits).toFixed(1)}H${x(Math.min(to, seconds)).toFixed(1)}" stroke="#999" stroke-width="2" stroke-dasharray="5 3"/>`);
  });
  lines.forEach(({ age, rate, estimate }, at) => {
    const believed = path(estimate.map(([second, bits]) => [x(second), rateY(bits)]));
    out.push(`<path d="${believed}" fill="none" stroke="${COLORS[at]}" stroke-width="1" stroke-dasharray="2 2"/>`);
    for (const points of [age.map(([second, value]) => [x(second), ageY(value)]), rate.map(([second, value]) => [x(second), rateY(value)])]) {
      out.push(`<path d="${path(/** @type {Points} */ (points))}" fill="none" stroke="${COLORS[at]}" stroke-width="1.3"/>`);
    }
  });
  return `${out.join('\n')}\n</svg>\n`;
}

/**
 * The next of 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, …
 * @param {number} value
 */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((nice) => nice >= value * 0.999) ?? 10 * power;
}
