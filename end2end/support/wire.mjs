// Two network namespaces with wires between them: ours, where the server runs, and the viewer's. Wires are cut and swapped.
//
// `cargo xtask test` starts these tests in a fresh network namespace: whatever is done here is gone with its processes.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

/** From the range for measuring network devices (RFC 2544): nobody else's. */
export const SERVER_IP = '198.18.1.1';
/** Both wires: their ends here and at the viewer, and the addresses of these. */
const WIRES = [
  { ours: 'near0', theirs: 'far0', ourIp: SERVER_IP, theirIp: '198.18.1.2' },
  { ours: 'near1', theirs: 'far1', ourIp: '198.18.2.1', theirIp: '198.18.2.2' },
];

/** A plain user's `PATH` lacks what only root needs on the machine itself. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/**
 * @param {string} program
 * @param {string[]} words
 */
function run(program, words) {
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'], env });
}

/** @param {string} words */
const ip = (words) => run('ip', words.split(' '));

export class Wire {
  /** @param {import('node:child_process').ChildProcess} holder keeps the viewer's namespace alive */
  constructor(holder) {
    this.holder = holder;
    this.viewerNamespace = `/proc/${holder.pid}/ns/net`;
  }

  /** The first wire leads to the viewer. */
  static async lay() {
    ip('link set lo up');
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo inside; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    const wire = new Wire(holder);
    wire.farIp('link set lo up');
    for (const { ours, theirs, ourIp, theirIp } of WIRES) {
      ip(`link add ${ours} type veth peer name ${theirs} netns ${holder.pid}`);
      ip(`address add ${ourIp}/24 dev ${ours}`);
      ip(`link set ${ours} up`);
      wire.farIp(`address add ${theirIp}/24 dev ${theirs}`);
    }
    wire.plug(0);
    return wire;
  }

  /** Plugs the viewer into that wire alone, as from Wi-Fi into a cable. */
  plug(/** @type {0 | 1} */ number) {
    const [other, { theirs, ourIp }] = [WIRES[1 - number], WIRES[number]];
    this.farIp(`link set ${other.theirs} down`);
    this.farIp(`link set ${theirs} up`);
    // Chromium asks where the default route leads to find its own address.
    this.farIp(`route replace default via ${ourIp} dev ${theirs}`);
  }

  /**
   * Loses what matches, both ways, where it comes in: whoever sends must not hear of it.
   * @param {'everything' | 'udp' | 'nothing'} what
   */
  lose(what) {
    const rule = { everything: 'iifname != "lo" drop;', udp: 'iifname != "lo" meta l4proto udp drop;', nothing: '' }[what];
    const rules = `table inet cut {}
flush table inet cut
table inet cut { chain arrivals { type filter hook prerouting priority raw; ${rule} }; }
`;
    run('nft', [rules]);
    this.far(['nft', rules]);
  }

  /**
   * Runs a command where the viewer lives.
   * @param {string[]} words
   */
  far(words) {
    run('nsenter', [`--net=${this.viewerNamespace}`, '--', ...words]);
  }

  /** @param {string} words */
  farIp(words) {
    this.far(['ip', ...words.split(' ')]);
  }

  /** Takes the wires away. */
  remove() {
    this.lose('nothing');
    for (const { ours } of WIRES) ip(`link delete ${ours}`);
    this.holder.kill();
  }
}
