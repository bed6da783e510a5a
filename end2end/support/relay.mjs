// Between a browser and the server's port: a TCP connection each, which break off when they are told to.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** @typedef {import('node:net').Socket} Socket */

export class Relay {
  /** @type {Set<Socket>} */
  #ends = new Set();
  #upLeft = Infinity;
  #downLeft = Infinity;
  #isCut = false;

  /** @param {number} port of the server */
  constructor(port) {
    this.listener = createServer((near) => {
      if (this.#isCut) return near.destroy();
      const far = connect(port, '127.0.0.1');
      for (const [from, to] of [[near, far], [far, near]]) {
        this.#ends.add(from);
        from.on('data', (bytes) => {
          if (from === near) this.#upLeft -= bytes.length;
          else this.#downLeft -= bytes.length;
          if (this.#upLeft < 0 || this.#downLeft < 0) return this.#cut();
          if (!to.write(bytes)) {
            from.pause();
            to.once('drain', () => from.resume());
          }
        });
        from.on('end', () => to.end());
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#ends.delete(from);
          to.destroy();
        });
      }
    });
  }

  /** @param {string} origin of the server */
  static async start(origin) {
    const relay = new Relay(Number(new URL(origin).port));
    relay.listener.listen(0, '127.0.0.1');
    await once(relay.listener, 'listening');
    return relay;
  }

  /** @param {string} path */
  url(path) {
    const address = this.listener.address();
    if (address === null || typeof address === 'string') throw new Error('the relay does not listen');
    return `http://127.0.0.1:${address.port}${path}`;
  }

  get isCut() {
    return this.#isCut;
  }

  /**
   * All connections break, and no new one comes, after so many bytes from now on: from the browser, or to it.
   * @param {'up' | 'down'} way
   * @param {number} bytes
   */
  cutAfter(way, bytes) {
    if (way === 'up') this.#upLeft = bytes;
    else this.#downLeft = bytes;
  }

  #cut() {
    this.#isCut = true;
    for (const end of this.#ends) end.destroy();
  }

  mend() {
    [this.#upLeft, this.#downLeft, this.#isCut] = [Infinity, Infinity, false];
  }

  stop() {
    this.listener.close();
    for (const end of this.#ends) end.destroy();
  }
}
