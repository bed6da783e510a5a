// A real TURN server (coturn) on a free port of this machine, for as long as a test runs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './server.mjs';
import { until } from './until.mjs';

const LOGIN = { user: 'viewer', password: 'a-password-of-the-test' };

export class TurnServer {
  /**
   * @param {import('node:child_process').ChildProcess} child
   * @param {string} folder
   * @param {number} port
   */
  constructor(child, folder, port) {
    this.child = child;
    this.folder = folder;
    this.port = port;
    /** All it said. */
    this.log = '';
  }

  static async start() {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'farpane-turn-'));
    const file = join(folder, 'turnserver.conf');
    const lines = [
      'listening-ip=127.0.0.1',
      'relay-ip=127.0.0.1',
      `listening-port=${port}`,
      'lt-cred-mech',
      `user=${LOGIN.user}:${LOGIN.password}`,
      'realm=farpane.test',
      // Whom it relays to is on this machine; otherwise it refuses that, rightly.
      'allow-loopback-peers',
      'no-cli',
      'no-tls',
      'no-dtls',
      'log-file=stdout',
      'simple-log',
      'verbose',
      `userdb=${join(folder, 'turndb')}`,
      `pidfile=${join(folder, 'pid')}`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const child = spawn('turnserver', ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new TurnServer(child, folder, port);
    child.once('error', (problem) => (server.log += problem.message));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (server.log += text));
    }
    try {
      await until(
        () => {
          if (server.hasEnded) throw new Error(`coturn ended at once:\n${server.log}`);
          return answers(port);
        },
        () => `coturn does not listen:\n${server.log}`,
      );
    } catch (problem) {
      await server.stop();
      throw problem;
    }
    return server;
  }

  get hasEnded() {
    return this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /**
   * As `--ice-server` takes it.
   * @param {'udp' | 'tcp'} transport from the viewer to it
   */
  iceServer(transport) {
    return `turn:${LOGIN.user}:${LOGIN.password}@127.0.0.1:${this.port}?transport=${transport}`;
  }

  async stop() {
    if (!this.hasEnded) {
      this.child.kill('SIGTERM');
      await once(this.child, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
