// Where only the port of the pages can be reached: pictures and messages over a web socket.

import { get } from 'node:http';
import { spread } from '../support/figures.mjs';
import { expect, test } from '../support/fixtures';
import { hideH264, keepMediaPortShut } from '../support/instruments.mjs';
import { clicksAndTypes } from '../support/journey';
import type { Server } from '../support/server.mjs';
import { GREEN, YELLOW } from '../support/viewer';

const SOCKET = 'Web socket';

test('pictures and input take the web socket', async ({ open, page, run }) => {
  await page.addInitScript(keepMediaPortShut);
  const began = performance.now();
  const viewer = await open('recorder.html');
  console.log(`  no media port: connected after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  let posts = 0;
  page.on('request', (request) => {
    if (request.url().endsWith('/api/send_input')) posts++;
  });
  await clicksAndTypes(viewer, run, 'Over a web socket');
  expect(posts, 'input travels on the socket too').toBe(0);
  await expect(page).toHaveTitle(/Recorder/);
  expect(await viewer.cursorAt(await run.center('field'))).toBe('text');

  await viewer.travelsBy(SOCKET);
  const panel = viewer.statistics;
  await expect(panel, 'TCP tells nobody what was lost').toContainText(/Packet loss\s*–/);
  await expect(panel).toContainText(/1280\s*[×x]\s*720/);
  await expect(panel).toContainText(/Round trip time\s*[0-9.]+ ms/);
});

test('pictures are fresh, and the latency is told', async ({ open, page }) => {
  await page.addInitScript(keepMediaPortShut);
  const viewer = await open('counter.html', { clock: '' });
  await viewer.flows();
  // The same clock draws and looks: both browsers run on this machine.
  const seen = await page.evaluate(async () => {
    const ages: number[] = [];
    let before: number | null = null;
    const until = performance.now() + 3000;
    while (performance.now() < until) {
      await new Promise(requestAnimationFrame);
      const drawn = await window.instruments.barcode();
      if (drawn === null || drawn === before) continue;
      before = drawn;
      ages.push((((Date.now() - drawn) % 2 ** 20) + 2 ** 20) % 2 ** 20);
    }
    return ages;
  });
  const { p50, p95, samples } = spread(seen);
  console.log(`  over the web socket: ${(samples / 3).toFixed(0)} new pictures/s, age p50 ${p50} ms, p95 ${p95} ms`);
  expect(samples / 3, 'pictures per second').toBeGreaterThan(5);
  // Rather for what piles up than for what a busy machine takes; `cargo xtask bench` measures.
  expect(p50, 'age of the picture').toBeLessThan(600);
});

test('a decoder that fails gets a keyframe, and nothing stays broken', async ({ open, page }) => {
  await page.addInitScript(keepMediaPortShut);
  await page.addInitScript(() => {
    const decode = VideoDecoder.prototype.decode;
    let spoils = false;
    VideoDecoder.prototype.decode = function (chunk) {
      if (!spoils || chunk.type === 'key') return decode.call(this, chunk);
      spoils = false;
      const { timestamp } = chunk;
      return decode.call(this, new EncodedVideoChunk({ type: 'delta', timestamp, data: new Uint8Array(500).fill(255) }));
    };
    Object.assign(window, { spoil: () => (spoils = true) });
  });
  const viewer = await open('counter.html');
  for (let round = 0; round < 3; round++) {
    await viewer.flows();
    await page.evaluate('spoil()');
  }
  await viewer.flows();
  await viewer.connected();
});

test('a socket that is lost comes back by itself', async ({ open, page, run, server }) => {
  await page.addInitScript(keepMediaPortShut);
  const viewer = await open('counter.html');
  await viewer.flows();
  const sockets = () => page.evaluate(() => window.instruments.sockets.length);
  const before = await sockets();
  await page.evaluate(() => window.instruments.sockets.at(-1)?.close());
  await expect.poll(sockets).toBeGreaterThan(before);
  await viewer.connected();
  await viewer.flows();
  // Tabs too: state comes on it, and another page's pictures.
  await server.call('new_tab', { session: viewer.session, url: run.url('page.html', { name: 'Second', color: 'rgb(0, 180, 0)' }) });
  await expect(viewer.tab('Second')).toBeVisible();
  await viewer.shows(GREEN);
  await viewer.tab('Counter').click();
  await viewer.flows();
  expect((await server.sessions())[0].viewers).toBe(1);
});

test('two viewers on different ways see the same, and both can act', async ({ open, join, page, run }) => {
  await page.addInitScript(keepMediaPortShut);
  const first = await open('recorder.html');
  const second = await join(first);
  const target = await run.center('target');
  await second.click(target);
  await first.shows(GREEN, target);
  await second.shows(GREEN, target);
  await first.click(target);
  await second.shows(YELLOW, target);
  await first.shows(YELLOW, target);
  await first.travelsBy(SOCKET);
  await second.travelsBy('UDP');
});

test('WebRTC takes over as soon as it finds a way', async ({ open, page }) => {
  await page.addInitScript(keepMediaPortShut);
  const viewer = await open('counter.html');
  await viewer.travelsBy(SOCKET);
  // An attempt gives up after ten seconds; the next follows at once when the network has changed.
  await page.evaluate(() => {
    window.mediaPort.open();
    setInterval(() => dispatchEvent(new Event('online')), 500);
  });
  await viewer.travelsBy('UDP', 30_000);
  await viewer.flows();
  await expect.poll(() => page.evaluate(() => window.instruments.sockets.at(-1)?.readyState), 'no socket is kept').toBe(3);
});

test('without WebCodecs a sentence says what is in the way, and input still works', async ({ admit, page, run, server }) => {
  await page.addInitScript(keepMediaPortShut);
  await page.addInitScript(() => {
    Reflect.deleteProperty(window, 'VideoDecoder');
  });
  await admit(page.context());
  const session = await server.open(run.url('recorder.html'));
  await page.goto(server.url(`/s/${session}`));
  await expect(page.locator('body')).toContainText(/No pictures arrive.*WebCodecs/, { timeout: 20_000 });
  const target = await run.center('target');
  const box = await page.getByLabel('Remote browser').boundingBox();
  if (!box) throw new Error('no video');
  const scale = Math.min(box.width / 1280, box.height / 720);
  const [left, top] = [(box.width - 1280 * scale) / 2, (box.height - 720 * scale) / 2];
  await page.mouse.click(box.x + left + target.x * scale, box.y + top + target.y * scale);
  await run.saw('click', { target: 'target' });
});

test('a browser without H.264 in WebRTC takes the web socket at once', async ({ open, page, run }) => {
  await page.addInitScript(hideH264);
  const viewer = await open('recorder.html');
  await clicksAndTypes(viewer, run, 'Without a plugin');
  await viewer.travelsBy(SOCKET);
  const offers = () => page.evaluate(() => window.instruments.peers.filter((peer) => peer.localDescription).length);
  expect(await offers(), 'nothing was waited for').toBe(0);
});

test('a browser that cannot decode H.264 at all is told so in one sentence', async ({ admit, page, run, server }) => {
  await page.addInitScript(hideH264);
  await page.addInitScript(() => {
    Reflect.deleteProperty(window, 'VideoDecoder');
  });
  await admit(page.context());
  await page.goto(server.url(`/s/${await server.open(run.url('recorder.html'))}`));
  await expect(page.getByRole('status')).toHaveText('This browser cannot decode H.264 video, which Farpane sends.');
});

test('nonsense on the socket is survived', async ({ open, page, run }) => {
  await page.addInitScript(keepMediaPortShut);
  const viewer = await open('recorder.html');
  await page.evaluate(() => {
    const socket = window.instruments.sockets.at(-1);
    if (socket?.readyState !== WebSocket.OPEN) throw new Error('no socket is open');
    socket.send('text, where bytes are expected');
    for (const length of [0, 1, 2, 5, 7, 300, 16_000]) {
      for (const first of [0, 1, 2, 255]) {
        const bytes = crypto.getRandomValues(new Uint8Array(length));
        if (length > 0) bytes[0] = first;
        socket.send(bytes);
      }
    }
  });
  await expect(viewer.notice(/cannot be read/).first()).toBeVisible();
  const target = await run.center('target');
  await viewer.click(target);
  await run.saw('click', { target: 'target' });
  await viewer.shows(GREEN, target);
  // Too long for any message: this socket is closed, the next one comes by itself.
  await page.evaluate(() => window.instruments.sockets.at(-1)?.send(new Uint8Array(200_000)));
  await expect.poll(() => page.evaluate(() => window.instruments.sockets.length)).toBeGreaterThan(1);
  await viewer.connected();
  await viewer.click(target);
  await viewer.shows(YELLOW, target);
});

/** What the server answers to an upgrade: its status, 101 if it takes it. */
async function upgrade(server: Server, query: string, headers: Record<string, string>): Promise<number | undefined> {
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.from('sixteen letters.').toString('base64'),
  };
  return new Promise((resolve, reject) => {
    const request = get(server.url(`/api/socket?${query}`), { headers: { ...handshake, ...headers } });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    request.on('error', reject);
  });
}

test('the socket is for who may, from this site alone', async ({ open, server, page, site }) => {
  const { session } = await open('green.html');
  const { viewer } = await server.call('join', { session });
  const query = `session=${session}&viewer=${viewer}`;
  const [{ name, value }] = await page.context().cookies();
  const cookie = `${name}=${value}`;
  expect(await upgrade(server, query, {}), 'no token').toBe(401);
  expect(await upgrade(server, query, { authorization: 'Bearer wrong' })).toBe(401);
  for (const origin of [site.origin, 'null', 'https://farpane.example']) {
    expect(await upgrade(server, query, { cookie, origin }), origin).toBe(403);
  }
  expect(await upgrade(server, query, { cookie, 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await upgrade(server, `session=${session}&viewer=nosuchviewer`, server.bearer)).toBe(404);
  expect(await upgrade(server, `session=nosuchsession&viewer=${viewer}`, server.bearer)).toBe(404);
  expect(await upgrade(server, 'session=../etc', server.bearer)).toBe(400);
  expect(await upgrade(server, query, { cookie, origin: server.entry.origin })).toBe(101);
  expect(await upgrade(server, query, server.bearer), 'a script').toBe(101);
});
