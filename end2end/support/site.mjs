// The far side: serves end2end/pages to the remote Chrome, and keeps what these pages say happened to them.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.mjs';

const PAGES = join(dirname(fileURLToPath(import.meta.url)), '../pages');
/** Installed packages, which pages import as `/packages/…`. */
const PACKAGES = join(PAGES, '../node_modules');
const TYPES = /** @type {Record<string, string>} */ ({
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
});

/** Who may see the pages below `/private/…/`, whose realm is the name there. */
export const KNOWN = { username: 'ada', password: 'lövelace' };

/**
 * One thing that happened to a page, as pages/record.js tells it.
 * @typedef {{ type: string, page: string, number: number, opened: number, [detail: string]: any }} Recorded
 */

/** All that one test's pages recorded. */
export class Run {
  /** @param {string} origin */
  constructor(origin) {
    this.origin = origin;
    this.id = randomBytes(6).toString('hex');
    /** @type {Recorded[]} */
    this.events = [];
  }

  /**
   * The address of a page of ours that reports to this run.
   * @param {string} page such as `green.html`
   * @param {Record<string, string>} [params]
   */
  url(page, params = {}) {
    return `${this.origin}/${page}?${new URLSearchParams({ run: this.id, ...params })}`;
  }

  /** @param {Recorded} event */
  add(event) {
    this.events.push(event);
    // Reports travel in parallel: a page's own numbers say what came first.
    this.events.sort((a, b) => a.opened - b.opened || a.number - b.number);
  }

  /** What happened so far no longer counts; where things lie on the pages stays known. */
  forget() {
    this.events = this.events.filter((event) => event.type === 'layout');
  }

  /**
   * @param {string} type
   * @param {Record<string, unknown>} [details] those that must be equal
   */
  all(type, details = {}) {
    const wanted = Object.entries(details);
    return this.events.filter(
      (event) => event.type === type && wanted.every(([name, value]) => event[name] === value),
    );
  }

  /**
   * The last event of that type with these details, waiting for it if need be.
   * @param {string} type
   * @param {Record<string, unknown>} [details]
   * @param {number} [withinMillis]
   */
  async saw(type, details = {}, withinMillis = 10_000) {
    return until(
      () => this.all(type, details).at(-1),
      () =>
        `the page recorded no ${type} with ${JSON.stringify(details)}, only:\n` +
        this.events.slice(-30).map((event) => JSON.stringify(event)).join('\n'),
      withinMillis,
    );
  }

  /**
   * Where the element with that id lies, in CSS pixels of the page that holds it.
   * @param {string} id
   * @returns {Promise<{ x: number, y: number, width: number, height: number }>}
   */
  async box(id) {
    return until(
      () => this.all('layout').findLast((layout) => layout.boxes[id])?.boxes[id],
      () => `no page has an element "${id}"`,
    );
  }

  /** @param {string} id */
  async center(id) {
    const { x, y, width, height } = await this.box(id);
    return { x: x + width / 2, y: y + height / 2 };
  }
}

/**
 * So many bytes, always the same.
 * @param {number} bytes
 */
export function fileOf(bytes) {
  return Buffer.alloc(bytes, Uint8Array.from({ length: 65_521 }, (_, place) => (place * place) % 251));
}

/**
 * A file to be saved: `name`, `bytes`; with `begins`, no more than so many of them come.
 * @param {URLSearchParams} wanted
 * @param {import('node:http').ServerResponse} response
 */
async function giveFile(wanted, response) {
  const bytes = Number(wanted.get('bytes'));
  const begins = wanted.get('begins');
  response.writeHead(200, {
    'content-type': wanted.get('type') ?? 'application/octet-stream',
    'content-length': bytes,
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(wanted.get('name') ?? 'file')}`,
  });
  if (begins === null) response.end(fileOf(bytes));
  else response.write(fileOf(Number(begins)));
}

export class Site {
  constructor() {
    /** @type {Map<string, Run>} */
    this.runs = new Map();
    this.origin = '';
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((problem) => response.writeHead(500).end(String(problem)));
    });
  }

  static async start() {
    const site = new Site();
    site.server.listen(0, '127.0.0.1');
    await once(site.server, 'listening');
    const address = site.server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    site.origin = `http://127.0.0.1:${address.port}`;
    return site;
  }

  run() {
    const run = new Run(this.origin);
    this.runs.set(run.id, run);
    return run;
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  async answer(request, response) {
    const url = new URL(request.url ?? '/', this.origin);
    const [, realm, page] = /^\/private\/(\w+)(\/.*)$/.exec(url.pathname) ?? [];
    if (realm) {
      if (request.headers.authorization !== `Basic ${Buffer.from(`${KNOWN.username}:${KNOWN.password}`).toString('base64')}`) {
        const refused = { 'www-authenticate': `Basic realm="${realm}"`, 'content-type': TYPES['.html'] };
        response.writeHead(401, refused).end('<title>No entry</title><body style="background: rgb(240, 192, 0)">');
        return;
      }
      url.pathname = page;
    }
    if (request.method === 'POST' && url.pathname === '/events') {
      let body = '';
      for await (const part of request.setEncoding('utf8')) body += part;
      this.runs.get(url.searchParams.get('run') ?? '')?.add(JSON.parse(body));
      response.writeHead(204).end();
    } else if (url.pathname === '/redirect') {
      // `hops` redirects, then the page `to`.
      const hops = Number(url.searchParams.get('hops'));
      url.searchParams.set('hops', String(hops - 1));
      const next = hops > 1 ? `/redirect?${url.searchParams}` : `/${url.searchParams.get('to')}?${url.searchParams}`;
      response.writeHead(302, { location: next }).end();
    } else if (url.pathname === '/accept-language') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end(request.headers['accept-language'] ?? '');
    } else if (url.pathname === '/file') {
      await giveFile(url.searchParams, response);
    } else if (url.pathname === '/never') {
      // A page that goes on loading until somebody stops it.
      response.writeHead(200, { 'content-type': TYPES['.html'] });
      response.write(`<title>Never done</title><body style="background: rgb(0, 180, 0)">${' '.repeat(2048)}`);
    } else {
      const path = normalize(url.pathname);
      const type = TYPES[extname(path)];
      const inPackages = path.startsWith('/packages/');
      const file = inPackages ? join(PACKAGES, path.slice('/packages'.length)) : join(PAGES, path);
      const body = type && (await readFile(file).catch(() => undefined));
      if (!body) return void response.writeHead(404).end('no such page');
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    }
  }
}
