// The built product and a large file → how fast it is handed over either way, and what memory that takes. `--mebibytes` says
// how large. It measures and never judges.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { table } from './support/figures.mjs';
import { Server } from './support/server.mjs';
import { fileOf, Site } from './support/site.mjs';
import { until } from './support/until.mjs';

const { values: options } = parseArgs({ options: { mebibytes: { type: 'string', default: '1024' } } });
const bytes = Number(options.mebibytes) * 1024 * 1024;
const PATIENCE_MILLIS = 120_000;

const site = await Site.start();
const run = site.run();
const server = await Server.start({ flags: ['--grace', '60s'] });
try {
  const session = await server.open(run.url('files.html'));
  await run.saw('seen', {}, PATIENCE_MILLIS);
  const { viewer } = await server.call('join', { session });
  const state = () => server.call('updates', { session, viewer, after: 0 });
  /** @param {{ x: number, y: number }} at */
  const click = (at) =>
    server.call('send_input', {
      session,
      viewer,
      messages: [true, false].map((pressed) => ({ PointerButton: { at, button: 'Left', pressed } })),
    });
  /** Resident memory now, in MiB. */
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024;
  /** @param {() => Promise<void>} act */
  const timed = async (act) => {
    const before = memory();
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, memory())), 20);
    const began = performance.now();
    await act();
    const seconds = (performance.now() - began) / 1000;
    clearInterval(watch);
    return [`${Math.round(bytes / 1e6 / seconds)} MB/s`, `${(most - before).toFixed(1)} MiB`];
  };

  await server.call('navigate', { session, url: `${site.origin}/file?name=large.bin&bytes=${bytes}` });
  await until(
    async () => (await state()).downloads[0]?.state === 'Finished',
    () => 'Chrome does not finish the download',
    PATIENCE_MILLIS,
  );
  const [{ id }] = (await state()).downloads;
  const download = await timed(async () => {
    const reply = await fetch(server.url(`/api/download?session=${session}&download=${id}`), { headers: server.bearer });
    let got = 0;
    for await (const part of reply.body ?? []) got += part.length;
    if (got !== bytes) throw new Error(`${got} of ${bytes} bytes arrived`);
  });

  await click(await run.center('many'));
  const body = fileOf(bytes);
  await until(
    async () => {
      const put = await fetch(server.url(`/api/upload?session=${session}&chooser=1&path=small`), { method: 'PUT', body: 'a', headers: server.bearer });
      return put.ok;
    },
    () => 'the page asks for no file',
    PATIENCE_MILLIS,
  );
  const upload = await timed(async () => {
    const put = await fetch(server.url(`/api/upload?session=${session}&chooser=1&path=large`), { method: 'PUT', body, headers: server.bearer });
    if (!put.ok) throw new Error(await put.text());
  });
  console.log(table(['', 'speed', 'memory'], [['download', ...download], ['upload', ...upload]]));
} finally {
  await server.stop();
  await site.stop();
}
