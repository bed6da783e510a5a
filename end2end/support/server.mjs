// farpane's binary → a running server: its URL, its token, its Chromes, its end.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { descendants, flag, isAlive, isChromeMain } from './processes.mjs';
import { until } from './until.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const BINARY = process.env.FARPANE_BIN ?? resolve(ROOT, 'target/release/farpane');

/** A loaded machine still manages this many times over; beyond it the server hangs. */
const START_MILLIS = 20_000;
/** What a server may take to end its sessions and itself. */
const STOP_MILLIS = 15_000;

/** @typedef {import('./processes.mjs').Process} Process */
/** @typedef {{ status: number, body: any }} Answer */

/** A port that is free now. */
export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/**
 * Where a server has its sessions' downloads and uploads.
 * @param {string} runtimeDir
 */
const filesDir = (runtimeDir) => `${runtimeDir}-files`;

/** A directory that the users of the Chromes can pass through. */
function newRuntimeDir() {
  const path = mkdtempSync(join(tmpdir(), 'farpane-end2end-'));
  chmodSync(path, 0o711);
  return path;
}

export class Server {
  /**
   * @param {import('node:child_process').ChildProcess} child
   * @param {string} runtimeDir
   */
  constructor(child, runtimeDir) {
    this.child = child;
    /** Where its Chromes have their private files; a server of other tests has another one. */
    this.runtimeDir = runtimeDir;
    /** All it printed. */
    this.log = /** @type {string[]} */ ([]);
    /** @type {URL} */
    this.entry = new URL('http://unknown');
    /** @type {Map<string, Process>} */
    this.everStarted = new Map();
  }

  /**
   * Starts one and waits for the URL it prints. Its pages have a size of their own, so that tests know where things are;
   * without one they follow the viewer's window.
   * @param {{ flags?: string[], env?: Record<string, string>, host?: string, port?: number, mediaPort?: number,
   *   runtimeDir?: string, size?: string | null }} [options]
   */
  static async start({ flags = [], env = {}, host = '127.0.0.1', port, mediaPort = 0, runtimeDir = newRuntimeDir(), size = '1280x720' } = {}) {
    if (!existsSync(BINARY)) {
      throw new Error(`no server at ${BINARY}: build it with \`cargo xtask build\`, or set FARPANE_BIN`);
    }
    const listen = `${host}:${port ?? (await freePort())}`;
    const dirs = ['--runtime-dir', runtimeDir, '--files-dir', filesDir(runtimeDir)];
    const settings = ['--listen', listen, '--media-port', String(mediaPort), ...dirs];
    const fixed = size === null || flags.includes('--size') ? [] : ['--size', size];
    const child = spawn(BINARY, ['serve', ...settings, ...fixed, ...flags], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const server = new Server(child, runtimeDir);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => server.log.push(text));
    }
    try {
      const url = await until(
        () => {
          if (server.hasEnded) throw new Error(`the server ended at once:\n${server.printed}`);
          return /http:\/\/\S+[?&]token=[^\s"\x1b]+/.exec(server.printed)?.[0];
        },
        () => `the server printed no URL with a token:\n${server.printed}`,
        START_MILLIS,
      );
      server.entry = new URL(url);
      await until(
        () => fetch(server.url('/healthz')).then((reply) => reply.ok, () => false),
        () => `the server does not answer:\n${server.printed}`,
        START_MILLIS,
      );
      return server;
    } catch (problem) {
      await server.stop();
      throw problem;
    }
  }

  get printed() {
    return this.log.join('');
  }

  get hasEnded() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get pid() {
    if (this.child.pid === undefined) throw new Error('the server has no pid');
    return this.child.pid;
  }

  get token() {
    return this.entry.searchParams.get('token') ?? '';
  }

  /** @param {string} path */
  url(path) {
    return new URL(path, this.entry.origin).href;
  }

  /** What a script sends instead of a cookie. */
  get bearer() {
    return { authorization: `Bearer ${this.token}` };
  }

  /**
   * Calls a server function; a string is sent as it is.
   * @param {string} name
   * @param {unknown} [body]
   * @param {Record<string, string>} [headers]
   * @returns {Promise<Answer>}
   */
  async ask(name, body = {}, headers = this.bearer) {
    const reply = await fetch(this.url(`/api/${name}`), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      redirect: 'manual',
    });
    const text = await reply.text();
    try {
      return { status: reply.status, body: text === '' ? null : JSON.parse(text) };
    } catch {
      return { status: reply.status, body: text };
    }
  }

  /**
   * Like `ask`, for what must succeed.
   * @param {string} name
   * @param {unknown} [body]
   */
  async call(name, body = {}) {
    const answer = await this.ask(name, body);
    if (answer.status !== 200) {
      throw new Error(`/api/${name} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  /**
   * Opens a session and gives its id.
   * @param {string} url
   * @returns {Promise<string>}
   */
  async open(url) {
    const { session } = await this.call('open', { url });
    this.remember();
    return session;
  }

  /** @returns {Promise<{ session: string, title: string, url: string, viewers: number }[]>} */
  async sessions() {
    return this.call('sessions');
  }

  /** Notes what runs now, so that `leftovers` can tell later what should be gone. */
  remember() {
    for (const process of descendants(this.pid)) {
      this.everStarted.set(`${process.pid} ${process.started}`, process);
    }
  }

  /** The first process of each Chrome that runs now. */
  chromes() {
    const mains = descendants(this.pid).filter((process) => isChromeMain(process) && isAlive(process));
    // A wrapper that waits for Chrome has the same flags; Chrome itself is the inner one.
    return mains.filter((outer) => !mains.some((inner) => inner.parent === outer.pid));
  }

  /** The processes that draw pages, now. */
  renderers() {
    return descendants(this.pid).filter(
      (process) => flag(process, 'type') === 'renderer' && isAlive(process),
    );
  }

  /** Processes that it has started and that still run. */
  survivors() {
    return [...this.everStarted.values()].filter(isAlive).map((left) => `${left.pid} ${left.command.join(' ')}`);
  }

  /** What is in the directories of its Chromes' private files, and of its sessions' files. */
  files() {
    const dirs = [this.runtimeDir, filesDir(this.runtimeDir)].filter((dir) => existsSync(dir));
    return dirs.flatMap((dir) => readdirSync(dir));
  }

  /** Paths of what sessions have downloaded and been sent, from where sessions' own folders begin. */
  transferred() {
    const dir = filesDir(this.runtimeDir);
    const entries = existsSync(dir) ? readdirSync(dir, { recursive: true, withFileTypes: true }) : [];
    const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'));
    return files.map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(dir.length + 1));
  }

  /** Processes and files that this server has left behind. */
  leftovers() {
    return [...this.survivors(), ...this.files()];
  }

  /** Asks it to end, waits until it has, and gives what it left behind. */
  async stop() {
    if (!this.hasEnded) {
      this.remember();
      this.child.kill('SIGTERM');
      await this.ended();
    }
    const leftovers = this.leftovers();
    for (const dir of [this.runtimeDir, filesDir(this.runtimeDir)]) rmSync(dir, { recursive: true, force: true });
    return leftovers;
  }

  /** Ends it without a chance to tidy up. */
  async kill() {
    this.remember();
    this.child.kill('SIGKILL');
    await this.ended();
  }

  async ended() {
    await until(
      () => this.hasEnded,
      () => `the server did not end:\n${this.printed}`,
      STOP_MILLIS,
    );
  }
}
