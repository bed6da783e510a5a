// What lies between server and viewer: `cargo xtask bench --links` has made it and changes it when asked.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** @typedef {import('./series.mjs').Traffic} Traffic */

/**
 * One more way to say what `xtask` reads: `{ rate: '1500k', queue: '200ms', delay: '20ms', loss: '3%' }`.
 * @typedef {{ rate?: string, queue?: string, delay?: string, jitter?: string, reorder?: string, loss?: string }} Conditions
 */

/** @param {string} name */
function given(name) {
  const value = process.env[name];
  if (!value) throw new Error(`no ${name}: this is started by \`cargo xtask bench --links\``);
  return value;
}

export class Link {
  constructor() {
    this.serverIp = given('LINKS_SERVER_IP');
    /** What the server advertises: packets sent there take the link. */
    this.publicIp = given('LINKS_PUBLIC_IP');
    this.mediaPort = Number(given('LINKS_MEDIA_PORT'));
    /** The file of the network namespace that viewers live in. */
    this.viewerNamespace = given('LINKS_VIEWER_NAMESPACE');
    this.viewerDevice = given('LINKS_VIEWER_DEVICE');
    /** What it has been since `forget`. */
    this.history = /** @type {{ at: number, conditions: Conditions }[]} */ ([]);
    this.answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  }

  /**
   * Returns as soon as it holds; what is not named is without limits.
   * @param {Conditions} conditions
   */
  async become(conditions) {
    const words = Object.entries(conditions).map(([name, value]) => `${name}=${value}`);
    process.stdout.write(`link ${words.join(' ')}\n`);
    const { done } = await this.answers.next();
    if (done) throw new Error('the links are gone');
    this.history.push({ at: Date.now(), conditions });
  }

  forget() {
    this.history = [];
  }

  /** Ends the talk; this process could not end otherwise. */
  close() {
    process.stdin.destroy();
  }
}

/**
 * Bytes that have come in over a device, as that process sees it: lost ones too, which are dropped only later.
 * @param {number} pid
 * @param {string} device
 */
export function bytesReceived(pid, device) {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'utf8').split('\n');
  const line = lines.find((line) => line.trim().startsWith(`${device}:`));
  if (!line) throw new Error(`process ${pid} has no ${device}`);
  return Number(line.trim().split(/[:\s]+/)[1]);
}

/**
 * `1500k` → 1,500,000.
 * @param {string | undefined} text
 */
export function bitsPerSecond(text) {
  if (text === undefined) return undefined;
  return parseFloat(text) * (text.endsWith('M') ? 1e6 : text.endsWith('k') ? 1e3 : 1);
}
