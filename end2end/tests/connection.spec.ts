// Between viewer and server: without data channels, and with nonsense on every way in.

import { expect, test } from '../support/fixtures';
import { keepDataChannelsShut, keepDecoderShut, keepUdpShut } from '../support/instruments.mjs';
import { clicks, clicksAndTypes } from '../support/journey';
import { GREEN, Viewer, YELLOW } from '../support/viewer';

test('without data channels the server functions carry the input', async ({ open, page, run }) => {
  await page.addInitScript(keepDataChannelsShut);
  let posts = 0;
  page.on('request', (request) => {
    if (request.url().endsWith('/api/send_input')) posts++;
  });
  const viewer = await open('recorder.html');
  await clicksAndTypes(viewer, run, 'Over HTTP');
  expect(posts).toBeGreaterThan(0);
  // What the server tells arrives as well.
  await expect(page).toHaveTitle(/Recorder/);
  await viewer.visit(run.url('page.html', { name: 'Elsewhere', color: 'rgb(0, 180, 0)' }));
  await viewer.shows(GREEN);
  await expect(page).toHaveTitle(/Elsewhere/);
});

test('where UDP is blocked, pictures and input take TCP on the same port', async ({ open, page, run }) => {
  await page.addInitScript(keepUdpShut);
  const viewer = await open('recorder.html');
  await clicks(viewer, run);
  await viewer.travelsBy('TCP');
});

test('a browser that could not decode the first pictures shows the next one, of a page at rest too', async ({
  admit,
  page,
  run,
  server,
}) => {
  await admit(page.context());
  await page.addInitScript(keepDecoderShut);
  const viewer = new Viewer(page, server, await server.open(run.url('green.html')));
  await page.goto(server.url(`/s/${viewer.session}`));
  const asked = () =>
    page.evaluate(async () => {
      const stats = await window.instruments.peers.at(-1)?.getStats();
      const stream = [...(stats?.values() ?? [])].find(({ type }) => type === 'inbound-rtp');
      return Number(stream?.pliCount ?? 0);
    });
  await expect.poll(asked, { message: 'the browser asks for a keyframe' }).toBeGreaterThan(4);
  await expect(viewer.status).toContainText('Connecting');
  await page.evaluate(() => (window as unknown as { decoder: { open(): void } }).decoder.open());
  await viewer.connected();
  await viewer.shows(YELLOW);
});

test('nonsense on the data channels is survived', async ({ open, run }) => {
  const viewer = await open('recorder.html');
  await viewer.page.evaluate(() => {
    const open = window.instruments.channels.filter((channel) => channel.readyState === 'open');
    if (open.length < 2) throw new Error(`${open.length} data channels are open`);
    for (const channel of open) {
      for (const length of [0, 1, 2, 7, 300, 16_000]) {
        for (const first of [0, 1, 255]) {
          const bytes = crypto.getRandomValues(new Uint8Array(length));
          if (length > 0) bytes[0] = first;
          channel.send(bytes);
        }
      }
      channel.send('text, where bytes are expected');
    }
  });
  await clicks(viewer, run);
  await viewer.connected();
});

test('nonsense in a body is a typed error, and the session lives on', async ({ open, server }) => {
  const viewer = await open('counter.html');
  const { session } = viewer;
  const { viewer: other } = await server.call('join', { session });
  const said = { error: expect.stringMatching(/^[a-z_]+$/), message: expect.stringMatching(/\w+ \w+/) };
  for (const [name, body, status] of [
    ['open', '{', 400],
    ['open', '', 400],
    ['open', '[1, 2]', 400],
    ['open', { url: 'x', size: { width: 1281, height: 720 } }, 400],
    ['navigate', { session }, 400],
    ['navigate', { session: '../etc', url: 'x' }, 400],
    ['navigate', { session: 'nosuchsession', url: 'example.org' }, 404],
    ['navigate', { session, url: 'http://' }, 422],
    ['navigate', { session, url: 'http://exa mple.org:99999/' }, 422],
    ['activate_tab', { session, tab: 'NOSUCHTAB' }, 404],
    ['offer', { session, viewer: other, sdp: 'nonsense' }, 400],
    ['offer', { session, viewer: other, sdp: 'v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n' }, 400],
    ['offer', { session, viewer: 'nosuchviewer', sdp: 'v=0' }, 404],
    ['send_input', { session, viewer: other, messages: [{ Jump: {} }] }, 400],
    ['send_input', { session, viewer: 'nosuchviewer', messages: [] }, 404],
    ['answer_dialog', { session, accept: true }, 409],
    ['restart', { session }, 409],
  ] as const) {
    const answer = await server.ask(name, body);
    const what = `${name} ${JSON.stringify(body)}`;
    expect(answer.body, what).toEqual(said);
    expect(answer.status, what).toBe(status);
  }
  const odd = await server.ask('send_input', {
    session,
    viewer: other,
    messages: [
      { PointerMove: { sequence: 1, at: { x: 1e30, y: -1e30 } } },
      { PointerButton: { at: { x: 5, y: 5 }, button: 'Left', pressed: false } },
      { Key: { code: 'NoSuchKey', key: 'Nothing', pressed: true, repeat: true, modifiers: {} } },
      { HeldKeys: { codes: ['KeyA', 'NoSuchKey'] } },
      { Wheel: { at: { x: 5, y: 5 }, delta_x: 1e30, delta_y: -1e30, notched: true } },
    ],
  });
  expect(odd.status).toBeLessThan(500);
  await viewer.flows();
});

test('no such function is a plain no', async ({ server }) => {
  expect((await server.ask('no_such_function')).status).toBeGreaterThanOrEqual(400);
  expect((await server.ask('no_such_function')).status).toBeLessThan(500);
});

test('a script can do what a person does', async ({ open, server, run }) => {
  const viewer = await open('recorder.html');
  const { session } = viewer;
  const target = await run.center('target');
  const { viewer: script, state } = await server.call('join', { session });
  expect(state.phase).toBe('Running');
  expect(state.geometry.video).toEqual({ width: 1280, height: 720 });
  expect(state.tabs).toHaveLength(1);
  const press = (pressed: boolean) => ({ PointerButton: { at: target, button: 'Left', pressed } });
  await server.call('send_input', { session, viewer: script, messages: [press(true), press(false)] });
  await run.saw('click', { target: 'target' });
  await viewer.shows(GREEN, target);

  await server.call('navigate', { session, url: run.url('green.html') });
  await viewer.shows(YELLOW, { x: 60, y: 60 });
  const later = await server.call('updates', { session, viewer: script, after: state.version });
  expect(later.version).toBeGreaterThan(state.version);
  await server.call('back', { session });
  await expect(viewer.address).toHaveValue(/recorder\.html/);
  await server.call('leave', { session, viewer: script });
});
