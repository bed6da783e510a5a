// A server with one session, and a viewer who watches it over a link: what each scenario plays on.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from '@playwright/test';
import { LAUNCH } from './chromium.mjs';
import { bytesReceived } from './link.mjs';
import { PATIENCE, newWindow, reset } from './measure.mjs';
import { clockTicks, descendants, processOf } from './processes.mjs';
import { SAMPLE_MILLIS } from './series.mjs';
import { Server, freePort } from './server.mjs';
import { Site } from './site.mjs';
import { until } from './until.mjs';

const ESTIMATE_MILLIS = 500;
/** Around the video: the page's own bars. */
const AROUND = { width: 120, height: 180 };

/** @typedef {import('./link.mjs').Link} Link */
/** @typedef {import('./series.mjs').Frame} Frame */
/** @typedef {import('./series.mjs').Traffic} Traffic */
/** @typedef {{ psnr: number, smears: number }} Likeness luma PSNR in dB, and 16×16 blocks that show something else */

export class Stage {
  /**
   * @param {Link | null} link `null`: the viewer's browser is beside the server, with nothing between them
   * @param {{ size: { width: number, height: number }, flags: string[] }} options
   */
  constructor(link, { size, flags }) {
    this.link = link;
    this.size = size;
    this.flags = flags;
    this.traffic = /** @type {Traffic[]} */ ([]);
    this.moments = /** @type {{ at: number, what: string }[]} */ ([]);
    this.frames = /** @type {Frame[]} */ ([]);
    /** Bits per second that the server believes the link carries; empty while it does not tell. */
    this.estimates = /** @type {{ at: number, bits: number }[]} */ ([]);
    this.session = '';
    /** From the loaded page to the connected peer. */
    this.connectedAfterMillis = NaN;
    this.closers = /** @type {(() => unknown)[]} */ ([]);
    this.began = { at: performance.now(), ticks: busyTicks(), own: ownTicks() };
  }

  /** Processor time per second that the rest of the machine has taken so far, in cores. Only before `strike`. */
  otherCores() {
    const seconds = (performance.now() - this.began.at) / 1000;
    const others = busyTicks() - this.began.ticks - (ownTicks() - this.began.own);
    return Math.max(others / clockTicks() / seconds, 0);
  }

  /**
   * Starts a server and a browser; nobody watches yet.
   * @param {Link | null} link
   * @param {{ size: { width: number, height: number }, flags: string[] }} options
   */
  static async set(link, options) {
    const stage = new Stage(link, options);
    try {
      await stage.start();
      return stage;
    } catch (problem) {
      await stage.strike();
      throw problem;
    }
  }

  async start() {
    const { link } = this;
    this.site = await Site.start();
    this.closers.push(() => this.site?.stop());
    this.run = this.site.run();
    const server = await Server.start(
      link
        ? {
            host: link.serverIp,
            mediaPort: link.mediaPort,
            flags: ['--public-ip', link.publicIp, ...this.flags],
          }
        : { port: await freePort(), flags: this.flags },
    );
    this.server = server;
    this.closers.push(() => server.stop());
    const browser = await chromium.launch({
      executablePath: link ? wrapped(link.viewerNamespace) : LAUNCH.executablePath,
      // The page of a real server comes over TLS.
      args: [...LAUNCH.args, `--unsafely-treat-insecure-origin-as-secure=${server.entry.origin}`],
      headless: true,
    });
    this.browser = browser;
    this.closers.push(() => browser.close());
    if (link) {
      // Any program in that namespace will do, as long as it lives as long as we.
      const entered = [`--net=${link.viewerNamespace}`, '--', 'sh', '-c', 'echo inside; exec cat'];
      const witness = spawn('nsenter', entered, { stdio: ['pipe', 'pipe', 'inherit'] });
      this.closers.push(() => witness.kill());
      await once(witness.stdout, 'data');
      this.watchTraffic(Number(witness.pid), link.viewerDevice);
    } else {
      this.watchTraffic(process.pid, 'lo');
    }
  }

  /**
   * @param {number} pid a process in the viewer's namespace
   * @param {string} device
   */
  watchTraffic(pid, device) {
    const timer = setInterval(() => this.traffic.push({ at: Date.now(), bytes: bytesReceived(pid, device) }), SAMPLE_MILLIS);
    this.closers.push(() => clearInterval(timer));
  }

  /**
   * Opens a page of the site and watches it over the link. Returns the moment when the viewer is connected: whether it
   * ever gets a picture depends on the link.
   * @param {string} page such as `scenery.html#scroll`
   * @param {Record<string, string>} [params]
   */
  async open(page, params) {
    const { server, browser, run } = this.ready();
    const [path, hash] = page.split('#');
    this.session = await server.open(run.url(path, params) + (hash ? `#${hash}` : ''));
    const { width, height } = this.size;
    const viewport = { width: width + AROUND.width, height: height + AROUND.height };
    this.viewer = await newWindow(browser, server, viewport);
    // Ages are read from the very first frame on.
    await this.viewer.context().addInitScript(() => {
      window.stopwatch.reads = 'clock';
    });
    // A viewer on a narrow link waits long for the page's own program.
    this.viewer.setDefaultTimeout(3 * PATIENCE);
    this.viewer.setDefaultNavigationTimeout(3 * PATIENCE);
    await this.viewer.goto(server.url(`/s/${this.session}`));
    const began = performance.now();
    /** @type {string[]} */
    let peers = [];
    let text = '';
    await until(
      async () => {
        ({ peers, text } = await this.page().evaluate(() => ({
          peers: window.instruments.peers.map((peer) => peer.connectionState),
          text: document.body.innerText,
        })));
        return peers.includes('connected');
      },
      () => `the viewer does not connect: its peers are [${peers.join(', ')}], its page says ${JSON.stringify(text)}`,
      3 * PATIENCE,
    );
    this.connectedAfterMillis = performance.now() - began;
    this.mark('connected');
    const timer = setInterval(() => this.noteEstimate(server), ESTIMATE_MILLIS);
    this.closers.push(() => clearInterval(timer));
    return Date.now();
  }

  /** @param {Server} server */
  async noteEstimate(server) {
    const reply = await fetch(server.url('/metrics'), { headers: server.bearer }).catch(() => null);
    const value = /^farpane_estimated_bandwidth_bits_per_second(?:\{[^}]*\})? (\S+)$/m.exec((await reply?.text().catch(() => '')) ?? '');
    if (value) this.estimates.push({ at: Date.now(), bits: Number(value[1]) });
  }

  /**
   * From now on frames' ages are read.
   * @param {number} [rest] milliseconds between two readings
   */
  async beginClock(rest) {
    await reset(this.page(), 'clock', rest);
    await until(
      () => this.page().evaluate(() => window.stopwatch.frames.some(({ age }) => typeof age === 'number')),
      () => 'no barcode can be read',
      PATIENCE,
    );
  }

  /**
   * What scenery.html does next; returns when it does, and that moment.
   * @param {'scroll' | 'heavy' | 'still'} phase
   */
  async become(phase) {
    const { server, run } = this.ready();
    const before = run.all('phase').length;
    await server.call('navigate', { session: this.session, url: `${run.url('scenery.html')}#${phase}-${before}` });
    const event = await until(
      () => run.all('phase', { phase }).find((event) => run.all('phase').indexOf(event) >= before),
      () => `the page did not become ${phase}`,
      PATIENCE,
    );
    this.mark(phase);
    return /** @type {{ at: number, picture: string }} */ (/** @type {unknown} */ (event));
  }

  /** @param {string} what */
  mark(what) {
    this.moments.push({ at: Date.now(), what });
  }

  /** Keeps the frames seen so far, in epoch time. */
  async collect() {
    const taken = await this.page().evaluate(() => {
      const frames = window.stopwatch.frames.splice(0);
      return { frames, epoch: Date.now() - performance.now() };
    });
    this.frames.push(...taken.frames.map(({ at, age }) => ({ at: at + taken.epoch, age: age ?? null })));
    return this.frames;
  }

  /**
   * The video now, against the page's own pixels.
   * @param {string} picture the page's, as a data URL
   * @returns {Promise<Likeness | null>}
   */
  async likeness(picture) {
    return this.page().evaluate(compare, picture);
  }

  /**
   * Waits, with the clock running.
   * @param {number} seconds
   */
  async last(seconds) {
    await pause(seconds * 1000);
  }

  page() {
    if (!this.viewer) throw new Error('nobody watches');
    return this.viewer;
  }

  ready() {
    const { site, run, server, browser } = this;
    if (!site || !run || !server || !browser) throw new Error('the stage is not set');
    return { site, run, server, browser };
  }

  /** Ends everything that was started, the last first. */
  async strike() {
    for (const close of this.closers.reverse()) await close();
    this.closers = [];
  }
}

/** Ticks of all processors, ever, that were not idle, those included that another machine on the same hardware has taken. */
function busyTicks() {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1).map(Number);
  return user + nice + system + irq + softirq + steal;
}

/** Ticks of all that this program has started and that still runs. */
function ownTicks() {
  const own = processOf(process.pid);
  return [...(own ? [own] : []), ...descendants(process.pid)].reduce((sum, { ticks }) => sum + ticks, 0);
}

/**
 * A program that starts the viewer's browser inside that namespace. Gone when this process ends.
 * @param {string} namespace
 */
export function wrapped(namespace) {
  const folder = mkdtempSync(join(tmpdir(), 'farpane-viewer-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'chromium');
  writeFileSync(path, `#!/bin/sh\nexec nsenter --net=${namespace} -- ${LAUNCH.executablePath} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

/**
 * Runs in the viewer's page.
 * @param {string} picture
 */
async function compare(picture) {
  const video = document.querySelector('video');
  if (!video?.videoWidth) return null;
  const { naturalWidth: width, naturalHeight: height, image } = await new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve({ naturalWidth: image.naturalWidth, naturalHeight: image.naturalHeight, image });
    image.onerror = () => reject(new Error('the picture cannot be read'));
    image.src = picture;
  });
  const luma = (/** @type {CanvasImageSource} */ source) => {
    const brush = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    if (!brush) throw new Error('no 2d context');
    brush.drawImage(source, 0, 0, width, height);
    const { data } = brush.getImageData(0, 0, width, height);
    return Float32Array.from({ length: width * height }, (_, at) => 0.2126 * data[at * 4] + 0.7152 * data[at * 4 + 1] + 0.0722 * data[at * 4 + 2]);
  };
  const [seen, meant] = [luma(video), luma(image)];
  // Below the barcode, which is not on the page's canvas; whole macroblocks.
  const [TOP, BLOCK] = [32, 16];
  // The root mean square of a block that shows something else: text against other text is above 40, the coarsest
  // quantizer of the right text below 20.
  const SMEAR = 30;
  let [sum, count, smears] = [0, 0, 0];
  for (let top = TOP; top + BLOCK <= height; top += BLOCK) {
    for (let left = 0; left + BLOCK <= width; left += BLOCK) {
      let block = 0;
      for (let y = top; y < top + BLOCK; y++) {
        for (let x = left; x < left + BLOCK; x++) block += (seen[y * width + x] - meant[y * width + x]) ** 2;
      }
      if (Math.sqrt(block / BLOCK ** 2) > SMEAR) smears++;
      sum += block;
      count += BLOCK ** 2;
    }
  }
  return { psnr: 10 * Math.log10(255 ** 2 / Math.max(sum / count, 1e-3)), smears };
}
