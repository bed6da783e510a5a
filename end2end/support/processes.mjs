// /proc → which processes a server has started, what they cost, and whether any of them is left.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * @typedef {object} Process
 * @property {number} pid
 * @property {number} parent
 * @property {string} state the letter of /proc/PID/stat; `Z` is a zombie, which runs no more
 * @property {number} ticks user and system time so far, in clock ticks
 * @property {string} started clock ticks since boot: with the pid it names a process for good
 * @property {string[]} command
 */

/** @type {number} */
let ticksPerSecond = 0;

/** Clock ticks per second of /proc's times. */
export function clockTicks() {
  ticksPerSecond ||= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticksPerSecond;
}

/**
 * `undefined` once it is gone.
 * @param {number} pid
 * @returns {Process | undefined}
 */
export function processOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may itself contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    return {
      pid,
      state: fields[0],
      parent: Number(fields[1]),
      ticks: Number(fields[11]) + Number(fields[12]),
      started: fields[19],
      // Chrome's own children rewrite their command line as one string.
      command: command.length === 1 ? command[0].split(' ') : command,
    };
  } catch {
    return undefined;
  }
}

/** @returns {Process[]} */
export function allProcesses() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processOf(Number(name)) ?? []);
}

/**
 * Everything that `root` has started, and what those have started.
 * @param {number} root
 */
export function descendants(root) {
  const all = allProcesses();
  const found = /** @type {Process[]} */ ([]);
  let parents = new Set([root]);
  while (parents.size > 0) {
    const children = all.filter((process) => parents.has(process.parent));
    found.push(...children);
    parents = new Set(children.map((process) => process.pid));
  }
  return found;
}

/**
 * The same process, not another one that got its number later.
 * @param {Process} process
 */
export function isAlive(process) {
  const now = processOf(process.pid);
  return now !== undefined && now.started === process.started && now.state !== 'Z';
}

/**
 * `--name=value` → `value`.
 * @param {Process} process
 * @param {string} name
 */
export function flag(process, name) {
  return process.command.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
}

/**
 * Chrome's first process: it has a profile, and is nobody's `--type`.
 * @param {Process} process
 */
export function isChromeMain(process) {
  return flag(process, 'user-data-dir') !== undefined && flag(process, 'type') === undefined;
}

/**
 * Memory of one process in bytes, shared pages counted in proportion.
 * @param {number} pid
 */
export function pssBytes(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(rollup);
  if (!kilobytes) throw new Error(`no Pss in /proc/${pid}/smaps_rollup`);
  return Number(kilobytes[1]) * 1024;
}

/**
 * What one process holds: open descriptors, by kind (`socket`, `/memfd:name`); threads; resident bytes that no file
 * backs.
 * @param {number} pid
 */
export function held(pid) {
  /** @type {Record<string, number>} */
  const descriptors = {};
  for (const number of readdirSync(`/proc/${pid}/fd`)) {
    let kind;
    try {
      kind = readlinkSync(`/proc/${pid}/fd/${number}`).split(':[')[0];
    } catch {
      continue; // Closed since.
    }
    descriptors[kind] = (descriptors[kind] ?? 0) + 1;
  }
  const threads = readdirSync(`/proc/${pid}/task`).length;
  const resident = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (!resident) throw new Error(`no RssAnon in /proc/${pid}/status`);
  return { descriptors, threads, bytes: Number(resident[1]) * 1024 };
}
